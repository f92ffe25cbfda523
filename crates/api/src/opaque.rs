//! Parts of objects that are known but not read.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::absent::Absent;

/// A value that is kept as it was written, because nothing here reads it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Opaque(Option<Box<serde_json::Value>>);

impl Opaque {
    /// The value; `None` if nothing was written.
    pub fn get(&self) -> Option<&serde_json::Value> {
        self.0.as_deref()
    }
}

impl From<serde_json::Value> for Opaque {
    fn from(value: serde_json::Value) -> Self {
        Opaque(Some(Box::new(value)))
    }
}

impl Absent for Opaque {
    fn is_absent(&self) -> bool {
        self.0.is_none()
    }
}

impl Serialize for Opaque {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Opaque {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Opaque(Some(Box::new(serde_json::Value::deserialize(deserializer)?))))
    }
}
