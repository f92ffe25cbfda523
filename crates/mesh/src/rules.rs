use std::sync::Arc;

use outrigger_api::{DestinationRule, Gateway, Object, VirtualService};
use outrigger_base::{Host, ResourceKey, Selector};

use crate::service::Visibility;

/// A VirtualService with its names resolved.
#[derive(Debug, Clone)]
pub struct VirtualServiceRule {
    /// The object's key.
    pub key: ResourceKey,
    /// Its hosts, full names.
    pub hosts: Vec<Host>,
    /// Gateways as `namespace/name`, or `mesh`; never empty.
    pub gateways: Vec<Arc<str>>,
    /// Which namespaces see it.
    pub visibility: Visibility,
    /// What the user wrote; destinations in it are not resolved.
    pub object: Arc<Object<VirtualService>>,
}

/// The DestinationRule of a host: one object, or several of one namespace merged.
#[derive(Debug, Clone)]
pub struct DestinationRuleRule {
    /// The objects it came from, the one that decided first.
    pub origins: Vec<ResourceKey>,
    /// The host, a full name or wildcard.
    pub host: Host,
    /// Which namespaces see it.
    pub visibility: Visibility,
    /// Which clients it is for; `None`: all.
    pub workload_selector: Option<Selector>,
    /// Top-level policy and subsets after the merge.
    pub spec: Arc<DestinationRule>,
}

/// A Gateway.
#[derive(Debug, Clone)]
pub struct GatewayRule {
    /// The object's key.
    pub key: ResourceKey,
    /// Which proxies serve it, in all namespaces. Empty: every gateway.
    pub selector: Selector,
    /// What the user wrote.
    pub object: Arc<Object<Gateway>>,
}
