//! Endpoints: one workload, as one port of one service reaches it.

use std::sync::Arc;

use outrigger_base::{ClusterId, Labels, Locality, Network, ResourceKey};

use crate::place::{EndpointAddress, EndpointHealth, TlsMode};
use crate::workload::Workload;

/// The endpoints of one service, for all of its ports.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ServiceEndpoints {
    /// For each port number of the service, in the service's order, its endpoints sorted by workload
    /// kind, namespace, name and then address; an endpoint reached through several objects stands here
    /// once. A headless service without ports has its endpoints under port 0.
    pub by_port: Vec<(u16, Arc<[Endpoint]>)>,
    /// What ServiceEntries of this host list themselves, as workloads that carry the entry's key.
    pub inline: Vec<Arc<Workload>>,
}

impl ServiceEndpoints {
    /// The endpoints of a port; empty for a port that the service does not have.
    pub fn of_port(&self, port: u16) -> &[Endpoint] {
        self.by_port.iter().find(|(number, _)| *number == port).map_or(&[], |(_, endpoints)| endpoints)
    }
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
    /// The object that made it an endpoint of this service: the Service or ServiceEntry.
    pub selected_by: ResourceKey,
    /// `hostname.subdomain` of a pod of a headless service, if it has one.
    pub hostname: Option<Arc<str>>,
}
