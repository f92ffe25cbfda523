//! Namespace (v1).

use crate::check::{Check, Validate};
use crate::schema::message;

message! {
    /// What a Namespace asks for.
    pub struct NamespaceSpec {
        unread {
            finalizers,
        }
    }
}

impl Validate for NamespaceSpec {
    fn validate(&self, _check: &mut Check) {}
}
