//! Who a proxy is, from how it introduces itself: Istio's node id and metadata keys.

use std::net::IpAddr;
use std::sync::Arc;

use outrigger_base::constants::{LABEL_LOCALITY, LABEL_NETWORK};
use outrigger_base::{ClusterId, Labels, Locality, Network};
use outrigger_compile::{Proxy, Role};
use outrigger_proto::envoy::config::core::v3::Node;
use outrigger_proto::google::protobuf::Struct;
use outrigger_proto::google::protobuf::value::Kind;
use thiserror::Error;

/// Why a node is let in nowhere. The text goes to the client, so it says what to do.
#[derive(Debug, Error, PartialEq)]
pub enum IdentityError {
    /// Not of the form.
    #[error(
        "node id '{0}' is not of the form ROLE~IP~NAME.NAMESPACE~DOMAIN, e.g. \
         'sidecar~10.0.0.1~web-1.shop~shop.svc.cluster.local'"
    )]
    Form(String),
    /// A role that is not served.
    #[error("node id '{id}': role '{role}' is not served here, use 'sidecar' or 'router'")]
    Role {
        /// The whole id.
        id: String,
        /// What stands for the role.
        role: String,
    },
    /// No address.
    #[error("node id '{0}' has no IP address, and the metadata have no INSTANCE_IPS")]
    Address(String),
    /// No namespace.
    #[error("node id '{0}' names no namespace: its third part is NAME.NAMESPACE")]
    Namespace(String),
}

/// Reads a node's introduction. `cluster` is the one of proxies that do not name theirs.
pub fn identify(node: &Node, cluster: &ClusterId) -> Result<Proxy, IdentityError> {
    let id = &node.id;
    let parts: Vec<&str> = id.split('~').collect();
    let [role, ip, name, domain] = parts[..] else { return Err(IdentityError::Form(id.clone())) };
    let role = match role {
        "sidecar" => Role::Sidecar,
        "router" => Role::Gateway,
        other => return Err(IdentityError::Role { id: id.clone(), role: other.into() }),
    };
    let metadata = Metadata(node.metadata.as_ref());
    let ips = addresses(ip, &metadata);
    if ips.is_empty() {
        return Err(IdentityError::Address(id.clone()));
    }
    // A namespace has no dots, a name may have some.
    let (name, in_id) = name.rsplit_once('.').unwrap_or((name, ""));
    let namespace = metadata.text("NAMESPACE").unwrap_or(in_id);
    if namespace.is_empty() || name.is_empty() {
        return Err(IdentityError::Namespace(id.clone()));
    }
    let labels = metadata.labels();
    let locality = locality(node, &labels);
    let network = metadata.text("NETWORK").or_else(|| labels.get(LABEL_NETWORK)).unwrap_or("");
    Ok(Proxy {
        id: id.as_str().into(),
        role,
        name: name.into(),
        namespace: namespace.into(),
        ips,
        locality,
        cluster: metadata.text("CLUSTER_ID").map_or_else(|| cluster.clone(), ClusterId::new),
        network: Network::new(network),
        domain: domain.into(),
        labels,
    })
}

/// The workload's addresses: INSTANCE_IPS where it is given, as it has all of them.
fn addresses(in_id: &str, metadata: &Metadata) -> Vec<IpAddr> {
    let listed: Vec<IpAddr> = metadata.list("INSTANCE_IPS").iter().filter_map(|ip| ip.parse().ok()).collect();
    if listed.is_empty() { in_id.parse().into_iter().collect() } else { listed }
}

fn locality(node: &Node, labels: &Labels) -> Locality {
    if let Some(locality) = &node.locality
        && !(locality.region.is_empty() && locality.zone.is_empty() && locality.sub_zone.is_empty())
    {
        let text = |part: &String| Arc::from(part.as_str());
        return Locality {
            region: text(&locality.region),
            zone: text(&locality.zone),
            subzone: text(&locality.sub_zone),
        };
    }
    Locality::parse(&labels.get(LABEL_LOCALITY).unwrap_or("").replace('.', "/"))
}

/// Istio's keys among a node's metadata.
struct Metadata<'a>(Option<&'a Struct>);

