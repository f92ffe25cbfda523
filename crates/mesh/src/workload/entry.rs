//! Workloads from WorkloadEntries and from the inline endpoints of ServiceEntries.

use std::collections::BTreeMap;
use std::sync::Arc;

use outrigger_api::{Meta, Object, WorkloadEntry};
use outrigger_base::{Host, Kind, Labels, Locality, Network, ResourceKey};

use super::Workload;
use super::topology::{self, Shared, Surroundings};
use crate::intern::Pools;
use crate::place::{EndpointAddress, EndpointHealth, TlsMode};

/// The workload of a WorkloadEntry. Its labels are the spec's, overridden by the metadata's.
pub(crate) fn of_entry(
    object: &Object<WorkloadEntry>,
    surroundings: &Surroundings,
    pools: &mut Pools,
) -> Workload {
    let meta = &object.meta;
    let key = ResourceKey::new(Kind::WORKLOAD_ENTRY, meta.namespace.clone(), meta.name.clone());
    let mut labels = object.spec.labels.clone();
    labels.merge(&meta.labels);
    build(key, meta, &object.spec, labels, surroundings, pools)
}

/// The workload of an endpoint that a ServiceEntry lists. It carries the entry's key and name.
pub(crate) fn of_inline(
    key: ResourceKey,
    meta: &Meta,
    endpoint: &WorkloadEntry,
    surroundings: &Surroundings,
    pools: &mut Pools,
) -> Workload {
    build(key, meta, endpoint, endpoint.labels.clone(), surroundings, pools)
}

/// A host that stands for itself: whoever calls it resolves its name. It has no proxy.
/// (istio: serviceentry/conversion.go, a DNS entry without endpoints.)
pub(crate) fn of_host(key: ResourceKey, host: &Host, surroundings: &Surroundings) -> Workload {
    let address = match host.as_str().parse() {
        Ok(ip) => EndpointAddress::Ip(ip),
        Err(_) => EndpointAddress::Name(host.shared()),
    };
    Workload {
        workload_name: key.name.clone(),
        key,
        // No address of ours: what happens to run there is not inbound for a proxy.
        ips: Vec::new(),
        address: Some(address),
        labels: Arc::default(),
        endpoint_labels: Arc::default(),
        ports: BTreeMap::new(),
        weight: 1,
        locality: Arc::default(),
        network: Network::default(),
        cluster: surroundings.cluster.clone(),
        service_account: Arc::default(),
        tls_mode: TlsMode::Disabled,
        health: Some(EndpointHealth::Ready),
        hostname: None,
    }
}

fn build(
    key: ResourceKey,
    meta: &Meta,
    spec: &WorkloadEntry,
    labels: Labels,
    surroundings: &Surroundings,
    pools: &mut Pools,
) -> Workload {
    let address = spec.address.as_deref().and_then(EndpointAddress::parse);
    let locality = match spec.locality.as_deref() {
        Some(path) if !path.is_empty() => Locality::parse(path),
        _ => topology::labelled_locality(&labels).unwrap_or_default(),
    };
    let network = match &spec.network {
        Some(network) if !network.is_empty() => Network::new(network.clone()),
        _ => topology::labelled_network(&labels).unwrap_or_default(),
    };
    let service_account = spec.service_account.clone().unwrap_or_default();
    let by_account = if service_account.is_empty() { TlsMode::Disabled } else { TlsMode::Istio };
    let tls_mode = topology::labelled_tls_mode(&labels).unwrap_or(by_account);
    let shared = Shared::new(labels, locality, &surroundings.cluster, &network, pools);
    Workload {
        key,
        ips: address.as_ref().and_then(EndpointAddress::ip).into_iter().collect(),
        address,
        labels: shared.labels,
        endpoint_labels: shared.endpoint_labels,
        ports: spec.ports.iter().filter(|(_, port)| **port > 0).map(|(n, p)| (n.clone(), *p)).collect(),
        weight: spec.weight.unwrap_or(1).max(1),
        locality: shared.locality,
        network,
        cluster: surroundings.cluster.clone(),
        service_account,
        tls_mode,
        health: Some(match meta.deletion_timestamp {
            None => EndpointHealth::Ready,
            Some(_) => EndpointHealth::Terminating,
        }),
        workload_name: meta.name.clone(),
        hostname: None,
    }
}
