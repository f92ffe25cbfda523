//! Who a proxy says it is: Istio's node id and metadata keys, the same for both engines.

use std::fmt;
use std::net::IpAddr;

use outrigger_base::{Labels, Locality, constants};
use serde_json::{Map, Value, json};

/// What a proxy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Beside a workload.
    Sidecar,
    /// Alone, at the edge.
    Gateway,
}

impl fmt::Display for Role {
    /// As the node id spells it: Istio calls a gateway `router`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Sidecar => "sidecar",
            Role::Gateway => "router",
        })
    }
}

/// Who a proxy is.
#[derive(Debug, Clone)]
pub struct ProxyIdentity {
    /// What it is for.
    pub role: Role,
    /// Name of its workload's instance (a pod's, or a VM's).
    pub name: String,
    /// Namespace of its workload.
    pub namespace: String,
    /// Addresses of its workload, the first its main one.
    pub addresses: Vec<IpAddr>,
    /// Labels of its workload.
    pub labels: Labels,
    /// Where it runs.
    pub locality: Locality,
    /// Its cluster.
    pub cluster_id: String,
    /// Its network; empty: the default one.
    pub network: String,
    /// Name of the workload that the instance belongs to; empty: as `name`.
    pub workload_name: String,
    /// Its service account; empty: none.
    pub service_account: String,
}

impl ProxyIdentity {
    /// `<sidecar|router>~ip~name.namespace~namespace.svc.domain`.
    /// (istio: pkg/istio-agent/agent.go ServiceNode)
    pub fn node_id(&self) -> String {
        let ip = self.addresses.first().map(IpAddr::to_string).unwrap_or_default();
        let (role, name, namespace) = (self.role, &self.name, &self.namespace);
        format!("{role}~{ip}~{name}.{namespace}~{namespace}.svc.{}", constants::DEFAULT_DOMAIN)
    }

    /// The workload's name, for telemetry.
    pub fn workload_name(&self) -> &str {
        if self.workload_name.is_empty() { &self.name } else { &self.workload_name }
    }

    /// The service that telemetry files its requests under, as Istio's canonical name.
    pub fn canonical_name(&self) -> &str {
        let labels = &self.labels;
        let named =
            labels.get(constants::LABEL_CANONICAL_NAME).or_else(|| labels.get("app.kubernetes.io/name"));
        named.or_else(|| labels.get("app")).unwrap_or_else(|| self.workload_name())
    }

    /// Node metadata under Istio's keys. (istio: pkg/model/proxy.go NodeMetadata)
    pub fn metadata(&self) -> Map<String, Value> {
        let labels: Map<String, Value> = self.labels.iter().map(|(k, v)| (k.to_string(), json!(v))).collect();
        let ips: Vec<String> = self.addresses.iter().map(IpAddr::to_string).collect();
        let mut metadata = Map::new();
        let mut put = |key: &str, value: Value| {
            let empty = value.as_str().is_some_and(str::is_empty);
            if !empty {
                metadata.insert(key.to_string(), value);
            }
        };
        put("NAME", json!(self.name));
        put("NAMESPACE", json!(self.namespace));
        put("LABELS", Value::Object(labels));
        put("INSTANCE_IPS", json!(ips.join(",")));
        put("CLUSTER_ID", json!(self.cluster_id));
        put("NETWORK", json!(self.network));
        put("WORKLOAD_NAME", json!(self.workload_name()));
        put("SERVICE_ACCOUNT", json!(self.service_account));
        put("MESH_ID", json!(constants::DEFAULT_DOMAIN));
        put("OUTRIGGER_VERSION", json!(env!("CARGO_PKG_VERSION")));
        metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity() -> ProxyIdentity {
        ProxyIdentity {
            role: Role::Gateway,
            name: "gw".into(),
            namespace: "istio-system".into(),
            addresses: vec!["10.99.0.2".parse().unwrap(), "fd00::2".parse().unwrap()],
            labels: [("istio", "ingressgateway"), ("app", "edge")].into_iter().collect(),
            locality: Locality::parse("us/us-east-1"),
            cluster_id: "Kubernetes".into(),
            network: String::new(),
            workload_name: String::new(),
            service_account: String::new(),
        }
    }

    #[test]
    fn the_node_id_has_four_parts_as_istio_reads_them() {
        assert_eq!(identity().node_id(), "router~10.99.0.2~gw.istio-system~istio-system.svc.cluster.local");
    }

    #[test]
    fn metadata_has_istios_keys_and_no_empty_ones() {
        let metadata = identity().metadata();
        assert_eq!(metadata["INSTANCE_IPS"], "10.99.0.2,fd00::2");
        assert_eq!(metadata["LABELS"]["istio"], "ingressgateway");
        assert_eq!(metadata["WORKLOAD_NAME"], "gw");
        assert!(!metadata.contains_key("NETWORK"));
        assert_eq!(identity().canonical_name(), "edge");
    }
}
