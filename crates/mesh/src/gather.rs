//! Gathers the endpoints of one service: for each of its ports, every usable workload that one of its
//! objects lists or selects, each (address, port) once.

use std::collections::BTreeMap;
use std::sync::Arc;

use ahash::{AHashMap, AHashSet};
use outrigger_base::{Code, Diagnostic, Kind, ResourceKey};

use crate::binding::{Binding, BoundPort, Family, TargetPort};
use crate::endpoint::{Endpoint, ServiceEndpoints};
use crate::place::{EndpointAddress, EndpointHealth};
use crate::service::{Resolution, Service};
use crate::workload::Workload;

/// Workloads in the order of their keys.
pub(crate) type Members = BTreeMap<ResourceKey, Arc<Workload>>;

/// What one object contributes.
pub(crate) struct Source<'a> {
    pub binding: &'a Binding,
    pub inline: &'a [Arc<Workload>],
    /// Those that its selector takes.
    pub members: Option<&'a Members>,
}

/// The endpoints of a service whose objects contribute these, the owner first.
pub(crate) fn gather(service: &Service, sources: &[Source<'_>]) -> (ServiceEndpoints, Vec<Diagnostic>) {
    let portless = BoundPort { service_port: 0, name: Arc::default(), target: TargetPort::Number(0) };
    let mut gathering =
        Gathering { service, by_port: Vec::new(), portless: [portless], findings: Findings::default() };
    for port in &service.ports {
        gathering.by_port.push((port.number, Vec::new()));
    }
    if service.headless && service.ports.is_empty() {
        gathering.by_port.push((0, Vec::new()));
    }
    for source in sources {
        gathering.add_source(source);
    }
    let inline = sources.iter().flat_map(|source| source.inline).cloned().collect();
    let by_port =
        gathering.by_port.into_iter().map(|(port, found)| (port, arrange(service, found))).collect();
    (ServiceEndpoints { by_port, inline }, gathering.findings.into_diagnostics())
}

struct Gathering<'a> {
    service: &'a Service,
    by_port: Vec<(u16, Vec<Endpoint>)>,
    /// Stands for the ports of a headless service that has none.
    portless: [BoundPort; 1],
    findings: Findings,
}

impl Gathering<'_> {
    fn add_source(&mut self, source: &Source<'_>) {
        for workload in source.inline {
            self.add(source.binding, workload);
        }
        for workload in source.members.into_iter().flat_map(BTreeMap::values) {
            if source.binding.usable(workload) {
                self.add(source.binding, workload);
            } else {
                self.findings.unusable(source.binding, workload);
            }
        }
    }

    fn add(&mut self, binding: &Binding, workload: &Workload) {
        let health = match workload.health {
            Some(health) => health,
            None if binding.publish_not_ready => EndpointHealth::Ready,
            None => return,
        };
        let ports = if self.service.ports.is_empty() { &self.portless[..] } else { &binding.ports[..] };
        for bound in ports {
            let Some((_, found)) = self.by_port.iter_mut().find(|(port, _)| *port == bound.service_port)
            else {
                continue;
            };
            let Some(port) = binding.target(bound, workload) else {
                self.findings.no_such_port(binding, bound, workload);
                continue;
            };
            for address in addresses(binding, workload) {
                // Names can be resolved only if the owner of the host says how.
                if matches!(address, EndpointAddress::Name(_)) && !self.service.resolution.resolves_names() {
                    continue;
                }
                found.push(endpoint(self.service, binding, workload, address, port, health));
            }
        }
    }
}

/// A pod is reached at its first address, or at the first of each family that the Service asks for.
fn addresses(binding: &Binding, workload: &Workload) -> Vec<EndpointAddress> {
    if binding.families.is_empty() || !workload.is_pod() {
        return workload.address.iter().cloned().collect();
    }
    let first_of = |family| workload.ips.iter().find(|ip| Family::of(**ip) == family);
    binding
        .families
        .iter()
        .filter_map(|family| first_of(*family))
        .map(|ip| EndpointAddress::Ip(*ip))
        .collect()
}

fn endpoint(
    service: &Service,
    binding: &Binding,
    workload: &Workload,
    address: EndpointAddress,
    port: u16,
    health: EndpointHealth,
) -> Endpoint {
    let named = |(hostname, subdomain): &(Arc<str>, Arc<str>)| {
        (service.headless && *subdomain == service.name).then(|| format!("{hostname}.{subdomain}").into())
    };
    Endpoint {
        address,
        port,
        weight: workload.weight,
        health,
        labels: workload.endpoint_labels.clone(),
        locality: workload.locality.clone(),
        network: workload.network.clone(),
        cluster: workload.cluster.clone(),
        service_account: workload.service_account.clone(),
        tls_mode: workload.tls_mode,
        namespace: workload.key.namespace.clone(),
        workload_name: workload.workload_name.clone(),
        workload: workload.key.clone(),
        selected_by: binding.origin.clone(),
        hostname: workload.hostname.as_ref().and_then(named),
    }
}

