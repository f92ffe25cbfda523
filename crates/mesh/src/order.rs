//! Who comes first among objects that claim the same: the oldest, then by name, then by namespace.
//! Objects without a creation time (from files) count as equally old, and older than all others.

use std::sync::Arc;

use outrigger_api::{Meta, Timestamp};

/// An object's place in that order; the smallest wins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Precedence {
    pub created: Option<Timestamp>,
    pub name: Arc<str>,
    pub namespace: Arc<str>,
}

impl Precedence {
    pub(crate) fn of(meta: &Meta) -> Precedence {
        Precedence {
            created: meta.creation_timestamp,
            name: meta.name.clone(),
            namespace: meta.namespace.clone(),
        }
    }
}
