//! Namespace (v1).

use crate::schema::message;

message! {
    /// What a Namespace asks for.
    pub struct NamespaceSpec {
        unread {
            finalizers,
        }
    }
}
