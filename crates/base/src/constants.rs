//! Names and numbers that users and other tools see. They are Istio's and Envoy's where those
//! exist, so that habits and dashboards carry over.

/// The DNS domain of services without a dot-qualified host, and the trust domain's default.
pub const DEFAULT_DOMAIN: &str = "cluster.local";

/// The namespace whose rules apply to the whole mesh.
pub const ROOT_NAMESPACE: &str = "istio-system";

/// The cluster id of a mesh that has only one.
pub const DEFAULT_CLUSTER_ID: &str = "Kubernetes";

/// Where captured outbound connections arrive.
pub const PORT_OUTBOUND: u16 = 15001;
/// Where captured inbound connections arrive.
pub const PORT_INBOUND: u16 = 15006;
/// Admin interface of a proxy, on loopback.
pub const PORT_ADMIN: u16 = 15000;
/// xDS in plaintext.
pub const PORT_XDS: u16 = 15010;
/// Admin, metrics and status of the control plane.
pub const PORT_CONTROL_ADMIN: u16 = 15014;
/// Agent status and merged metrics.
pub const PORT_AGENT_STATUS: u16 = 15020;
/// Readiness of a proxy, reachable from outside the host.
pub const PORT_READINESS: u16 = 15021;
/// Prometheus metrics of a proxy.
pub const PORT_PROXY_METRICS: u16 = 15090;

/// The mark (SO_MARK) of connections that a proxy itself opens; capture lets them through.
pub const CAPTURE_EXEMPT_MARK: u32 = 1337;

/// Marks a workload as able to receive mutual TLS: `istio` or `disabled`.
pub const LABEL_TLS_MODE: &str = "security.istio.io/tlsMode";
/// A workload's locality as `region.zone.subzone`, for those without a locality field.
pub const LABEL_LOCALITY: &str = "istio-locality";
/// A workload's network.
pub const LABEL_NETWORK: &str = "topology.istio.io/network";
/// A workload's cluster.
pub const LABEL_CLUSTER: &str = "topology.istio.io/cluster";
/// A workload's region.
pub const LABEL_REGION: &str = "topology.kubernetes.io/region";
/// A workload's zone.
pub const LABEL_ZONE: &str = "topology.kubernetes.io/zone";
/// A workload's subzone.
pub const LABEL_SUBZONE: &str = "topology.istio.io/subzone";
/// The service name that telemetry reports for a workload.
pub const LABEL_CANONICAL_NAME: &str = "service.istio.io/canonical-name";
/// The revision that telemetry reports for a workload.
pub const LABEL_CANONICAL_REVISION: &str = "service.istio.io/canonical-revision";
