use std::net::SocketAddr;
use std::sync::Arc;

use outrigger_base::{Locality, ResourceKey};

/// One place that can answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// Where.
    pub address: SocketAddr,
    /// Its share among those of the same priority; at least 1.
    pub weight: u32,
    /// Whether it may be chosen.
    pub health: Health,
    /// 0 is used first; a higher one only when those below have nothing healthy.
    pub priority: u32,
    /// Where it runs.
    pub locality: Arc<Locality>,
    /// Who answers there, for telemetry.
    pub workload: Arc<WorkloadRef>,
}

/// Whether an endpoint may be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Health {
    /// It may.
    #[default]
    Healthy,
    /// It gets no new requests and connections.
    Draining,
    /// It may not.
    Unhealthy,
}

/// A workload as telemetry names it; empty where unknown.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct WorkloadRef {
    /// Name of the Deployment, WorkloadGroup or WorkloadEntry.
    pub name: Arc<str>,
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Label `service.istio.io/canonical-name`, else `app`, else the workload's name.
    pub canonical_name: Arc<str>,
    /// Label `service.istio.io/canonical-revision`, else `version`, else `latest`.
    pub canonical_revision: Arc<str>,
    /// Label `app`.
    pub app: Arc<str>,
    /// Label `version`.
    pub version: Arc<str>,
    /// Its cluster.
    pub cluster: Arc<str>,
    /// SPIFFE id; empty without a service account.
    pub principal: Arc<str>,
    /// The object it came from.
    pub origin: Option<ResourceKey>,
}
