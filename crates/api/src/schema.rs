//! How resource types are declared: one macro, so that every field of every kind is optional when
//! read, camelCase in YAML, and left out when empty while writing. Whether something must be
//! present is the validation's business: it can name all that is missing at once and give advice,
//! where a decoder could only stop at the first.

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

/// Declares a message of the API. Fields after `unread` are known and kept as they were written,
/// but nothing here reads them.
macro_rules! message {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[$field_meta:meta])* pub $field:ident: $type:ty, )*
            $( unread { $( $(#[$unread_meta:meta])* $unread:ident, )* } )?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub struct $name {
            $(
                $(#[$field_meta])*
                #[serde(skip_serializing_if = "crate::schema::is_absent")]
                pub $field: $type,
            )*
            $($(
                /// Kept as it was written; nothing reads it yet.
                $(#[$unread_meta])*
                #[serde(skip_serializing_if = "crate::schema::is_absent")]
                pub $unread: crate::opaque::Opaque,
            )*)?
        }

        impl crate::schema::Absent for $name {
            fn is_absent(&self) -> bool {
                *self == Self::default()
            }
        }
    };
}

/// Declares an enumeration of the API: Rust names with the spelling that YAML uses.
macro_rules! enumeration {
    (
        $(#[$meta:meta])*
        pub enum $name:ident { $( $(#[$variant_meta:meta])* $variant:ident = $text:literal, )* }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $( $(#[$variant_meta])* #[serde(rename = $text)] $variant, )*
        }

        impl $name {
            /// The name as manifests spell it.
            pub fn as_str(self) -> &'static str {
                match self { $( $name::$variant => $text, )* }
            }
        }
    };
}

pub(crate) use {enumeration, message};
