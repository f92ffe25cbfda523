//! Who a proxy is, in the forms that others read: the Node message of xDS, the labels of telemetry,
//! and the headers x-envoy-peer-metadata that proxies exchange. (istio: peer metadata filter)

use std::collections::{BTreeMap, HashMap};

use base64::alphabet;
use base64::engine::{DecodePaddingMode, Engine, GeneralPurpose, GeneralPurposeConfig};
use outrigger_base::{Locality, constants};
use outrigger_proto::envoy::config::core::v3 as core;
use outrigger_proto::google::protobuf as pb;
use outrigger_proto::prost::Message;
use outrigger_proxy::{LocalNode, Peer, PeerMetadata};
use outrigger_traffic::WorkloadRef;
use serde_json::{Map, Value};

use crate::config::NodeConfig;

/// The keys of node metadata that peers are told.
const EXCHANGED: &[&str] =
    &["CLUSTER_ID", "INSTANCE_IPS", "LABELS", "NAME", "NAMESPACE", "OWNER", "WORKLOAD_NAME"];

/// Padding is written; that of others may be missing.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Metadata longer than this is not looked at; it comes from strangers.
const MAX_HEADER: usize = 16 * 1024;

/// Reads and writes the headers.
pub struct Exchange {
    id: String,
    encoded: String,
}

impl Exchange {
    pub fn new(config: &NodeConfig) -> Exchange {
        let told = config.metadata.iter().filter(|(key, _)| EXCHANGED.contains(&key.as_str()));
        let fields = told.map(|(key, value)| (key.clone(), value.clone())).collect();
        Exchange { id: config.id.clone(), encoded: BASE64.encode(to_struct(&fields).encode_to_vec()) }
    }
}

impl PeerMetadata for Exchange {
    fn own(&self) -> Option<(&str, &str)> {
        Some((&self.id, &self.encoded))
    }

    fn decode(&self, metadata: &[u8]) -> Option<Peer> {
        if metadata.len() > MAX_HEADER {
            return None;
        }
        let fields = pb::Struct::decode(BASE64.decode(metadata).ok()?.as_slice()).ok()?.fields;
        let labels = match fields.get("LABELS").and_then(|value| value.kind.as_ref()) {
            Some(pb::value::Kind::StructValue(labels)) => labels.fields.clone(),
            _ => HashMap::new(),
        };
        Some(Peer { workload: workload(|key| text(&fields, key), |label| text(&labels, label)) })
    }
}

/// Who this proxy is, for telemetry.
pub fn local_node(config: &NodeConfig) -> LocalNode {
    let field = |key: &str| string(config.metadata.get(key));
    let label = |key: &str| string(config.metadata.get("LABELS").and_then(|labels| labels.get(key)));
    LocalNode {
        id: config.id.as_str().into(),
        workload: workload(field, label),
        hostname: field("NAME").into(),
    }
}

/// Who this proxy is, for the control plane.
pub fn xds_node(config: &NodeConfig) -> core::Node {
    let field = |key: &str| string(config.metadata.get(key));
    core::Node {
        id: config.id.clone(),
        cluster: format!("{}.{}", local_node(config).workload.canonical_name, field("NAMESPACE")),
        metadata: Some(to_struct(&config.metadata)),
        locality: locality(&config.locality),
        user_agent_name: "outrigger".into(),
        user_agent_version_type: Some(core::node::UserAgentVersionType::UserAgentVersion(
            env!("CARGO_PKG_VERSION").into(),
        )),
        ..core::Node::default()
    }
}

fn locality(locality: &Locality) -> Option<core::Locality> {
    (!locality.is_empty()).then(|| core::Locality {
        region: locality.region.to_string(),
        zone: locality.zone.to_string(),
        sub_zone: locality.subzone.to_string(),
    })
}

