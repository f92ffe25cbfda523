//! What of a proxy its resources depend on.
//!
//! Thousands of proxies share few views: two pods of one Deployment have the same, and so have two
//! clients of one namespace that serve nothing. So nothing goes into a [`View`] that no resource
//! depends on: no addresses, no locality, and of the labels only those that some rule asks for.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use outrigger_base::{AppProtocol, ClusterId, Host, Labels, Locality, Network, ResourceKey, Selector};
use outrigger_mesh::{Service, Snapshot};

/// What a proxy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// It stands beside a workload.
    Sidecar,
    /// It stands alone and serves Gateways.
    Gateway,
}

/// A proxy as it introduced itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// The node's id.
    pub id: Arc<str>,
    /// What it is for.
    pub role: Role,
    /// Its name.
    pub name: Arc<str>,
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its workload's addresses.
    pub ips: Vec<IpAddr>,
    /// Its workload's labels.
    pub labels: Labels,
    /// Where it runs.
    pub locality: Locality,
    /// Its cluster.
    pub cluster: ClusterId,
    /// Its network.
    pub network: Network,
    /// Its DNS domain, e.g. `default.svc.cluster.local`; the last part of the node's id.
    pub domain: Arc<str>,
}

/// What of a proxy its resources depend on; proxies with equal views share every resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct View {
    pub(crate) role: Role,
    pub(crate) namespace: Arc<str>,
    pub(crate) domain: Arc<str>,
    pub(crate) families: Families,
    /// Only labels whose keys some rule asks for.
    pub(crate) labels: BTreeSet<(Arc<str>, Arc<str>)>,
    /// What its workload serves; for gateways empty.
    pub(crate) inbound: Vec<InboundPort>,
    /// For gateways: where a port of a Service in front of it arrives (service port, own port).
    pub(crate) translations: Vec<(u16, u16)>,
}

/// A port on which a workload serves.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InboundPort {
    /// The workload's own port.
    pub port: u16,
    /// What is spoken on it.
    pub protocol: AppProtocol,
    /// The services that lead to it; the first decided the protocol.
    pub services: Vec<InboundService>,
}

/// A service that leads to a port of a workload.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InboundService {
    /// Its host.
    pub host: Host,
    /// Its name in telemetry.
    pub name: Arc<str>,
    /// Its namespace.
    pub namespace: Arc<str>,
    /// What it speaks on the port.
    pub protocol: AppProtocol,
    /// The objects it came from.
    pub origins: Vec<ResourceKey>,
}

/// The address families of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Families {
    V4,
    V6,
    Both { v4_first: bool },
}

impl Families {
    fn of(ips: &[IpAddr]) -> Families {
        let v4 = ips.iter().any(IpAddr::is_ipv4);
        let v6 = ips.iter().any(IpAddr::is_ipv6);
        match (v4, v6) {
            (true, true) => Families::Both { v4_first: ips[0].is_ipv4() },
            (false, true) => Families::V6,
            _ => Families::V4,
        }
    }

    /// The address that stands for all, of the first family.
    pub(crate) fn wildcard(self) -> IpAddr {
        match self {
            Families::V4 | Families::Both { v4_first: true } => Ipv4Addr::UNSPECIFIED.into(),
            Families::V6 | Families::Both { v4_first: false } => Ipv6Addr::UNSPECIFIED.into(),
        }
    }

    /// The address that stands for all of the second family, if there is one.
    pub(crate) fn second_wildcard(self) -> Option<IpAddr> {
        match self {
            Families::V4 | Families::V6 => None,
            Families::Both { v4_first: true } => Some(Ipv6Addr::UNSPECIFIED.into()),
            Families::Both { v4_first: false } => Some(Ipv4Addr::UNSPECIFIED.into()),
        }
    }

    /// Whether the proxy can have to do with an address.
    pub(crate) fn includes(self, ip: IpAddr) -> bool {
        match self {
            Families::V4 => ip.is_ipv4(),
            Families::V6 => ip.is_ipv6(),
            Families::Both { .. } => true,
        }
    }
}

impl View {
    /// The view of one proxy. For many proxies of one snapshot make a [`Viewer`] once.
    pub fn of(snapshot: &Snapshot, proxy: &Proxy) -> View {
        Viewer::new(snapshot).view(proxy)
    }

    /// What the proxy is for.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The proxy's namespace.
    pub fn namespace(&self) -> &Arc<str> {
        &self.namespace
    }

    /// What the proxy's workload serves, sorted by port; for gateways nothing.
    pub fn inbound(&self) -> &[InboundPort] {
        &self.inbound
    }

