//! Services: something that has a name and ports.

use std::net::IpAddr;
use std::sync::Arc;

use outrigger_api::Timestamp;
use outrigger_base::{AppProtocol, Host, Labels, ResourceKey, Selector};

use crate::binding::{Binding, BoundPort, TargetPort};
use crate::workload::Workload;

/// A service: something that has a name and ports, from a Service or one host of a ServiceEntry.
/// Objects of the same host and namespace are one service with several origins; the first of them
/// owns the host and decides everything but which endpoints there are.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Full host name; may be a wildcard for a ServiceEntry.
    pub host: Host,
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Which registry speaks for it; Kubernetes beats ServiceEntry for the same host.
    pub registry: Registry,
    /// What telemetry calls it: the Service's name, or the host of a ServiceEntry.
    pub name: Arc<str>,
    /// Since when it exists; objects from files have no such time and count as oldest.
    pub created: Option<Timestamp>,
    /// Ports in the order of the object; numbers are unique.
    pub ports: Vec<ServicePort>,
    /// How its endpoints are found. A headless service has [`Resolution::None`], and endpoints all the
    /// same: gateways and DNS need them.
    pub resolution: Resolution,
    /// Outside the mesh (ServiceEntry, location MESH_EXTERNAL).
    pub mesh_external: bool,
    /// Virtual addresses: clusterIPs, a ServiceEntry's addresses, or allotted ones. Empty: headless or
    /// reached by name only.
    pub addresses: Vec<VirtualAddress>,
    /// `clusterIP: None`.
    pub headless: bool,
    /// Host that an ExternalName Service stands for.
    pub external_name: Option<Host>,
    /// Which workloads belong to it; `None`: none are selected.
    pub selector: Option<Selector>,
    /// Which namespaces see it.
    pub visibility: Visibility,
    /// Labels of the object.
    pub labels: Labels,
    /// SANs that its endpoints may show.
    pub subject_alt_names: Vec<Arc<str>>,
    /// The objects it came from, the winner first.
    pub origins: Vec<ResourceKey>,
    /// How each of those objects finds endpoints, in the same order.
    pub(crate) bindings: Vec<Binding>,
}

impl Service {
    /// Its identity.
    pub fn key(&self) -> ServiceKey {
        ServiceKey { host: self.host.clone(), namespace: self.namespace.clone() }
    }

    /// The port of this number.
    pub fn port(&self, number: u16) -> Option<&ServicePort> {
        self.ports.iter().find(|port| port.number == number)
    }

    /// Whether a workload belongs to it, ready or not.
    pub fn selects(&self, workload: &Workload) -> bool {
        workload.key.namespace == self.namespace && self.bindings.iter().any(|b| b.selects(workload))
    }

    /// Where a workload that belongs to it listens for each of its ports: (port of the service, port of
    /// the workload), without repetition. Two objects of one host may name two ports of one workload.
    pub fn target_ports(&self, workload: &Workload) -> Vec<(u16, u16)> {
        let mut targets = Vec::new();
        for binding in self.bindings.iter().filter(|b| b.reaches(workload)) {
            for port in &binding.ports {
                if let Some(target) = binding.target(port, workload)
                    && !targets.contains(&(port.service_port, target))
                {
                    targets.push((port.service_port, target));
                }
            }
        }
        targets
    }
}

/// The identity of a service: a host may exist in several namespaces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceKey {
    /// Its host.
    pub host: Host,
    /// Its namespace.
    pub namespace: Arc<str>,
}

/// Which kind of object speaks for a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Registry {
    /// A Kubernetes Service.
    Kubernetes,
    /// A ServiceEntry.
    ServiceEntry,
}

/// A port of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePort {
    /// Its number, as callers use it.
    pub number: u16,
    /// Its name; may be empty for a Service with one port.
    pub name: Arc<str>,
    /// What is spoken on it.
    pub protocol: AppProtocol,
    /// Where endpoints listen unless they say otherwise.
    pub target: TargetPort,
}

impl ServicePort {
    /// The port as the object that declares it feeds it.
    pub(crate) fn bound(&self) -> BoundPort {
        BoundPort { service_port: self.number, name: self.name.clone(), target: self.target.clone() }
    }
}

/// How the endpoints of a service are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resolution {
    /// They are known.
    Static,
    /// By resolving names; every address counts.
    Dns,
    /// By resolving one name; one address at a time.
    DnsRoundRobin,
    /// The caller's destination is the endpoint.
    None,
    /// By resolving the name that the caller asked for (wildcard hosts).
    DynamicDns,
}

impl Resolution {
    /// Whether endpoints may be names, which the proxies resolve.
    pub fn resolves_names(self) -> bool {
        matches!(self, Resolution::Dns | Resolution::DnsRoundRobin)
    }
}

/// An address that stands for a service rather than a machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VirtualAddress {
    /// The address, or the first of a range.
    pub address: IpAddr,
    /// Length of the range's prefix; 32 or 128 for one address.
    pub prefix: u8,
    /// Allotted by the mesh rather than written by a user.
    pub allotted: bool,
}

impl VirtualAddress {
    /// One address.
    pub(crate) fn single(address: IpAddr, allotted: bool) -> VirtualAddress {
        VirtualAddress { address, prefix: if address.is_ipv4() { 32 } else { 128 }, allotted }
    }

    /// Whether it is one address rather than a range.
    pub fn is_single(&self) -> bool {
        self.prefix == if self.address.is_ipv4() { 32 } else { 128 }
    }
}

/// Which namespaces see something (`exportTo`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Visibility {
    /// All (`*`, or nothing written).
    #[default]
    Public,
    /// Its own (`.`).
    Private,
    /// None (`~`).
    Nobody,
    /// These, sorted. `.` is resolved.
    Namespaces(Vec<Arc<str>>),
}

impl Visibility {
    /// Reads a list as `exportTo` has it; `default` speaks where nothing is written. `*` beats all else.
    pub fn parse<T: AsRef<str>>(export_to: &[T], default: &[T], namespace: &Arc<str>) -> Visibility {
        let list = if export_to.is_empty() { default } else { export_to };
        let has = |word: &str| list.iter().any(|entry| entry.as_ref() == word);
        if list.is_empty() || has("*") {
            return Visibility::Public;
        }
        if has("~") {
            return Visibility::Nobody;
        }
        let resolve = |entry: &T| match entry.as_ref() {
            "." => namespace.clone(),
            name => name.into(),
        };
        let mut namespaces: Vec<Arc<str>> = list.iter().map(resolve).collect();
        namespaces.sort();
        namespaces.dedup();
        match &namespaces[..] {
            [only] if only == namespace => Visibility::Private,
            _ => Visibility::Namespaces(namespaces),
        }
    }

    /// Whether something of namespace `own` is seen from namespace `viewer`.
    pub fn includes(&self, own: &str, viewer: &str) -> bool {
        match self {
            Visibility::Public => true,
            Visibility::Private => own == viewer,
            Visibility::Nobody => false,
            Visibility::Namespaces(namespaces) => namespaces.iter().any(|namespace| &**namespace == viewer),
        }
    }
}
