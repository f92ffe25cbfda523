use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use outrigger_base::{ClusterId, Labels, Locality, Network, ResourceKey};

use crate::endpoint::{EndpointAddress, EndpointHealth};

/// A pod or WorkloadEntry.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// The object.
    pub key: ResourceKey,
    /// Where it is; `None` for one that only its network's gateway reaches.
    pub address: Option<EndpointAddress>,
    /// All its addresses (a pod with two families has two), the first as in `address`.
    pub ips: Vec<IpAddr>,
    /// Labels; for a WorkloadEntry the spec's, overridden by the metadata's.
    pub labels: Arc<Labels>,
    /// Named ports: container ports, or a WorkloadEntry's `ports`.
    pub ports: BTreeMap<Arc<str>, u16>,
    /// Share of each of its endpoints; at least 1.
    pub weight: u32,
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
    /// Whether it may be sent anything; `None`: it is not ready and belongs to nothing.
    pub health: Option<EndpointHealth>,
    /// The name telemetry uses: the owning Deployment's, or the entry's own.
    pub workload_name: Arc<str>,
    /// `hostname` and `subdomain` of a pod.
    pub hostname: Option<(Arc<str>, Arc<str>)>,
}

/// Whether a workload takes mutual TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TlsMode {
    /// It has a proxy with an identity.
    Istio,
    /// It is spoken to in plaintext.
    Disabled,
}