/// Sorts, and leaves each (address, port) once: a ready one rather than one that is going away, else
/// the first. Envoy too keeps the first of equal addresses.
fn arrange(service: &Service, mut found: Vec<Endpoint>) -> Arc<[Endpoint]> {
    if service.resolution == Resolution::DnsRoundRobin {
        // The first that the oldest object has (istio: conversion.go, DNS_ROUND_ROBIN).
        found.truncate(1);
    }
    found.sort_by(|a, b| order(a).cmp(&order(b)));
    let place = |endpoint: &Endpoint| (endpoint.address.clone(), endpoint.port);
    let is_ready = |endpoint: &&Endpoint| endpoint.health == EndpointHealth::Ready;
    let mut ready = AHashSet::new();
    if !found.iter().all(|endpoint| is_ready(&endpoint)) {
        ready.extend(found.iter().filter(is_ready).map(place));
    }
    let mut seen = AHashSet::with_capacity(found.len());
    found.retain(|endpoint| {
        let beaten = !is_ready(&endpoint) && ready.contains(&place(endpoint));
        !beaten && seen.insert(place(endpoint))
    });
    found.into()
}

fn order(endpoint: &Endpoint) -> (&ResourceKey, &EndpointAddress, u16) {
    (&endpoint.workload, &endpoint.address, endpoint.port)
}

/// Selected workloads that cannot be endpoints: one finding per object and reason, with an example.
#[derive(Default)]
struct Findings {
    seen: AHashMap<(ResourceKey, Reason), (ResourceKey, usize)>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Reason {
    NoAddress,
    NamedAddress,
    EntryOfHeadless,
    NoSuchPort(u16, Arc<str>),
}

impl Findings {
    fn unusable(&mut self, binding: &Binding, workload: &Workload) {
        let reason = match &workload.address {
            // It has no address yet, or no longer; nobody did anything wrong.
            _ if workload.is_pod() => return,
            None => Reason::NoAddress,
            Some(EndpointAddress::Ip(_)) => Reason::EntryOfHeadless,
            Some(EndpointAddress::Name(_) | EndpointAddress::Unix(_)) => Reason::NamedAddress,
        };
        self.count(binding, reason, workload);
    }

    fn no_such_port(&mut self, binding: &Binding, bound: &BoundPort, workload: &Workload) {
        if let TargetPort::Name(name) = &bound.target {
            self.count(binding, Reason::NoSuchPort(bound.service_port, name.clone()), workload);
        }
    }

    fn count(&mut self, binding: &Binding, reason: Reason, workload: &Workload) {
        let entry = self.seen.entry((binding.origin.clone(), reason));
        entry.or_insert_with(|| (workload.key.clone(), 0)).1 += 1;
    }

    fn into_diagnostics(self) -> Vec<Diagnostic> {
        let mut found: Vec<_> = self.seen.into_iter().collect();
        found.sort();
        found
            .into_iter()
            .map(|((origin, reason), (example, n))| reason.describe(origin, &example, n))
            .collect()
    }
}

impl Reason {
    fn describe(&self, origin: ResourceKey, example: &ResourceKey, count: usize) -> Diagnostic {
        let of_kind = if count > 1 { format!(", like {} more", count - 1) } else { String::new() };
        let selector = if origin.kind == Kind::SERVICE { "spec.selector" } else { "spec.workloadSelector" };
        let (code, field, message, advice) = match self {
            Reason::NoAddress => (
                Code::NOT_ACTED_ON,
                selector,
                format!("{example} has no address{of_kind}, and gateways of networks are not acted on yet"),
                "give it an address".to_string(),
            ),
            Reason::NamedAddress => (
                Code::UNREACHABLE,
                selector,
                format!("{example} has no IP address{of_kind}, so it is no endpoint here"),
                "only a ServiceEntry with resolution DNS or DNS_ROUND_ROBIN can use it".to_string(),
            ),
            Reason::EntryOfHeadless => (
                Code::UNREACHABLE,
                selector,
                format!("{example} is no endpoint of a headless service{of_kind}; only pods are"),
                "give the Service an address, or describe the host with a ServiceEntry".to_string(),
            ),
            Reason::NoSuchPort(port, name) => (
                Code::MISSING_REFERENCE,
                "spec.ports",
                format!(
                    "{example} has no port named '{name}'{of_kind}, so it does not answer on port {port}"
                ),
                format!("name a port '{name}' there, or use a number as targetPort"),
            ),
        };
        Diagnostic::warning(code, message).with_object(origin).with_field(field).with_advice(advice)
    }
}
