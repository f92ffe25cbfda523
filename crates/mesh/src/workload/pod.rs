//! Workloads from pods.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use outrigger_api::{Meta, Object, PodPhase, PodSpec, PodStatus};
use outrigger_base::{Kind, Labels, ResourceKey};

use super::Workload;
use super::topology::{self, Shared, Surroundings};
use crate::intern::Pools;
use crate::place::{EndpointAddress, EndpointHealth, TlsMode};

/// The workload of a pod. One that has come to its end has no address any more: somebody else may
/// have it by now.
pub(crate) fn of_pod(
    object: &Object<PodSpec, PodStatus>,
    surroundings: &Surroundings,
    pools: &mut Pools,
) -> Workload {
    let (meta, spec) = (&object.meta, &object.spec);
    let ips = addresses(&object.status);
    let labels = meta.labels.clone();
    let locality = topology::labelled_locality(&labels).unwrap_or_else(|| topology::node_locality(&labels));
    let network = topology::labelled_network(&labels).unwrap_or_else(|| surroundings.network.clone());
    // Whether a pod has a proxy says its label alone (istio: kube.PodTLSMode).
    let tls_mode = topology::labelled_tls_mode(&labels).unwrap_or(TlsMode::Disabled);
    let workload_name = workload_name(meta, &labels);
    let shared = Shared::new(labels, locality, &surroundings.cluster, &network, pools);
    Workload {
        key: ResourceKey::new(Kind::POD, meta.namespace.clone(), meta.name.clone()),
        address: ips.first().copied().map(EndpointAddress::Ip),
        ips,
        labels: shared.labels,
        endpoint_labels: shared.endpoint_labels,
        ports: named_ports(spec),
        weight: 1,
        locality: shared.locality,
        network,
        cluster: surroundings.cluster.clone(),
        service_account: service_account(spec),
        tls_mode,
        health: health(object),
        workload_name,
        hostname: spec
            .subdomain
            .clone()
            .filter(|subdomain| !subdomain.is_empty())
            .map(|subdomain| (spec.hostname.clone().unwrap_or_else(|| meta.name.clone()), subdomain)),
    }
}

fn addresses(status: &PodStatus) -> Vec<IpAddr> {
    if matches!(status.phase, Some(PodPhase::Succeeded | PodPhase::Failed)) {
        return Vec::new();
    }
    let written = status.pod_ip.iter().chain(status.pod_ips.iter().map(|pod_ip| &pod_ip.ip));
    let mut ips: Vec<IpAddr> = Vec::new();
    for ip in written.filter_map(|text| text.parse().ok()) {
        if !ips.contains(&ip) {
            ips.push(ip);
        }
    }
    ips
}

/// A pod about which nobody wrote conditions counts as ready while it runs; so hand-written
/// manifests work.
fn health(object: &Object<PodSpec, PodStatus>) -> Option<EndpointHealth> {
    let status = &object.status;
    if object.meta.deletion_timestamp.is_some() {
        return Some(EndpointHealth::Terminating);
    }
    let runs = status.phase == Some(PodPhase::Running);
    let ready = status.is_ready() || (status.conditions.is_empty() && runs);
    ready.then_some(EndpointHealth::Ready)
}

/// The first TCP port of each name (github.com/kubernetes/kubernetes/issues/54213).
fn named_ports(spec: &PodSpec) -> BTreeMap<Arc<str>, u16> {
    let mut ports = BTreeMap::new();
    for port in spec.containers.iter().flat_map(|container| &container.ports) {
        let tcp = port.protocol.as_deref().is_none_or(|p| p.is_empty() || p.eq_ignore_ascii_case("tcp"));
        if let (Some(name), true) = (&port.name, tcp && port.container_port > 0) {
            ports.entry(name.clone()).or_insert(port.container_port);
        }
    }
    ports
}

fn service_account(spec: &PodSpec) -> Arc<str> {
    let written = spec.service_account_name.as_ref().or(spec.service_account.as_ref());
    written.filter(|name| !name.is_empty()).cloned().unwrap_or_else(|| "default".into())
}

/// The name of what made the pod, without what its maker's controllers appended; the pod's own name
/// if nobody did. (istio: kube.GetWorkloadMetaFromPod.)
fn workload_name(meta: &Meta, labels: &Labels) -> Arc<str> {
    let owners = &meta.owner_references;
    let Some(owner) = owners.iter().find(|o| o.controller == Some(true)).or(owners.first()) else {
        return meta.name.clone();
    };
    let stripped = match &*owner.kind {
        "ReplicaSet" => {
            owner.name.rsplit_once('-').filter(|(_, hash)| match labels.get("pod-template-hash") {
                Some(label) => label == *hash,
                None => is_template_hash(hash),
            })
        }
        "Job" => owner.name.rsplit_once('-').filter(|(_, time)| is_schedule(time)),
        _ => None,
    };
    stripped.map_or_else(|| owner.name.clone(), |(name, _)| name.into())
}

/// The alphabet of Kubernetes' `rand.SafeEncodeString`: no vowels, nothing that looks like one.
fn is_template_hash(text: &str) -> bool {
    (5..=10).contains(&text.len()) && text.bytes().all(|b| b"bcdfghjklmnpqrstvwxz2456789".contains(&b))
}

/// The minute that a CronJob appends to the names of its Jobs.
fn is_schedule(text: &str) -> bool {
    text.len() >= 8 && text.bytes().all(|b| b.is_ascii_digit())
}
