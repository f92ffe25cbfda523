//! How resource types are declared: one macro, so that every field of every kind is optional when
//! read, camelCase in YAML, and left out when empty while writing. Whether something must be
//! present is the validation's business: it can name all that is missing at once and give advice,
//! where a decoder could only stop at the first.

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
                #[serde(skip_serializing_if = "crate::absent::is_absent")]
                pub $field: $type,
            )*
            $($(
                /// Kept as it was written; nothing reads it yet.
                $(#[$unread_meta])*
                #[serde(skip_serializing_if = "crate::absent::is_absent")]
                pub $unread: crate::opaque::Opaque,
            )*)?
        }

        impl crate::absent::Absent for $name {
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
