//! Envoy's format strings: text with command operators, parsed once, written often. Access logs and
//! values of header mutations use them.
//! (envoy: docs, Access logging, Format strings.)

mod clock;
mod json;
mod operator;

use outrigger_traffic::{AccessLog, AccessLogFormat};
use thiserror::Error;

pub use clock::timestamp;
pub use json::JsonFormat;
use operator::Operator;

use super::record::RequestRecord;

/// Why a format string is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FormatError {
    /// No such command operator, or none that this proxy can answer.
    #[error("command operator %{0}% is not supported")]
    Unknown(String),
    /// A `%` that begins no operator.
    #[error("'%' at byte {0} begins no command operator; a literal one is written '%%'")]
    Malformed(usize),
    /// The operator's argument makes no sense.
    #[error("command operator %{operator}%: {why}")]
    Argument {
        /// The operator as written.
        operator: String,
        /// What is the matter.
        why: &'static str,
    },
}

/// A parsed format string.
#[derive(Debug, Clone, PartialEq)]
pub struct Format {
    pieces: Vec<Piece>,
    /// Written where an operator has no value.
    missing: &'static str,
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(String),
    Operator { operator: Operator, max_length: Option<usize> },
}

impl Format {
    /// Parses a format string of an access log: what is missing is written as `-`.
    /// `hostname` stands for `%HOSTNAME%`.
    pub fn parse(text: &str, hostname: &str) -> Result<Format, FormatError> {
        Ok(Format { pieces: pieces(text, hostname)?, missing: "-" })
    }

    /// Parses a header's value: what is missing is left out.
    pub fn parse_header(text: &str, hostname: &str) -> Result<Format, FormatError> {
        Ok(Format { pieces: pieces(text, hostname)?, missing: "" })
    }

    /// A text without operators.
    pub fn literal(text: &str) -> Format {
        Format { pieces: vec![Piece::Text(text.to_owned())], missing: "" }
    }

    /// Appends the text for a request to `out`.
    pub fn write(&self, record: &RequestRecord<'_>, out: &mut Vec<u8>) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Operator { operator, max_length } => {
                    let start = out.len();
                    if operator.value(record).write(out).is_none() {
                        out.extend_from_slice(self.missing.as_bytes());
                    }
                    if let Some(most) = max_length {
                        out.truncate(start + most);
                    }
                }
            }
        }
    }

    /// The operator, if the format is nothing else.
    fn single(&self) -> Option<&Operator> {
        match &*self.pieces {
            [Piece::Operator { operator, max_length: None }] => Some(operator),
            _ => None,
        }
    }
}

/// Whether an access log can be written; what is refused here would be silent later.
pub fn check_access_log(log: &AccessLog) -> Result<(), FormatError> {
    match &log.format {
        AccessLogFormat::Text(text) => Format::parse(text, "").map(|_| ()),
        AccessLogFormat::Json(fields) => JsonFormat::parse(fields, "").map(|_| ()),
    }
}

/// Whether a header's value can be written.
pub fn check_header(value: &str) -> Result<(), FormatError> {
    Format::parse_header(value, "").map(|_| ())
}

fn pieces(text: &str, hostname: &str) -> Result<Vec<Piece>, FormatError> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        literal.push_str(&rest[..at]);
        let position = text.len() - rest.len() + at;
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            literal.push('%');
            rest = after;
            continue;
        }
        let command = Command::read(rest).ok_or(FormatError::Malformed(position))?;
        rest = &rest[command.length..];
        if command.name == "HOSTNAME" {
            literal.push_str(hostname);
            continue;
        }
        if !literal.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut literal)));
        }
        let operator = Operator::parse(command.name, command.argument)?;
        pieces.push(Piece::Operator { operator, max_length: command.max_length });
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal));
    }
    Ok(pieces)
}

/// `NAME`, `NAME(argument)` or either with `:length`, up to the closing `%`.
struct Command<'a> {
    name: &'a str,
    argument: Option<&'a str>,
    max_length: Option<usize>,
    /// Bytes read, with the closing `%`.
    length: usize,
}

impl<'a> Command<'a> {
    fn read(text: &'a str) -> Option<Command<'a>> {
        let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let name_end = text.find(|c| !is_name(c)).filter(|end| *end > 0)?;
        let (name, tail) = text.split_at(name_end);
        if !tail.starts_with('(') {
            let (max_length, used) = Self::end(tail)?;
            return Some(Command { name, argument: None, max_length, length: name_end + used });
        }
        // An argument may hold `)` and `%`; it ends where the operator can end.
        tail.char_indices().filter(|(_, c)| *c == ')').find_map(|(close, _)| {
            let (max_length, used) = Self::end(&tail[close + 1..])?;
            let argument = Some(&tail[1..close]);
            Some(Command { name, argument, max_length, length: name_end + close + 1 + used })
        })
    }

    /// `%` or `:length%`; gives the length and how many bytes were read.
    fn end(tail: &str) -> Option<(Option<usize>, usize)> {
        if tail.starts_with('%') {
            return Some((None, 1));
        }
        let (digits, _) = tail.strip_prefix(':')?.split_once('%')?;
        Some((Some(digits.parse().ok()?), digits.len() + 2))
    }
}

#[cfg(test)]
mod tests;
