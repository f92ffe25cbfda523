use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Labels of an object or endpoint, sorted by key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(BTreeMap<Arc<str>, Arc<str>>);

/// A word that should have been a label.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is not KEY=VALUE")]
pub struct NotALabel(pub String);

impl Labels {
    /// Reads labels as command lines hold them: each `KEY=VALUE`; empty words are passed over.
    pub fn parse<W: AsRef<str>>(words: &[W]) -> Result<Labels, NotALabel> {
        let words = words.iter().map(AsRef::as_ref).filter(|word| !word.is_empty());
        let pairs = words.map(|word| word.split_once('=').ok_or_else(|| NotALabel(word.to_string())));
        pairs.collect()
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|v| &**v)
    }

    /// Sets a key, replacing what it held.
    pub fn set(&mut self, key: impl Into<Arc<str>>, value: impl Into<Arc<str>>) {
        self.0.insert(key.into(), value.into());
    }

    /// Adds every label of `other`; on the same key `other` wins.
    pub fn merge(&mut self, other: &Labels) {
        for (key, value) in &other.0 {
            self.0.insert(key.clone(), value.clone());
        }
    }

    /// Keys and values in the order of keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (&**k, &**v))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl<K: Into<Arc<str>>, V: Into<Arc<str>>> FromIterator<(K, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Labels(pairs.into_iter().map(|(k, v)| (k.into(), v.into())).collect())
    }
}

/// Labels that something must carry to be selected. What an empty selector means differs by kind
/// of object, so it is the caller who decides; [`Selector::matches`] takes it to match everything.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Selector(Labels);

impl Selector {
    /// Selects what carries all of these.
    pub fn new(labels: Labels) -> Self {
        Selector(labels)
    }

    /// Whether `labels` carry everything asked for.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|(key, value)| labels.get(key) == Some(value))
    }

    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is asked for.
    pub fn labels(&self) -> &Labels {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_asks_for_all_its_labels() {
        let labels: Labels = [("app", "a"), ("version", "v1")].into_iter().collect();
        let select = |pairs: &[(&str, &str)]| Selector::new(pairs.iter().copied().collect()).matches(&labels);
        assert!(select(&[("app", "a")]));
        assert!(select(&[]));
        assert!(!select(&[("app", "a"), ("version", "v2")]));
        assert!(!select(&[("other", "")]));
    }
}