impl<'a> Metadata<'a> {
    fn get(&self, key: &str) -> Option<&'a Kind> {
        self.0?.fields.get(key)?.kind.as_ref()
    }

    fn text(&self, key: &str) -> Option<&'a str> {
        match self.get(key) {
            Some(Kind::StringValue(text)) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// A list, or a string with commas; Istio writes the latter.
    fn list(&self, key: &str) -> Vec<&'a str> {
        match self.get(key) {
            Some(Kind::StringValue(text)) => text.split(',').map(str::trim).collect(),
            Some(Kind::ListValue(list)) => {
                list.values.iter().filter_map(|v| as_text(v.kind.as_ref())).collect()
            }
            _ => Vec::new(),
        }
    }

    fn labels(&self) -> Labels {
        let Some(Kind::StructValue(labels)) = self.get("LABELS") else { return Labels::default() };
        let pairs = labels.fields.iter();
        pairs.filter_map(|(key, value)| Some((key.as_str(), as_text(value.kind.as_ref())?))).collect()
    }
}

fn as_text(kind: Option<&Kind>) -> Option<&str> {
    match kind {
        Some(Kind::StringValue(text)) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use outrigger_proto::envoy::config::core::v3 as core;
    use outrigger_proto::google::protobuf::Value;

    use super::*;

    fn text(value: &str) -> Value {
        Value { kind: Some(Kind::StringValue(value.into())) }
    }

    fn node(id: &str, metadata: &[(&str, Value)]) -> Node {
        let fields = metadata.iter().map(|(k, v)| (k.to_string(), v.clone())).collect();
        Node { id: id.into(), metadata: Some(Struct { fields }), ..Default::default() }
    }

    fn who(node: &Node) -> Result<Proxy, IdentityError> {
        identify(node, &ClusterId::new("Kubernetes"))
    }

    #[test]
    fn the_id_alone_says_enough() {
        let proxy = who(&node("sidecar~10.0.0.1~web.v1-x.shop~shop.svc.cluster.local", &[])).unwrap();
        assert_eq!(proxy.role, Role::Sidecar);
        assert_eq!((&*proxy.name, &*proxy.namespace), ("web.v1-x", "shop"));
        assert_eq!(proxy.ips, ["10.0.0.1".parse::<IpAddr>().unwrap()]);
        assert_eq!(&*proxy.domain, "shop.svc.cluster.local");
        assert_eq!(proxy.cluster.as_str(), "Kubernetes");
        assert!(proxy.network.is_empty() && proxy.locality.is_empty() && proxy.labels.is_empty());
    }

    #[test]
    fn metadata_say_the_rest() {
        let labels = Struct { fields: [("app".to_string(), text("web"))].into() };
        let mut node = node(
            "router~10.0.0.1~edge.x~x.svc.cluster.local",
            &[
                ("NAMESPACE", text("edge-ns")),
                ("INSTANCE_IPS", text("10.0.0.2,fd00::2")),
                ("CLUSTER_ID", text("west")),
                ("NETWORK", text("vm-net")),
                ("LABELS", Value { kind: Some(Kind::StructValue(labels)) }),
            ],
        );
        node.locality = Some(core::Locality { region: "r".into(), zone: "z".into(), sub_zone: "s".into() });
        let proxy = who(&node).unwrap();
        assert_eq!(proxy.role, Role::Gateway);
        assert_eq!(&*proxy.namespace, "edge-ns");
        assert_eq!(proxy.ips.len(), 2);
        assert_eq!((proxy.cluster.as_str(), proxy.network.as_str()), ("west", "vm-net"));
        assert_eq!(proxy.labels.get("app"), Some("web"));
        assert_eq!(proxy.locality.to_string(), "r/z/s");
    }

    #[test]
    fn what_cannot_be_told_is_refused_with_advice() {
        let refused = |id: &str| who(&node(id, &[])).unwrap_err().to_string();
        assert!(refused("envoy-1").contains("ROLE~IP~NAME.NAMESPACE~DOMAIN"));
        assert!(refused("ztunnel~10.0.0.1~a.b~d").contains("use 'sidecar' or 'router'"));
        assert!(refused("sidecar~~a.b~d").contains("INSTANCE_IPS"));
        assert!(refused("sidecar~10.0.0.1~a~d").contains("namespace"));
    }
}
