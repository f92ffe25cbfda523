//! What counts as "not written", so that it is left out when an object is written.

use std::collections::BTreeMap;
use std::sync::Arc;

use outrigger_base::{Labels, Selector};

/// What can be told apart from "not written". Such values are left out when an object is written.
pub(crate) trait Absent {
    fn is_absent(&self) -> bool;
}

/// The form in which serde wants it.
pub(crate) fn is_absent<T: Absent>(value: &T) -> bool {
    value.is_absent()
}

impl<T> Absent for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T> Absent for Vec<T> {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl<K, V> Absent for BTreeMap<K, V> {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl Absent for Arc<str> {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl Absent for String {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl Absent for Labels {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl Absent for Selector {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl Absent for u16 {
    fn is_absent(&self) -> bool {
        *self == 0
    }
}
