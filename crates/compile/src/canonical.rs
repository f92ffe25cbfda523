//! Equal messages get equal bytes.
//!
//! The messages hold protobuf maps as `HashMap`, so they are encoded in an order that differs from
//! run to run. The entries of a map may stand in any order on the wire (protobuf encoding guide,
//! "Maps"), so they are sorted after encoding, in place: their sizes do not change, and neither does
//! any length around them. Only maps with more than one entry matter; in what this crate builds
//! those are the fields of `google.protobuf.Struct`.

use std::ops::Range;

use outrigger_proto::envoy::config::cluster::v3::Cluster;
use outrigger_proto::envoy::config::endpoint::v3::ClusterLoadAssignment;
use outrigger_proto::envoy::config::listener::v3::Listener;
use outrigger_proto::envoy::config::route::v3::RouteConfiguration;
use outrigger_proto::envoy::extensions::access_loggers::file::v3::FileAccessLog;
use outrigger_proto::envoy::extensions::filters::http::router::v3::Router;
use outrigger_proto::envoy::extensions::filters::listener::http_inspector::v3::HttpInspector;
use outrigger_proto::envoy::extensions::filters::listener::original_dst::v3::OriginalDst;
use outrigger_proto::envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector;
use outrigger_proto::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
use outrigger_proto::envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;
use outrigger_proto::envoy::extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate;
use outrigger_proto::envoy::extensions::upstreams::http::v3::HttpProtocolOptions;
use prost::{Message, Name};

/// Where the maps of a message are: fields that lead to them, by number.
pub(crate) enum Shape {
    /// A `google.protobuf.Struct`: sort it.
    Struct,
    /// A message with such fields.
    Message(&'static [(u64, Shape)]),
}

/// A message whose maps are known.
pub(crate) trait Canonical: Message + Name + Sized {
    /// Fields that lead to a map with several entries.
    const MAPS: &'static [(u64, Shape)];

    /// The bytes, the same for equal messages.
    fn encode_canonical(&self) -> Vec<u8> {
        let mut bytes = self.encode_to_vec();
        sort_maps(&mut bytes, Self::MAPS);
        bytes
    }
}

/// `filter_metadata` is a map with one entry, whose value (2) is a struct.
const METADATA: &[(u64, Shape)] = &[(1, Shape::Message(&[(2, Shape::Struct)]))];
const LB_ENDPOINT: &[(u64, Shape)] = &[(3, Shape::Message(METADATA))];
const LOAD_ASSIGNMENT: &[(u64, Shape)] = &[(2, Shape::Message(&[(2, Shape::Message(LB_ENDPOINT))]))];
const ROUTE: &[(u64, Shape)] = &[(4, Shape::Message(METADATA))];
const VIRTUAL_HOST: &[(u64, Shape)] = &[(3, Shape::Message(ROUTE)), (24, Shape::Message(METADATA))];
const ROUTE_CONFIGURATION: &[(u64, Shape)] = &[(2, Shape::Message(VIRTUAL_HOST))];
const FILTER_CHAIN: &[(u64, Shape)] = &[(5, Shape::Message(METADATA))];

impl Canonical for Cluster {
    const MAPS: &'static [(u64, Shape)] =
        &[(25, Shape::Message(METADATA)), (33, Shape::Message(LOAD_ASSIGNMENT))];
}

impl Canonical for ClusterLoadAssignment {
    const MAPS: &'static [(u64, Shape)] = LOAD_ASSIGNMENT;
}

impl Canonical for Listener {
    const MAPS: &'static [(u64, Shape)] = &[
        (3, Shape::Message(FILTER_CHAIN)),
        (6, Shape::Message(METADATA)),
        (25, Shape::Message(FILTER_CHAIN)),
    ];
}

impl Canonical for RouteConfiguration {
    const MAPS: &'static [(u64, Shape)] = ROUTE_CONFIGURATION;
}

impl Canonical for HttpConnectionManager {
    const MAPS: &'static [(u64, Shape)] = &[(4, Shape::Message(ROUTE_CONFIGURATION))];
}

impl Canonical for FileAccessLog {
    /// `log_format.json_format`.
    const MAPS: &'static [(u64, Shape)] = &[(5, Shape::Message(&[(2, Shape::Struct)]))];
}

macro_rules! without_maps {
    ($($message:ty),* $(,)?) => {
        $(impl Canonical for $message {
            const MAPS: &'static [(u64, Shape)] = &[];
        })*
    };
}

