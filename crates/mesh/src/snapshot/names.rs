//! The DNS table: which names exist, and what they resolve to.

use std::collections::BTreeMap;
use std::net::IpAddr;

use outrigger_base::Host;

use super::Snapshot;
use crate::endpoint::Endpoint;
use crate::place::EndpointHealth;
use crate::service::Service;

impl Snapshot {
    /// Every name that the mesh answers for, with its addresses (IPv4 first): virtual ones; for a
    /// headless service those of its ready endpoints, and beside it `hostname.service` of each pod that
    /// has such a name; for a Service of type ExternalName those of the host that it stands for, if the
    /// mesh knows it. Of several services with one host the first of the index speaks. Names without an
    /// address (wildcards among them) are left out: they resolve as if there were no mesh.
    pub fn names(&self) -> BTreeMap<Host, Vec<IpAddr>> {
        let mut names = BTreeMap::new();
        for same_host in self.services.all.chunk_by(|a, b| a.host == b.host) {
            let service = &same_host[0];
            if service.headless {
                self.add_headless(service, &mut names);
            } else {
                add(&mut names, service.host.clone(), self.addresses(service));
            }
        }
        names
    }

    fn addresses(&self, service: &Service) -> Vec<IpAddr> {
        let target = match &service.external_name {
            None => service,
            // One step only: a chain of such names could be a circle.
            Some(host) => match self.services.of_host(host).first() {
                Some(target) => target,
                None => return Vec::new(),
            },
        };
        if target.headless {
            return ready_ips(self.endpoints(&target.key()).by_port.iter().flat_map(|(_, e)| e.iter()));
        }
        target.addresses.iter().filter(|a| a.is_single()).map(|a| a.address).collect()
    }

    fn add_headless(&self, service: &Service, names: &mut BTreeMap<Host, Vec<IpAddr>>) {
        let endpoints = self.endpoints(&service.key());
        let all = || endpoints.by_port.iter().flat_map(|(_, endpoints)| endpoints.iter());
        add(names, service.host.clone(), ready_ips(all()));
        let mut pods: BTreeMap<&str, Vec<&Endpoint>> = BTreeMap::new();
        for endpoint in all() {
            if let Some((hostname, _)) = endpoint.hostname.as_deref().and_then(|name| name.split_once('.')) {
                pods.entry(hostname).or_default().push(endpoint);
            }
        }
        for (hostname, endpoints) in pods {
            if let Ok(host) = Host::parse(&format!("{hostname}.{}", service.host)) {
                add(names, host, ready_ips(endpoints.into_iter()));
            }
        }
    }
}

fn add(names: &mut BTreeMap<Host, Vec<IpAddr>>, host: Host, addresses: Vec<IpAddr>) {
    if !addresses.is_empty() && !host.is_wildcard() {
        names.insert(host, addresses);
    }
}

fn ready_ips<'a>(endpoints: impl Iterator<Item = &'a Endpoint>) -> Vec<IpAddr> {
    let ready = endpoints.filter(|endpoint| endpoint.health == EndpointHealth::Ready);
    let mut ips: Vec<IpAddr> = ready.filter_map(|endpoint| endpoint.address.ip()).collect();
    ips.sort();
    ips.dedup();
    ips
}
