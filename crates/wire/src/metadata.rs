//! What `metadata.filter_metadata["istio"]` says: the objects that a resource came from, and how
//! telemetry names services and workloads. Metadata under other names tells other programs something
//! and changes nothing here.

use std::sync::Arc;

use outrigger_base::ResourceKey;
use outrigger_proto::envoy::config::core::v3::Metadata;
use outrigger_proto::google::protobuf::value::Kind;
use outrigger_proto::google::protobuf::{Struct, Value};
use outrigger_traffic::{ServiceRef, WorkloadRef};

/// The struct under our name, if there is one.
#[derive(Default)]
pub(crate) struct Istio(Option<Struct>);

impl Istio {
    pub(crate) fn of(metadata: Option<Metadata>) -> Istio {
        // Typed metadata is for extensions, of which none is supported.
        let Some(Metadata { mut filter_metadata, typed_filter_metadata: _ }) = metadata else {
            return Istio(None);
        };
        Istio(filter_metadata.remove("istio"))
    }

    /// The objects that it came from; the one that decided first. Kinds that are unknown here (a newer
    /// control plane's) are left out.
    pub(crate) fn origins(&self) -> Vec<ResourceKey> {
        let decided = self.text("config").and_then(ResourceKey::from_path);
        let mut origins: Vec<ResourceKey> = decided.into_iter().collect();
        for origin in self.list("origins").filter_map(text).filter_map(ResourceKey::from_path) {
            if !origins.contains(&origin) {
                origins.push(origin);
            }
        }
        origins
    }

    /// The services that a cluster stands for.
    pub(crate) fn services(&self) -> Vec<ServiceRef> {
        let service = |value: &Value| match &value.kind {
            Some(Kind::StructValue(fields)) => {
                let field = |name| fields.fields.get(name).and_then(text).unwrap_or("").into();
                Some(ServiceRef { host: field("host"), name: field("name"), namespace: field("namespace") })
            }
            _ => None,
        };
        self.list("services").filter_map(service).collect()
    }

    /// Who answers at an endpoint. `workload` holds
    /// `name;namespace;canonical-name;canonical-revision;cluster`.
    pub(crate) fn workload(&self) -> Arc<WorkloadRef> {
        let Some(_) = self.0 else { return Arc::default() };
        let mut parts = self.text("workload").unwrap_or("").split(';');
        let mut part = || Arc::from(parts.next().unwrap_or(""));
        Arc::new(WorkloadRef {
            name: part(),
            namespace: part(),
            canonical_name: part(),
            canonical_revision: part(),
            cluster: part(),
            app: self.text("app").unwrap_or("").into(),
            version: self.text("version").unwrap_or("").into(),
            principal: self.text("principal").unwrap_or("").into(),
            origin: self.origins().into_iter().next(),
        })
    }

    fn text(&self, field: &str) -> Option<&str> {
        text(self.0.as_ref()?.fields.get(field)?)
    }

    fn list(&self, field: &str) -> impl Iterator<Item = &Value> {
        let value = self.0.as_ref().and_then(|fields| fields.fields.get(field));
        let values = match value.and_then(|value| value.kind.as_ref()) {
            Some(Kind::ListValue(list)) => list.values.as_slice(),
            _ => &[],
        };
        values.iter()
    }
}

fn text(value: &Value) -> Option<&str> {
    match &value.kind {
        Some(Kind::StringValue(text)) => Some(text),
        _ => None,
    }
}