without_maps!(
    HttpInspector,
    HttpProtocolOptions,
    OriginalDst,
    PreviousHostsPredicate,
    Router,
    TcpProxy,
    TlsInspector,
);

fn sort_maps(bytes: &mut [u8], maps: &[(u64, Shape)]) {
    if maps.is_empty() {
        return;
    }
    for (number, range) in Fields::of(bytes) {
        match maps.iter().find(|(field, _)| *field == number) {
            None => {}
            Some((_, Shape::Struct)) => sort_struct(&mut bytes[range]),
            Some((_, Shape::Message(inner))) => sort_maps(&mut bytes[range], inner),
        }
    }
}

/// A struct has one field (1), repeated: entries of key (1) and value (2).
fn sort_struct(bytes: &mut [u8]) {
    let mut entries = Vec::new();
    let mut start = 0;
    for (_, entry) in Fields::of(bytes) {
        let mut key = 0..0;
        for (number, range) in Fields::of(&bytes[entry.clone()]) {
            let range = entry.start + range.start..entry.start + range.end;
            match number {
                1 => key = range,
                _ => sort_value(&mut bytes[range]),
            }
        }
        entries.push((key, start..entry.end));
        start = entry.end;
    }
    let by_key = |a: &(Range<usize>, Range<usize>), b: &(Range<usize>, Range<usize>)| {
        bytes[a.0.clone()].cmp(&bytes[b.0.clone()])
    };
    if !entries.is_sorted_by(|a, b| by_key(a, b).is_le()) {
        entries.sort_by(by_key);
        let sorted: Vec<u8> = entries.iter().flat_map(|(_, entry)| &bytes[entry.clone()]).copied().collect();
        bytes.copy_from_slice(&sorted);
    }
}

/// A value may be a struct (5) or a list (6) of values (1).
fn sort_value(bytes: &mut [u8]) {
    for (number, range) in Fields::of(bytes) {
        match number {
            5 => sort_struct(&mut bytes[range]),
            6 => {
                let list = &mut bytes[range];
                for (_, item) in Fields::of(list) {
                    sort_value(&mut list[item]);
                }
            }
            _ => {}
        }
    }
}

/// The length-delimited fields of a message: their numbers, and where their contents are.
struct Fields;

impl Fields {
    fn of(bytes: &[u8]) -> Vec<(u64, Range<usize>)> {
        let mut fields = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let key = varint(bytes, &mut at);
            match key & 7 {
                0 => {
                    varint(bytes, &mut at);
                }
                1 => at += 8,
                5 => at += 4,
                _ => {
                    let length = usize::try_from(varint(bytes, &mut at)).expect("a length fits into memory");
                    fields.push((key >> 3, at..at + length));
                    at += length;
                }
            }
        }
        fields
    }
}

/// Reads a number; what is read was encoded just before, so it is whole.
fn varint(bytes: &[u8], at: &mut usize) -> u64 {
    let mut value = 0;
    let mut shift = 0;
    loop {
        let byte = bytes[*at];
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return value;
        }
    }
}

#[cfg(test)]
mod tests {
    use outrigger_proto::envoy::config::core::v3::Metadata;
    use outrigger_proto::google::protobuf::{ListValue, Struct, Value, value::Kind};

    use super::*;

    fn text(text: &str) -> Value {
        Value { kind: Some(Kind::StringValue(text.to_string())) }
    }

    fn fields(prefix: &str) -> Struct {
        let names = ["z", "config", "origins", "a", "workload", "principal", "services", "app"];
        Struct { fields: names.iter().map(|n| (n.to_string(), text(&format!("{prefix}{n}")))).collect() }
    }

    fn cluster() -> Cluster {
        let mut outer = fields("outer ");
        let nested = Value { kind: Some(Kind::StructValue(fields("nested "))) };
        let list = ListValue { values: vec![nested, text("x")] };
        outer.fields.insert("services".into(), Value { kind: Some(Kind::ListValue(list)) });
        Cluster {
            name: "a".into(),
            lb_policy: 1,
            metadata: Some(Metadata {
                filter_metadata: [("istio".to_string(), outer)].into(),
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    #[test]
    fn equal_messages_have_equal_bytes() {
        let first = cluster().encode_canonical();
        assert!((0..20).all(|_| cluster().encode_canonical() == first));
    }

    #[test]
    fn nothing_but_the_order_changes() {
        let bytes = cluster().encode_canonical();
        assert_eq!(Cluster::decode(&bytes[..]).unwrap(), cluster());
    }
}
