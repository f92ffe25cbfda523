//! Which objects a part of the configuration came from, in its metadata.
//!
//! `filter_metadata["istio"]` holds `config`, the object that decided, and `origins`, all of them, as
//! [`ResourceKey::to_path`] writes them. Clusters add `services`, endpoints add what telemetry wants to
//! know about the workload. A listener that thousands of services share names none of them: its
//! metadata would change with each, and a changed listener drops connections.

use outrigger_base::ResourceKey;
use outrigger_proto::envoy::config::core::v3::Metadata;
use outrigger_proto::google::protobuf::{ListValue, Struct, Value, value::Kind};

/// The key under which Istio puts its metadata, and so do we.
const NAMESPACE: &str = "istio";

/// Metadata that names objects. `None` if there are none.
pub(crate) fn metadata(origins: &[ResourceKey]) -> Option<Metadata> {
    with_fields(origins, [])
}

/// Metadata that names objects and says more. `None` if there is nothing to say.
pub(crate) fn with_fields(
    origins: &[ResourceKey],
    more: impl IntoIterator<Item = (&'static str, Value)>,
) -> Option<Metadata> {
    let mut fields: Vec<(&str, Value)> = more.into_iter().collect();
    if let Some(first) = origins.first() {
        let mut paths: Vec<String> = Vec::with_capacity(origins.len());
        for path in origins.iter().map(ResourceKey::to_path) {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        fields.push(("config", text(first.to_path())));
        fields.push(("origins", list(paths.into_iter().map(text).collect())));
    }
    if fields.is_empty() {
        return None;
    }
    Some(Metadata {
        filter_metadata: [(NAMESPACE.to_string(), structure(fields))].into(),
        ..Default::default()
    })
}

/// A string.
pub(crate) fn text(text: impl Into<String>) -> Value {
    Value { kind: Some(Kind::StringValue(text.into())) }
}

/// A list.
pub(crate) fn list(values: Vec<Value>) -> Value {
    Value { kind: Some(Kind::ListValue(ListValue { values })) }
}

/// A struct as a value.
pub(crate) fn object<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    Value { kind: Some(Kind::StructValue(structure(fields))) }
}

fn structure<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Struct {
    Struct { fields: fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect() }
}
