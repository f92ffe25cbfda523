//! Envoy's format strings: text with command operators, parsed once, written often. Access logs and
//! values of header mutations use them.

use thiserror::Error;

use super::record::RequestRecord;

/// A parsed format string.
#[derive(Debug, Clone)]
pub struct Format {
    literal: String,
}

/// Why a format string is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FormatError {
    /// No such command operator, or none that this proxy can answer.
    #[error("command operator %{0}% is not supported")]
    Unknown(String),
}

impl Format {
    /// Parses a format string.
    pub fn parse(text: &str) -> Result<Format, FormatError> {
        Ok(Format::literal(text))
    }

    /// A text without operators.
    pub fn literal(text: &str) -> Format {
        Format { literal: text.to_owned() }
    }

    /// Appends the text for a request to `out`.
    pub fn write(&self, _record: &RequestRecord<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(self.literal.as_bytes());
    }
}
