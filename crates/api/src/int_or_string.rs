//! A port by number or by name.

use std::fmt;
use std::sync::Arc;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A port by number or by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum IntOrString {
    /// By number.
    Int(u16),
    /// By name.
    String(Arc<str>),
}

impl fmt::Display for IntOrString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            IntOrString::Int(number) => write!(f, "{number}"),
            IntOrString::String(name) => f.write_str(name),
        }
    }
}

impl Serialize for IntOrString {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            IntOrString::Int(number) => serializer.serialize_u16(*number),
            IntOrString::String(name) => serializer.serialize_str(name),
        }
    }
}

impl<'de> Deserialize<'de> for IntOrString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Port;

        impl Visitor<'_> for Port {
            type Value = IntOrString;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a port number or the name of a port")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<IntOrString, E> {
                u16::try_from(number).map(IntOrString::Int).map_err(|_| out_of_range(number))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<IntOrString, E> {
                u16::try_from(number).map(IntOrString::Int).map_err(|_| out_of_range(number))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<IntOrString, E> {
                // Kubernetes would look for a container port named "8080"; nobody means that.
                match name.parse() {
                    Ok(number) => Ok(IntOrString::Int(number)),
                    Err(_) => Ok(IntOrString::String(name.into())),
                }
            }
        }

        deserializer.deserialize_any(Port)
    }
}

fn out_of_range<E: Error>(number: impl fmt::Display) -> E {
    E::custom(format_args!("{number} is no port; ports go from 1 to 65535"))
}
