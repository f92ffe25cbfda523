//! Services by host and namespace, and what a proxy serves itself.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use ahash::AHashMap;
use outrigger_base::Host;

use super::Snapshot;
use crate::service::{Service, ServiceKey};
use crate::workload::Workload;

/// Services in order of host and namespace.
#[derive(Debug, Default)]
pub struct ServiceIndex {
    /// All, sorted by host (most specific first), then registry (Kubernetes first), then age, then
    /// namespace: of several that share a host the first is the one that a stranger gets.
    pub all: Vec<Arc<Service>>,
    /// Where in `all` the services of a host begin, and how many there are.
    by_host: AHashMap<Host, (usize, usize)>,
    by_namespace: AHashMap<Arc<str>, Vec<usize>>,
}

impl ServiceIndex {
    /// The index after some services appeared, changed or vanished; `fresh` are those that exist now.
    pub(crate) fn with(
        &self,
        changed: &BTreeSet<ServiceKey>,
        fresh: impl Iterator<Item = Arc<Service>>,
    ) -> ServiceIndex {
        let kept = self.all.iter().filter(|service| !changed.contains(&service.key())).cloned();
        let mut all: Vec<Arc<Service>> = kept.chain(fresh).collect();
        // What is kept is in order already, which this sort makes use of.
        all.sort_by(|a, b| order(a).cmp(&order(b)));
        let mut by_host: AHashMap<Host, (usize, usize)> = AHashMap::new();
        let mut by_namespace: AHashMap<Arc<str>, Vec<usize>> = AHashMap::new();
        for (at, service) in all.iter().enumerate() {
            by_host.entry(service.host.clone()).or_insert((at, 0)).1 += 1;
            by_namespace.entry(service.namespace.clone()).or_default().push(at);
        }
        ServiceIndex { all, by_host, by_namespace }
    }

    /// The service of this host and namespace.
    pub fn get(&self, key: &ServiceKey) -> Option<&Arc<Service>> {
        self.of_host(&key.host).iter().find(|service| service.namespace == key.namespace)
    }

    /// The services of a host in all namespaces, the winner first.
    pub fn of_host(&self, host: &Host) -> &[Arc<Service>] {
        self.by_host.get(host).map_or(&[], |(start, count)| &self.all[*start..start + count])
    }

    /// The services of a namespace, in the order of the index.
    pub fn in_namespace(&self, namespace: &str) -> impl Iterator<Item = &Arc<Service>> {
        self.by_namespace.get(namespace).into_iter().flatten().map(|at| &self.all[*at])
    }

    pub(super) fn find(&self, host: &Host, namespace: &str) -> Option<&Arc<Service>> {
        choose(self.of_host(host), namespace)
    }

    pub(super) fn visible_to<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a Arc<Service>> {
        self.all.chunk_by(|a, b| a.host == b.host).filter_map(|same_host| choose(same_host, namespace))
    }
}

fn order(service: &Service) -> impl Ord + '_ {
    (
        &service.host,
        service.registry,
        service.created,
        service.origins.first().map(|o| &o.name),
        &service.namespace,
    )
}

/// Among services of one host, in the order of the index.
fn choose<'a>(same_host: &'a [Arc<Service>], namespace: &str) -> Option<&'a Arc<Service>> {
    let mut visible = same_host.iter().filter(|s| s.visibility.includes(&s.namespace, namespace));
    let first = visible.next()?;
    if *first.namespace == *namespace {
        return Some(first);
    }
    Some(visible.find(|service| *service.namespace == *namespace).unwrap_or(first))
}

impl Snapshot {
    /// What a proxy at these addresses serves: each service of its namespace that selects or lists a
    /// workload there, with that workload; where it listens says [`Service::target_ports`]. Readiness
    /// plays no part: a workload becomes ready through its proxy. Of several workloads that share an
    /// address all count. (istio: `GetProxyServiceTargets` of both registries.)
    pub fn inbound_services(&self, ips: &[IpAddr], namespace: &str) -> Vec<(Arc<Service>, Arc<Workload>)> {
        let mut here: Vec<&Arc<Workload>> = ips
            .iter()
            .flat_map(|ip| self.workloads_at(*ip))
            .filter(|workload| *workload.key.namespace == *namespace)
            .collect();
        here.sort_by(|a, b| a.key.cmp(&b.key));
        here.dedup_by(|a, b| a.key == b.key);
        let mut inbound = Vec::new();
        for service in self.services.in_namespace(namespace) {
            let endpoints = self.endpoints(&service.key());
            let listed = endpoints.inline.iter().filter(|w| w.ips.iter().any(|ip| ips.contains(ip)));
            let selected = here.iter().copied().filter(|workload| service.selects(workload));
            for workload in listed.chain(selected) {
                inbound.push((service.clone(), workload.clone()));
            }
        }
        inbound
    }
}
