use std::net::IpAddr;
use std::sync::Arc;

use outrigger_base::{AppProtocol, Host, Labels, ResourceKey, Selector};

/// A service: something that has a name and ports, from a Service or one host of a ServiceEntry.
/// Objects of the same host and namespace that agree are one service with several origins.
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
    /// Ports in the order of the object; numbers are unique.
    pub ports: Vec<ServicePort>,
    /// How its endpoints are found.
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

/// Where an endpoint listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetPort {
    /// On this port.
    Number(u16),
    /// On the workload's port of this name.
    Name(Arc<str>),
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
