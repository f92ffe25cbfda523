use std::net::IpAddr;
use std::sync::Arc;

use outrigger_base::{ClusterId, Labels, Locality, Network, ResourceKey};

use crate::workload::TlsMode;

/// The endpoints of one service, for all of its ports.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ServiceEndpoints {
    /// For each port number of the service, its endpoints sorted by workload kind, namespace, name
    /// and then address; an endpoint reached through several objects stands here once.
    pub by_port: Vec<(u16, Arc<[Endpoint]>)>,
}

/// One place that answers for a service's port.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// Where it is.
    pub address: EndpointAddress,
    /// The port it listens on; 0 for a Unix socket.
    pub port: u16,
    /// Its share; at least 1.
    pub weight: u32,
    /// Whether it may be sent anything.
    pub health: EndpointHealth,
    /// What subsets select by: the workload's labels and those of its place.
    pub labels: Arc<Labels>,
    /// Where it runs.
    pub locality: Arc<Locality>,
    /// Its network.
    pub network: Network,
    /// Its cluster.
    pub cluster: ClusterId,
    /// Its service account; empty: none.
    pub service_account: Arc<str>,
    /// Whether it takes mutual TLS.
    pub tls_mode: TlsMode,
    /// Namespace of the workload.
    pub namespace: Arc<str>,
    /// The name telemetry uses: the owning Deployment's, or the entry's own.
    pub workload_name: Arc<str>,
    /// The object it came from.
    pub workload: ResourceKey,
    /// `hostname.subdomain` of a pod of a headless service, if it has one.
    pub hostname: Option<Arc<str>>,
}

/// Where an endpoint is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndpointAddress {
    /// An address.
    Ip(IpAddr),
    /// A name to resolve.
    Name(Arc<str>),
    /// A Unix socket on the caller's own host.
    Unix(Arc<str>),
}

/// Whether an endpoint may be sent anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndpointHealth {
    /// It may.
    Ready,
    /// It is going away: nothing new, what is under way goes on.
    Terminating,
}
