//! What exists at one moment, and how to find it.

mod names;
mod policies;
mod services;

use std::net::IpAddr;
use std::sync::Arc;

use outrigger_api::MeshConfig;
use outrigger_base::{Diagnostic, Host, ResourceKey};

pub use self::policies::DestinationRuleIndex;
pub use self::services::ServiceIndex;
use crate::endpoint::ServiceEndpoints;
use crate::rules::{GatewayRule, VirtualServiceRule};
use crate::service::{Service, ServiceKey};
use crate::shards::Shards;
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

/// Endpoints by service. Every service has an entry.
#[derive(Debug, Default, Clone)]
pub struct EndpointIndex {
    pub(crate) by_service: Shards<ServiceKey, Arc<ServiceEndpoints>>,
    nothing: Arc<ServiceEndpoints>,
}

impl EndpointIndex {
    /// The endpoints of a service; none for one that does not exist.
    pub fn get(&self, key: &ServiceKey) -> &Arc<ServiceEndpoints> {
        self.by_service.get(key).unwrap_or(&self.nothing)
    }

    /// All services and their endpoints, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&ServiceKey, &Arc<ServiceEndpoints>)> {
        self.by_service.iter()
    }
}

/// Pods and WorkloadEntries.
#[derive(Debug, Default, Clone)]
pub struct WorkloadIndex {
    by_key: Shards<ResourceKey, Arc<Workload>>,
    by_ip: Shards<IpAddr, Vec<Arc<Workload>>>,
}

impl WorkloadIndex {
    /// The workload that an object stands for.
    pub fn get(&self, key: &ResourceKey) -> Option<&Arc<Workload>> {
        self.by_key.get(key)
    }

    /// The workloads at an address, sorted by kind, namespace and name. Several WorkloadEntries may
    /// share one; so may pods on the network of their node.
    pub fn at(&self, ip: IpAddr) -> &[Arc<Workload>] {
        self.by_ip.get(&ip).map_or(&[], Vec::as_slice)
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Workload>> {
        self.by_key.iter().map(|(_, workload)| workload)
    }

    /// How many of the parts that the index is made of are the same in another one.
    #[cfg(test)]
    pub(crate) fn shared_parts(&self, other: &WorkloadIndex) -> usize {
        self.by_key.shared_parts(&other.by_key) + self.by_ip.shared_parts(&other.by_ip)
    }

    pub(crate) fn insert(&mut self, workload: Arc<Workload>) {
        self.remove(&workload.key);
        for ip in &workload.ips {
            let mut here = self.by_ip.remove(ip).unwrap_or_default();
            let at = here.partition_point(|other| other.key < workload.key);
            here.insert(at, workload.clone());
            self.by_ip.insert(*ip, here);
        }
        self.by_key.insert(workload.key.clone(), workload);
    }

    pub(crate) fn remove(&mut self, key: &ResourceKey) {
        let Some(old) = self.by_key.remove(key) else { return };
        for ip in &old.ips {
            let mut here = self.by_ip.remove(ip).unwrap_or_default();
            here.retain(|other| other.key != *key);
            if !here.is_empty() {
                self.by_ip.insert(*ip, here);
            }
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What an application of changes touched. Empty: nothing that anyone could see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {
    /// Services of which only endpoints changed.
    pub endpoints: Vec<ServiceKey>,
    /// Services that appeared, changed or vanished (their endpoints may have changed too).
    pub services: Vec<ServiceKey>,
    /// Rules (VirtualService, DestinationRule, Gateway) that appeared, changed or vanished, and those
    /// that were merged with them.
    pub rules: Vec<ResourceKey>,
    /// Workloads that appeared, changed or vanished, and ServiceEntries whose own endpoints did: what is
    /// inbound for a proxy may have changed. (It may also change with a service.)
    pub workloads: Vec<ResourceKey>,
    /// Mesh-wide settings changed.
    pub config: bool,
}

impl Touched {
    /// Whether there is nothing to be looked at again.
    pub fn is_empty(&self) -> bool {
        self.endpoints.is_empty()
            && self.services.is_empty()
            && self.rules.is_empty()
            && self.workloads.is_empty()
            && !self.config
    }

    /// Takes in what a later application touched.
    pub fn merge(&mut self, later: Touched) {
        self.endpoints.extend(later.endpoints);
        self.services.extend(later.services);
        self.rules.extend(later.rules);
        self.workloads.extend(later.workloads);
        self.config |= later.config;
        self.normalize();
    }

    /// Sorts, drops repetitions, and drops endpoints of services that are named anyway.
    pub(crate) fn normalize(&mut self) {
        self.services.sort();
        self.services.dedup();
        self.endpoints.sort();
        self.endpoints.dedup();
        let services = &self.services;
        self.endpoints.retain(|key| services.binary_search(key).is_err());
        self.rules.sort();
        self.rules.dedup();
        self.workloads.sort();
        self.workloads.dedup();
    }
}

impl Snapshot {
    /// The service that a name means in a namespace: the namespace's own, else Kubernetes' own, else the
    /// oldest that is visible there. (istio: model/sidecar.go, "same host in several namespaces".)
    pub fn service(&self, host: &Host, from_namespace: &str) -> Option<&Arc<Service>> {
        self.services.find(host, from_namespace)
    }

    /// The services that a proxy of a namespace sees, one per host as [`Self::service`] chooses it, in
    /// the order of the index.
    pub fn services_visible_to<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a Arc<Service>> {
        self.services.visible_to(namespace)
    }

    /// The endpoints of a service.
    pub fn endpoints(&self, key: &ServiceKey) -> &Arc<ServiceEndpoints> {
        self.endpoints.get(key)
    }

    /// The workload that an object stands for.
    pub fn workload(&self, key: &ResourceKey) -> Option<&Arc<Workload>> {
        self.workloads.get(key)
    }

    /// The workloads at an address.
    pub fn workloads_at(&self, ip: IpAddr) -> &[Arc<Workload>] {
        self.workloads.at(ip)
    }
}
