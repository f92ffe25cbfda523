//! Where in a message the reader is, so that a refusal can name the field. Costs no allocation until
//! something is refused.

use std::fmt;
use std::time::Duration;

use outrigger_proto::google::protobuf;
use outrigger_proto::prost::{Message, Name};

/// A field that cannot be honoured.
#[derive(Debug)]
pub(crate) struct Fault {
    pub field: String,
    pub why: String,
}

/// A place in a message: a chain of names back to the resource.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    parent: Option<&'a At<'a>>,
    name: &'a str,
    index: Option<usize>,
}

impl<'a> At<'a> {
    pub(crate) fn root() -> At<'static> {
        At { parent: None, name: "", index: None }
    }

    /// A field of the message here.
    pub(crate) fn field(&'a self, name: &'a str) -> At<'a> {
        At { parent: Some(self), name, index: None }
    }

    /// An element of a repeated field of the message here.
    pub(crate) fn item(&'a self, name: &'a str, index: usize) -> At<'a> {
        At { parent: Some(self), name, index: Some(index) }
    }

    pub(crate) fn refuse(&self, why: impl Into<String>) -> Fault {
        Fault { field: self.to_string(), why: why.into() }
    }

    /// Refuses a field that holds anything but its default.
    pub(crate) fn unset<T: Default + PartialEq>(&self, name: &str, value: &T) -> Result<(), Fault> {
        if *value == T::default() { Ok(()) } else { Err(self.field(name).refuse("it is not supported")) }
    }

    /// Refuses a field that is set to anything but what is done anyway.
    pub(crate) fn fixed<T: PartialEq + fmt::Debug>(
        &self,
        name: &str,
        value: Option<T>,
        done: T,
    ) -> Result<(), Fault> {
        match value {
            Some(value) if value != done => {
                Err(self.field(name).refuse(format!("only {done:?} is supported, not {value:?}")))
            }
            _ => Ok(()),
        }
    }

    /// A field that must be there.
    pub(crate) fn required<T>(&self, name: &str, value: Option<T>) -> Result<T, Fault> {
        value.ok_or_else(|| self.field(name).refuse("it is missing"))
    }

    /// A value of an enumeration.
    pub(crate) fn variant<T: TryFrom<i32>>(&self, name: &str, value: i32) -> Result<T, Fault> {
        T::try_from(value).map_err(|_| self.field(name).refuse(format!("{value} is no known value")))
    }

    /// A duration, if it is set.
    pub(crate) fn duration(
        &self,
        name: &str,
        value: Option<protobuf::Duration>,
    ) -> Result<Option<Duration>, Fault> {
        let Some(protobuf::Duration { seconds, nanos }) = value else { return Ok(None) };
        match (u64::try_from(seconds), u32::try_from(nanos)) {
            (Ok(seconds), Ok(nanos)) if nanos < 1_000_000_000 => Ok(Some(Duration::new(seconds, nanos))),
            _ => Err(self.field(name).refuse(format!("{seconds}s {nanos}ns is no valid duration"))),
        }
    }

    /// A timeout, where zero means none and a missing field means `default`.
    pub(crate) fn timeout(
        &self,
        name: &str,
        value: Option<protobuf::Duration>,
        default: Option<Duration>,
    ) -> Result<Option<Duration>, Fault> {
        let value = self.duration(name, value)?;
        Ok(value.or(default).filter(|timeout| !timeout.is_zero()))
    }

    /// The message inside an Any, which must be of the type asked for.
    pub(crate) fn unpack<M: Message + Name + Default>(&self, any: &protobuf::Any) -> Result<M, Fault> {
        if type_name(any) != M::full_name() {
            return Err(self.refuse(format!("{} is not supported here", type_name(any))));
        }
        M::decode(any.value.as_slice()).map_err(|e| self.refuse(e.to_string()))
    }
}

/// The full name of the message in an Any.
pub(crate) fn type_name(any: &protobuf::Any) -> &str {
    any.type_url.rsplit('/').next().unwrap_or("")
}

/// Refuses each of these fields unless it holds its default: `unset!(at, retries, hash_policy)`.
macro_rules! unset {
    ($at:expr, $($field:ident),+ $(,)?) => {
        $($at.unset(stringify!($field), &$field)?;)+
    };
}
pub(crate) use unset;

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            write!(f, "{parent}")?;
            if parent.parent.is_some() {
                f.write_str(".")?;
            }
        }
        f.write_str(self.name)?;
        match self.index {
            Some(index) => write!(f, "[{index}]"),
            None => Ok(()),
        }
    }
}
