use std::sync::Arc;
use std::time::Duration;

use outrigger_base::{Locality, ResourceKey};

use crate::WorkloadRef;

/// A group of endpoints and how to reach them. (envoy: Cluster)
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// The resource's name, e.g. `outbound|80|v1|reviews.default.svc.cluster.local`.
    pub name: Arc<str>,
    /// Where its endpoints come from.
    pub discovery: Discovery,
    /// Which endpoint is taken.
    pub balancer: Balancer,
    /// Time for a connection to come up.
    pub connect_timeout: Duration,
    /// Which HTTP is spoken to endpoints.
    pub protocol: UpstreamProtocol,
    /// Limits; beyond them requests fail at once (flag UO).
    pub limits: Limits,
    /// Time that a connection without requests is kept; `None`: for ever.
    pub idle_timeout: Option<Duration>,
    /// Requests after which a connection is closed; `None`: no limit.
    pub max_requests_per_connection: Option<u32>,
    /// Longest life of a connection; `None`: for ever.
    pub max_connection_duration: Option<Duration>,
    /// TCP keep-alive of connections; `None`: off.
    pub tcp_keepalive: Option<TcpKeepalive>,
    /// The services that it stands for, as telemetry names them.
    pub services: Vec<ServiceRef>,
    /// The objects that it came from; the first decided.
    pub origins: Vec<ResourceKey>,
}

/// A service as telemetry names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServiceRef {
    /// Full host name.
    pub host: Arc<str>,
    /// First label of the host, or the host for a ServiceEntry.
    pub name: Arc<str>,
    /// Its namespace.
    pub namespace: Arc<str>,
}

/// Where a cluster's endpoints come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Discovery {
    /// From endpoint resources under this name.
    Eds(Arc<str>),
    /// From the cluster itself (its endpoints stand in [`crate::ClusterEntry::endpoints`]).
    Static,
    /// By resolving the names of its endpoints: every address is an endpoint.
    StrictDns(DnsOptions),
    /// By resolving one name; each new connection goes to the first address of the last answer.
    LogicalDns(DnsOptions),
    /// The connection's original destination is the endpoint.
    OriginalDst,
}

/// How names are resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct DnsOptions {
    /// Names and ports to resolve, with weights.
    pub targets: Vec<DnsTarget>,
    /// Time between two resolutions.
    pub refresh: Duration,
    /// Takes the time between two resolutions from the answer.
    pub respect_ttl: bool,
    /// Which addresses count.
    pub family: DnsFamily,
}

/// A name to resolve.
#[derive(Debug, Clone, PartialEq)]
pub struct DnsTarget {
    /// A host name or an address.
    pub host: Arc<str>,
    /// The port.
    pub port: u16,
    /// Share of each of its addresses.
    pub weight: u32,
    /// As [`crate::Endpoint::priority`].
    pub priority: u32,
    /// Where it runs.
    pub locality: Arc<Locality>,
    /// Who answers there, for telemetry.
    pub workload: Arc<WorkloadRef>,
}

/// Which addresses of a name count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DnsFamily {
    /// IPv6 if there are any, else IPv4.
    #[default]
    Auto,
    /// IPv4 only.
    V4Only,
    /// IPv6 only.
    V6Only,
    /// IPv4 if there are any, else IPv6.
    V4Preferred,
    /// Both.
    All,
}

/// Which endpoint is taken. Weights count in each but `ClusterProvided`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Balancer {
    /// In turn.
    RoundRobin,
    /// Of `choices` random ones, that with the fewest requests for its weight.
    LeastRequest { choices: u32 },
    /// At random.
    Random,
    /// As the discovery says (original destination).
    ClusterProvided,
}

/// Which HTTP is spoken to endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum UpstreamProtocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2 {
        /// Streams that one connection may have open, if the peer allows as many.
        max_concurrent_streams: Option<u32>,
    },
    /// What the downstream spoke.
    Downstream,
}

/// Limits of a cluster, per proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Connections open at once.
    pub max_connections: u32,
    /// Requests waiting for a connection at once.
    pub max_pending_requests: u32,
    /// Requests under way at once.
    pub max_requests: u32,
    /// Retries under way at once.
    pub max_retries: u32,
}

impl Default for Limits {
    /// None, as Istio has it (Envoy's own would be 1024, 1024, 1024, 3).
    fn default() -> Self {
        Limits {
            max_connections: u32::MAX,
            max_pending_requests: u32::MAX,
            max_requests: u32::MAX,
            max_retries: u32::MAX,
        }
    }
}

/// TCP keep-alive; `None`: the system's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TcpKeepalive {
    /// Probes without an answer until the connection is dead.
    pub probes: Option<u32>,
    /// Idle time before the first probe.
    pub time: Option<Duration>,
    /// Time between probes.
    pub interval: Option<Duration>,
}
