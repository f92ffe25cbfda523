//! From messages to encoded resources.

use std::sync::Arc;

use bytes::Bytes;
use outrigger_base::ResourceKey;
use outrigger_proto::google::protobuf;

use crate::bundle::Compiled;
use crate::canonical::Canonical;

/// Wraps a message in `Any`.
pub(crate) fn any<M: Canonical>(message: &M) -> protobuf::Any {
    protobuf::Any { type_url: M::type_url(), value: message.encode_canonical() }
}

/// Encodes a resource. `origins` may repeat themselves; the first decided.
pub(crate) fn resource<M: Canonical>(name: &str, message: &M, origins: &[ResourceKey]) -> Compiled {
    let body = message.encode_canonical();
    Compiled {
        name: name.into(),
        version: version(&body),
        body: Bytes::from(body),
        origins: distinct(origins),
        has_endpoints: false,
    }
}

/// The keys without repetition, in their order.
fn distinct(origins: &[ResourceKey]) -> Arc<[ResourceKey]> {
    let mut seen = ahash::AHashSet::with_capacity(origins.len());
    origins.iter().filter(|origin| seen.insert(*origin)).cloned().collect()
}

/// FNV-1a with 128 bits: the same in every process, on every machine and in every version of this
/// program, so that a client that comes back with what it has need not be sent it again.
fn version(body: &[u8]) -> Arc<str> {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let hash = body.iter().fold(OFFSET, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME));
    format!("{hash:032x}").into()
}

/// A duration for the wire.
pub(crate) fn duration(duration: outrigger_api::Duration) -> protobuf::Duration {
    let duration = duration.get();
    protobuf::Duration {
        // Durations of the API end at 292 years.
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).expect("a second has less than 2^31 nanoseconds"),
    }
}

/// An optional number for the wire.
pub(crate) fn number(value: u32) -> Option<protobuf::UInt32Value> {
    Some(protobuf::UInt32Value { value })
}

/// An optional truth for the wire.
pub(crate) fn truth(value: bool) -> Option<protobuf::BoolValue> {
    Some(protobuf::BoolValue { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_the_published_algorithm() {
        assert_eq!(&*version(b""), "6c62272e07bb014262b821756295c58d");
        assert_eq!(&*version(b"a"), "d228cb696f1a8caf78912b704e4a8964");
    }
}
