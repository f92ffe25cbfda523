//! Rules: what users say about traffic, with names resolved and duplicates merged.

mod destination_rule;
mod gateway;
mod virtual_service;

use std::sync::Arc;

use outrigger_api::{DestinationRule, Gateway, Object, VirtualService};
use outrigger_base::{Host, ResourceKey, Selector};

pub(crate) use self::destination_rule::DestinationRules;
pub(crate) use self::gateway::Gateways;
pub(crate) use self::virtual_service::VirtualServices;
pub use self::virtual_service::resolve_gateway_name;
use crate::service::Visibility;

/// A VirtualService with its names resolved.
#[derive(Debug, Clone)]
pub struct VirtualServiceRule {
    /// The object's key.
    pub key: ResourceKey,
    /// Its hosts, full names. Empty: others delegate to it.
    pub hosts: Vec<Host>,
    /// Gateways as `namespace/name`, or `mesh`; never empty.
    pub gateways: Vec<Arc<str>>,
    /// Which namespaces see it.
    pub visibility: Visibility,
    /// What the user wrote; destinations in it are not resolved.
    pub object: Arc<Object<VirtualService>>,
}

/// The DestinationRule of a host: one object, or several of one namespace merged.
#[derive(Debug, Clone, PartialEq)]
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
    /// The object whose top-level policy holds, if any has one.
    pub policy_origin: Option<ResourceKey>,
    /// For each subset in `spec` the object that it came from.
    pub subset_origins: Vec<ResourceKey>,
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
