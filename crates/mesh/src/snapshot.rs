use std::net::IpAddr;
use std::sync::Arc;

use ahash::AHashMap;
use outrigger_api::MeshConfig;
use outrigger_base::{Diagnostic, Host, ResourceKey};

use crate::endpoint::ServiceEndpoints;
use crate::rules::{DestinationRuleRule, GatewayRule, VirtualServiceRule};
use crate::service::Service;
use crate::workload::Workload;

/// What exists at one moment. Cheap to clone: the parts are shared.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Counts up with each snapshot that differs from the one before.
    pub version: u64,
    /// Mesh-wide settings.
    pub config: Arc<MeshConfig>,
    /// The services.
    pub services: Arc<ServiceIndex>,
    /// Endpoints by service.
    pub endpoints: Arc<EndpointIndex>,
    /// Pods and WorkloadEntries.
    pub workloads: Arc<WorkloadIndex>,
    /// VirtualServices, the winner first: by creation time, name, namespace.
    pub virtual_services: Arc<[Arc<VirtualServiceRule>]>,
    /// DestinationRules by namespace; hosts of one namespace are merged.
    pub destination_rules: Arc<DestinationRuleIndex>,
    /// Gateways, the winner first.
    pub gateways: Arc<[Arc<GatewayRule>]>,
    /// What was found wrong or lost while objects were put together, sorted.
    pub diagnostics: Arc<[Diagnostic]>,
}

/// The identity of a service: a host may exist in several namespaces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceKey {
    /// Its host.
    pub host: Host,
    /// Its namespace.
    pub namespace: Arc<str>,
}

/// Services in order of host and namespace.
#[derive(Debug, Default)]
pub struct ServiceIndex {
    /// All, sorted by host (most specific first), then registry (Kubernetes first), then namespace.
    pub all: Vec<Arc<Service>>,
    /// Positions in `all` by host.
    pub(crate) by_host: AHashMap<Host, Vec<usize>>,
}

/// Endpoints by service. Every service has an entry.
#[derive(Debug, Default, Clone)]
pub struct EndpointIndex {
    pub(crate) by_service: AHashMap<ServiceKey, Arc<ServiceEndpoints>>,
}

/// Pods and WorkloadEntries.
#[derive(Debug, Default)]
pub struct WorkloadIndex {
    pub(crate) by_key: AHashMap<ResourceKey, Arc<Workload>>,
    pub(crate) by_ip: AHashMap<IpAddr, Vec<Arc<Workload>>>,
}

/// DestinationRules by namespace.
#[derive(Debug, Default)]
pub struct DestinationRuleIndex {
    pub(crate) by_namespace: AHashMap<Arc<str>, Vec<Arc<DestinationRuleRule>>>,
}

/// What an application of changes touched. Empty: nothing that anyone could see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// Services of which only endpoints changed.
    pub endpoints: Vec<ServiceKey>,
    /// Services that appeared, changed or vanished (their endpoints may have changed too).
    pub services: Vec<ServiceKey>,
    /// Rules (VirtualService, DestinationRule, Gateway) that appeared, changed or vanished.
    pub rules: Vec<ResourceKey>,
    /// Workloads that appeared, changed or vanished: what is inbound for a proxy may have changed.
    pub workloads: Vec<ResourceKey>,
    /// Mesh-wide settings changed.
    pub config: bool,
}
