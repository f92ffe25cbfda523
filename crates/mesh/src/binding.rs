//! How one object (a Service or ServiceEntry) turns workloads into endpoints of its service: whom it
//! selects, whom of those it can reach, and on which port. Endpoints and what is inbound for a proxy
//! are both computed from this, so that the two never disagree.

use std::sync::Arc;

use outrigger_base::{Kind, ResourceKey, Selector};

use crate::place::EndpointAddress;
use crate::workload::Workload;

/// Where an endpoint listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetPort {
    /// On this port.
    Number(u16),
    /// On the workload's port of this name.
    Name(Arc<str>),
}

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    pub(crate) fn of(ip: std::net::IpAddr) -> Family {
        if ip.is_ipv4() { Family::V4 } else { Family::V6 }
    }
}

/// How one object finds endpoints for a service.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Binding {
    /// The Service or ServiceEntry.
    pub origin: ResourceKey,
    /// `None`: it selects nothing.
    pub selector: Option<Selector>,
    /// What it can do with those it selects.
    pub reach: Reach,
    /// Its ports that the service has.
    pub ports: Vec<BoundPort>,
    /// Not-ready pods are endpoints too.
    pub publish_not_ready: bool,
    /// Families that endpoints of pods are wanted for, in order; empty: the pod's first address.
    pub families: Vec<Family>,
}

/// Which kinds of workload an object can use as endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reach {
    pub pods: bool,
    /// WorkloadEntries with an IP address.
    pub entries: bool,
    /// WorkloadEntries that have a name or a Unix socket for an address.
    pub named_entries: bool,
}

/// A port of the object, and the port of the service that it feeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BoundPort {
    /// Number in the service.
    pub service_port: u16,
    /// Name in the object.
    pub name: Arc<str>,
    pub target: TargetPort,
}

impl Binding {
    /// Whether its selector takes this workload of its own namespace and it can use it.
    pub(crate) fn selects(&self, workload: &Workload) -> bool {
        self.selector.as_ref().is_some_and(|selector| selector.matches(&workload.labels))
            && self.usable(workload)
    }

    /// Whether it lists or selects the workload.
    pub(crate) fn reaches(&self, workload: &Workload) -> bool {
        workload.key == self.origin || self.selects(workload)
    }

    /// Whether a workload of this kind, at such an address, can be an endpoint.
    pub(crate) fn usable(&self, workload: &Workload) -> bool {
        match &workload.address {
            None => false,
            Some(_) if workload.is_pod() => self.reach.pods,
            Some(EndpointAddress::Ip(_)) => self.reach.entries,
            Some(EndpointAddress::Name(_) | EndpointAddress::Unix(_)) => self.reach.named_entries,
        }
    }

    /// The port on which a workload listens; `None` if it has no port of the name that is asked for.
    ///
    /// A ServiceEntry takes the workload's port of the same name as its own first
    /// (istio: serviceentry/conversion.go `convertEndpoint`). So does a Service with a WorkloadEntry,
    /// unless it asks for a port by name (kube/controller/controller.go
    /// `serviceInstanceFromWorkloadInstance`). A Service with a pod means what Kubernetes means.
    pub(crate) fn target(&self, port: &BoundPort, workload: &Workload) -> Option<u16> {
        if matches!(workload.address, Some(EndpointAddress::Unix(_))) {
            return Some(0);
        }
        let own_name_first = !workload.is_pod() || self.origin.kind == Kind::SERVICE_ENTRY;
        match &port.target {
            TargetPort::Name(name) => workload.ports.get(name).copied(),
            TargetPort::Number(number) if own_name_first => {
                Some(workload.ports.get(&port.name).copied().unwrap_or(*number))
            }
            TargetPort::Number(number) => Some(*number),
        }
    }
}