    /// Whether the proxy carries all labels that are asked for. The selector must be one of a rule
    /// that [`asked_labels`] looked at.
    pub(crate) fn matches(&self, selector: &Selector) -> bool {
        selector.labels().iter().all(|(key, value)| self.labels.contains(&(key.into(), value.into())))
    }

    /// The labels that count, as labels.
    pub(crate) fn asked_labels(&self) -> Labels {
        self.labels.iter().cloned().collect()
    }
}

/// Makes the views of many proxies of one snapshot.
pub struct Viewer<'a> {
    snapshot: &'a Snapshot,
    asked: BTreeSet<Arc<str>>,
}

impl<'a> Viewer<'a> {
    /// Looks through the snapshot's rules once.
    pub fn new(snapshot: &'a Snapshot) -> Viewer<'a> {
        Viewer { snapshot, asked: asked_labels(snapshot) }
    }

    /// The view of a proxy.
    pub fn view(&self, proxy: &Proxy) -> View {
        let labels = self
            .asked
            .iter()
            .filter_map(|key| Some((key.clone(), Arc::from(proxy.labels.get(key)?))))
            .collect();
        let reached = self.reached(proxy);
        let (inbound, translations) = match proxy.role {
            Role::Sidecar => (inbound_ports(&reached), Vec::new()),
            Role::Gateway => (Vec::new(), translations(&reached)),
        };
        View {
            role: proxy.role,
            namespace: proxy.namespace.clone(),
            domain: proxy.domain.clone(),
            families: Families::of(&proxy.ips),
            labels,
            inbound,
            translations,
        }
    }

    /// Services that lead to the proxy's workload, oldest first.
    fn reached(&self, proxy: &Proxy) -> Vec<Reached> {
        let inbound = self.snapshot.inbound_services(&proxy.ips, &proxy.namespace).into_iter();
        let mut reached: Vec<Reached> = inbound
            .map(|(service, workload)| Reached { targets: service.target_ports(&workload), service })
            .collect();
        reached.sort_by(|Reached { service: a, .. }, Reached { service: b, .. }| {
            (a.created, &a.name, &a.namespace).cmp(&(b.created, &b.name, &b.namespace))
        });
        reached
    }
}

/// A service that leads to a proxy's workload.
struct Reached {
    service: Arc<Service>,
    /// (port of the service, port of the workload)
    targets: Vec<(u16, u16)>,
}

/// Keys of labels that some rule asks of a proxy.
fn asked_labels(snapshot: &Snapshot) -> BTreeSet<Arc<str>> {
    let mut keys = BTreeSet::new();
    let mut ask = |selector: &Selector| {
        for (key, _) in selector.labels().iter() {
            if !keys.contains(key) {
                keys.insert(Arc::from(key));
            }
        }
    };
    for gateway in snapshot.gateways.iter() {
        ask(&gateway.selector);
    }
    for rule in snapshot.destination_rules.iter() {
        rule.workload_selector.iter().for_each(&mut ask);
    }
    for rule in snapshot.virtual_services.iter() {
        let spec = &rule.object.spec;
        spec.http.iter().flat_map(|route| &route.matches).for_each(|m| ask(&m.source_labels));
        spec.tls.iter().flat_map(|route| &route.matches).for_each(|m| ask(&m.source_labels));
        spec.tcp.iter().flat_map(|route| &route.matches).for_each(|m| ask(&m.source_labels));
    }
    keys
}

fn inbound_ports(reached: &[Reached]) -> Vec<InboundPort> {
    let mut ports: Vec<InboundPort> = Vec::new();
    for Reached { service, targets } in reached {
        for (service_port, target) in targets {
            let Some(protocol) = service.port(*service_port).map(|port| port.protocol) else { continue };
            if protocol == AppProtocol::Udp || *target == 0 {
                continue;
            }
            let entry = InboundService {
                host: service.host.clone(),
                name: service.name.clone(),
                namespace: service.namespace.clone(),
                protocol,
                origins: service.origins.clone(),
            };
            match ports.iter_mut().find(|port| port.port == *target) {
                Some(port) if port.services.contains(&entry) => {}
                Some(port) => port.services.push(entry),
                None => ports.push(InboundPort { port: *target, protocol, services: vec![entry] }),
            }
        }
    }
    ports.sort_by_key(|port| port.port);
    ports
}

/// The first service in front of a gateway that has a port says where it arrives
/// (istio: model/gateway.go `resolvePorts`).
fn translations(reached: &[Reached]) -> Vec<(u16, u16)> {
    let mut ports: Vec<(u16, u16)> = Vec::new();
    for (from, to) in reached.iter().flat_map(|reached| &reached.targets) {
        if !ports.iter().any(|(known, _)| known == from) {
            ports.push((*from, *to));
        }
    }
    ports.sort_unstable();
    ports
}