/// A workload by its metadata and labels, with Istio's rules for canonical names.
fn workload(field: impl Fn(&str) -> String, label: impl Fn(&str) -> String) -> WorkloadRef {
    let first = |candidates: &[String]| -> std::sync::Arc<str> {
        candidates.iter().find(|c| !c.is_empty()).map_or("", String::as_str).into()
    };
    let name = field("WORKLOAD_NAME");
    WorkloadRef {
        canonical_name: first(&[
            label(constants::LABEL_CANONICAL_NAME),
            label("app.kubernetes.io/name"),
            label("app"),
            name.clone(),
        ]),
        canonical_revision: first(&[
            label(constants::LABEL_CANONICAL_REVISION),
            label("app.kubernetes.io/version"),
            label("version"),
            "latest".into(),
        ]),
        name: name.into(),
        namespace: field("NAMESPACE").into(),
        app: label("app").into(),
        version: label("version").into(),
        cluster: field("CLUSTER_ID").into(),
        principal: "".into(),
        origin: None,
    }
}

fn string(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn text(fields: &HashMap<String, pb::Value>, key: &str) -> String {
    match fields.get(key).and_then(|value| value.kind.as_ref()) {
        Some(pb::value::Kind::StringValue(text)) => text.clone(),
        _ => String::new(),
    }
}

fn to_struct(fields: &Map<String, Value>) -> pb::Struct {
    pb::Struct { fields: fields.iter().map(|(key, value)| (key.clone(), to_value(value))).collect() }
}

fn to_value(value: &Value) -> pb::Value {
    use pb::value::Kind;
    pb::Value {
        kind: Some(match value {
            Value::Null => Kind::NullValue(0),
            Value::Bool(b) => Kind::BoolValue(*b),
            Value::Number(n) => Kind::NumberValue(n.as_f64().unwrap_or_default()),
            Value::String(s) => Kind::StringValue(s.clone()),
            Value::Array(values) => {
                Kind::ListValue(pb::ListValue { values: values.iter().map(to_value).collect() })
            }
            Value::Object(fields) => Kind::StructValue(to_struct(fields)),
        }),
    }
}

/// Node metadata as /server_info shows it.
pub fn shown(config: &NodeConfig) -> BTreeMap<&'static str, Value> {
    BTreeMap::from([
        ("id", Value::from(config.id.clone())),
        ("metadata", Value::Object(config.metadata.clone())),
        (
            "locality",
            serde_json::json!({
                "region": &*config.locality.region,
                "zone": &*config.locality.zone,
                "sub_zone": &*config.locality.subzone,
            }),
        ),
        ("user_agent_name", Value::from("outrigger")),
    ])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Role;

    fn config(labels: Value) -> NodeConfig {
        let mut config =
            NodeConfig::new("127.0.0.1:15010", "sidecar~10.0.0.1~a.ns~ns.svc.cluster.local", Role::Sidecar);
        let metadata = json!({"NAME": "a-1", "NAMESPACE": "ns", "WORKLOAD_NAME": "a", "CLUSTER_ID": "c", "LABELS": labels, "SECRET": "s"});
        config.metadata = metadata.as_object().unwrap().clone();
        config
    }

    #[test]
    fn what_one_proxy_says_another_understands() {
        let one = Exchange::new(&config(json!({"app": "shop", "version": "v2"})));
        let (id, encoded) = one.own().unwrap();
        assert_eq!(id, "sidecar~10.0.0.1~a.ns~ns.svc.cluster.local");
        let peer = one.decode(encoded.as_bytes()).unwrap().workload;
        assert_eq!((&*peer.name, &*peer.namespace, &*peer.cluster), ("a", "ns", "c"));
        assert_eq!((&*peer.canonical_name, &*peer.canonical_revision), ("shop", "v2"));
        assert_eq!((&*peer.app, &*peer.version), ("shop", "v2"));
        let told = pb::Struct::decode(BASE64.decode(encoded).unwrap().as_slice()).unwrap();
        assert!(!told.fields.contains_key("SECRET"), "only what peers need is told");
    }

    #[test]
    fn a_workload_without_labels_is_named_after_itself() {
        let local = local_node(&config(json!({}))).workload;
        assert_eq!((&*local.canonical_name, &*local.canonical_revision), ("a", "latest"));
    }

    #[test]
    fn nonsense_from_a_peer_is_nobody() {
        let one = Exchange::new(&config(json!({})));
        for nonsense in [&b"!!!"[..], b"AAAA", &[b'A'; MAX_HEADER + 4]] {
            assert_eq!(one.decode(nonsense), None);
        }
        let huge = BASE64.encode([0xff; 300]);
        assert_eq!(one.decode(huge.as_bytes()), None);
    }
}
