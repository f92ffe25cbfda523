//! What runs somewhere: pods, WorkloadEntries, and the endpoints that a ServiceEntry lists inline.

mod entry;
mod pod;
mod topology;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use outrigger_base::{ClusterId, Kind, Labels, Locality, Network, ResourceKey};

pub(crate) use self::entry::{of_entry, of_host, of_inline};
pub(crate) use self::pod::of_pod;
pub(crate) use self::topology::Surroundings;
use crate::place::{EndpointAddress, EndpointHealth, TlsMode};

/// A pod, a WorkloadEntry, or an inline endpoint of a ServiceEntry (whose key it then carries).
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// The object.
    pub key: ResourceKey,
    /// Where it is; `None` for one that only its network's gateway reaches, and for a pod that has no
    /// address yet or has come to its end.
    pub address: Option<EndpointAddress>,
    /// All its addresses (a pod with two families has two), the first as in `address`.
    pub ips: Vec<IpAddr>,
    /// Labels; for a WorkloadEntry the spec's, overridden by the metadata's.
    pub labels: Arc<Labels>,
    /// What subsets of its endpoints select by: `labels` and those of its place.
    pub endpoint_labels: Arc<Labels>,
    /// Named ports: TCP container ports, or a WorkloadEntry's `ports`.
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
    /// Whether it may be sent anything. `None`: it is not ready; only services that publish such
    /// addresses have it as an endpoint, yet its own proxy already serves what selects it.
    pub health: Option<EndpointHealth>,
    /// The name telemetry uses: the owning Deployment's, or the entry's own.
    pub workload_name: Arc<str>,
    /// `hostname` and `subdomain` of a pod.
    pub hostname: Option<(Arc<str>, Arc<str>)>,
}

impl Workload {
    /// Whether it is a pod. What is none came from a WorkloadEntry or a ServiceEntry.
    pub fn is_pod(&self) -> bool {
        self.key.kind == Kind::POD
    }
}
