//! How rules compare a string.

use std::sync::Arc;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A comparison with a string: one of three ways, or none.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum StringMatch {
    /// `{}`: for a header, that it is present.
    #[default]
    Any,
    /// The whole string is this.
    Exact(Arc<str>),
    /// It begins with this.
    Prefix(Arc<str>),
    /// The whole string matches this expression (RE2 syntax).
    Regex(Arc<str>),
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Written {
    #[serde(skip_serializing_if = "Option::is_none")]
    exact: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    regex: Option<Arc<str>>,
}

impl<'de> Deserialize<'de> for StringMatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        match (written.exact, written.prefix, written.regex) {
            (None, None, None) => Ok(StringMatch::Any),
            (Some(text), None, None) => Ok(StringMatch::Exact(text)),
            (None, Some(text), None) => Ok(StringMatch::Prefix(text)),
            (None, None, Some(text)) => Ok(StringMatch::Regex(text)),
            _ => Err(D::Error::custom("exact, prefix and regex exclude each other; keep one of them")),
        }
    }
}

impl Serialize for StringMatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut written = Written::default();
        match self {
            StringMatch::Any => {}
            StringMatch::Exact(text) => written.exact = Some(text.clone()),
            StringMatch::Prefix(text) => written.prefix = Some(text.clone()),
            StringMatch::Regex(text) => written.regex = Some(text.clone()),
        }
        written.serialize(serializer)
    }
}
