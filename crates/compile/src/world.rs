//! What proxies of one view see of a snapshot.

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use ahash::AHashMap;
use outrigger_api::MeshConfig;
use outrigger_base::{Host, Labels};
use outrigger_mesh::{
    DestinationRuleRule, EndpointAddress, EndpointHealth, Service, ServiceEndpoints, Snapshot,
    VirtualServiceRule, Visibility,
};

use crate::view::{Role, View};

/// What is looked up for one service at a time. Cheap to make: enough for a change of endpoints.
pub(crate) struct Scope<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) view: &'a View,
    labels: Labels,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot, view: &'a View) -> Scope<'a> {
        Scope { snapshot, view, labels: view.asked_labels() }
    }

    pub(crate) fn config(&self) -> &MeshConfig {
        &self.snapshot.config
    }

    pub(crate) fn is_gateway(&self) -> bool {
        self.view.role == Role::Gateway
    }

    /// The service of a host, if it is one that has clusters of its own.
    pub(crate) fn own_service(&self, host: &Host) -> Option<&'a Arc<Service>> {
        let service = self.snapshot.service(host, &self.view.namespace)?;
        service.external_name.is_none().then_some(service)
    }

    /// The DestinationRule for a service.
    pub(crate) fn destination_rule(&self, service: &Service) -> Option<Arc<DestinationRuleRule>> {
        let View { namespace, .. } = self.view;
        self.snapshot.destination_rule(&service.host, &service.namespace, namespace, &self.labels)
    }

    pub(crate) fn endpoints(&self, service: &Service) -> &Arc<ServiceEndpoints> {
        self.snapshot.endpoints(&service.key())
    }

    /// The service's single addresses that the proxy can have to do with.
    pub(crate) fn addresses(&self, service: &Service) -> Vec<IpAddr> {
        let families = self.view.families;
        let single = service.addresses.iter().filter(|address| address.is_single());
        single.map(|address| address.address).filter(|ip| families.includes(*ip)).collect()
    }

    /// Addresses of those that can answer for a port of a service, sorted.
    pub(crate) fn endpoint_ips(&self, service: &Service, port: u16) -> Vec<IpAddr> {
        let endpoints = self.endpoints(service);
        let of_port = endpoints.by_port.iter().filter(|(number, _)| *number == port);
        let mut ips: Vec<IpAddr> = of_port
            .flat_map(|(_, endpoints)| endpoints.iter())
            .filter(|endpoint| endpoint.health == EndpointHealth::Ready)
            .filter_map(|endpoint| match endpoint.address {
                EndpointAddress::Ip(ip) => Some(ip),
                EndpointAddress::Name(_) | EndpointAddress::Unix(_) => None,
            })
            .filter(|ip| self.view.families.includes(*ip))
            .collect();
        ips.sort_unstable();
        ips.dedup();
        ips
    }
}

/// All that there is to see.
pub(crate) struct World<'a> {
    scope: Scope<'a>,
    /// Services that the namespace sees, one per host, the oldest first: who is named first wins.
    /// Those that merely stand for another host are not among them.
    pub(crate) services: Vec<Arc<Service>>,
    by_host: AHashMap<Host, Arc<Service>>,
    /// Services of type ExternalName by the host they stand for.
    aliases: AHashMap<Host, Vec<Arc<Service>>>,
    /// VirtualServices that the namespace sees, the winner first.
    pub(crate) virtual_services: Vec<Arc<VirtualServiceRule>>,
}

impl<'a> Deref for World<'a> {
    type Target = Scope<'a>;

    fn deref(&self) -> &Scope<'a> {
        &self.scope
    }
}

impl<'a> World<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot, view: &'a View) -> World<'a> {
        let mut services = Vec::new();
        let mut by_host = AHashMap::new();
        let mut aliases: AHashMap<Host, Vec<Arc<Service>>> = AHashMap::new();
        for service in snapshot.services_visible_to(&view.namespace) {
            by_host.insert(service.host.clone(), service.clone());
            match &service.external_name {
                Some(target) => aliases.entry(target.clone()).or_default().push(service.clone()),
                None => services.push(service.clone()),
            }
        }
        services.sort_by(|a, b| {
            (a.created, &a.name, &a.namespace, &a.host).cmp(&(b.created, &b.name, &b.namespace, &b.host))
        });
        World {
            scope: Scope::new(snapshot, view),
            services,
            by_host,
            aliases,
            virtual_services: visible_virtual_services(snapshot, &view.namespace),
        }
    }

    /// The service that a host means here; one that stands for another host is replaced by that.
    pub(crate) fn service(&self, host: &Host) -> Option<&Arc<Service>> {
        let service = self.by_host.get(host)?;
        match &service.external_name {
            None => Some(service),
            Some(target) => self.by_host.get(target).filter(|service| service.external_name.is_none()),
        }
    }

    /// Services that stand for this host.
    pub(crate) fn aliases(&self, host: &Host) -> &[Arc<Service>] {
        self.aliases.get(host).map_or(&[], Vec::as_slice)
    }
}

/// Private ones come first, then those exported by name, then public ones; within each the oldest
/// (istio: push_context.go `VirtualServicesForGateway`).
fn visible_virtual_services(snapshot: &Snapshot, namespace: &str) -> Vec<Arc<VirtualServiceRule>> {
    let visible = snapshot.virtual_services.iter();
    let mut visible: Vec<_> =
        visible.filter(|rule| rule.visibility.includes(&rule.key.namespace, namespace)).cloned().collect();
    visible.sort_by_key(|rule| match rule.visibility {
        Visibility::Private => 0,
        Visibility::Namespaces(_) => 1,
        Visibility::Public | Visibility::Nobody => 2,
    });
    visible
}
