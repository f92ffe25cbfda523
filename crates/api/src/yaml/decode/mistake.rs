//! What a decoder says when a value is not what it must be.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};

use super::{Path, address};
use crate::suggest::nearest;
use crate::yaml::tree::{Mark, Node, Value};

/// Something wrong with a value or field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mistake {
    pub mark: Mark,
    pub path: String,
    pub message: String,
    pub advice: String,
}

/// A mistake on its way up, at first without a place.
#[derive(Debug)]
pub(super) struct Refusal(Box<Inner>);

#[derive(Debug)]
struct Inner {
    message: String,
    advice: String,
    place: Option<(Mark, String, usize)>,
}

impl Refusal {
    pub(super) fn new(message: String, advice: String) -> Self {
        Refusal(Box::new(Inner { message, advice, place: None }))
    }

    pub(super) fn located(mut self, path: &Path<'_>, node: &Node) -> Self {
        if self.0.place.is_none() {
            self.0.place = Some((node.mark, path.to_string(), address(node)));
        }
        self
    }

    /// The mistake, and the node that it is about.
    pub(super) fn into_parts(self) -> (Mistake, Option<usize>) {
        let Inner { message, advice, place } = *self.0;
        let (mark, path, node) = match place {
            Some((mark, path, node)) => (mark, path, Some(node)),
            None => (Mark { line: 1, column: 1 }, String::new(), None),
        };
        (Mistake { mark, path, message, advice }, node)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Refusal {}

impl Error for Refusal {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let message = message.to_string();
        // Types of ours put their advice behind a semicolon.
        match message.split_once("; ") {
            Some((message, advice)) => Refusal::new(message.to_string(), advice.to_string()),
            None => Refusal::new(message, String::new()),
        }
    }

    fn invalid_type(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Refusal::new(format!("{wanted} is wanted here, but this is {}", unexpected(found)), String::new())
    }

    fn invalid_value(found: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::invalid_type(found, wanted)
    }

    fn unknown_variant(written: &str, possible: &'static [&'static str]) -> Self {
        let advice = match nearest(written, possible.iter().copied()) {
            Some(name) => format!("did you mean {name}? Possible are {}", listed(possible)),
            None => format!("possible are {}", listed(possible)),
        };
        Refusal::new(format!("'{written}' is not a possible value"), advice)
    }

    fn missing_field(field: &'static str) -> Self {
        Refusal::new(format!("'{field}' is missing"), String::new())
    }

    fn duplicate_field(field: &'static str) -> Self {
        Refusal::new(format!("'{field}' is written in two spellings"), "keep one of the two".to_string())
    }
}

/// A value in words.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "empty".to_string(),
        Value::Bool(value, raw) if **raw == *value.to_string() => format!("the truth value {value}"),
        Value::Bool(value, raw) => format!("'{raw}', which YAML takes for {value}"),
        Value::Int(_, raw) | Value::Float(_, raw) => format!("the number {raw}"),
        Value::Text(text) => format!("the text '{}'", short(text)),
        Value::List(_) => "a list".to_string(),
        Value::Map(_) => "a map".to_string(),
    }
}

fn unexpected(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => format!("the truth value {value}"),
        Unexpected::Unsigned(number) => format!("the number {number}"),
        Unexpected::Signed(number) => format!("the number {number}"),
        Unexpected::Float(number) => format!("the number {number}"),
        Unexpected::Str(text) => format!("the text '{}'", short(text)),
        Unexpected::Unit | Unexpected::Option => "empty".to_string(),
        Unexpected::Seq => "a list".to_string(),
        Unexpected::Map => "a map".to_string(),
        other => other.to_string(),
    }
}

fn short(text: &str) -> String {
    const MOST: usize = 60;
    if text.chars().count() <= MOST {
        return text.to_string();
    }
    text.chars().take(MOST).chain(['…']).collect()
}

/// Names in a row: `a, b, c`.
pub(super) fn listed(names: &[&str]) -> String {
    names.join(", ")
}
