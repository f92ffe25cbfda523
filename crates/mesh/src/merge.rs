//! Several objects that claim one host in one namespace become one service.
//!
//! The first claim owns the host. What others say about the service itself counts only where it can
//! be added without a contradiction (further ports of ServiceEntries that otherwise agree); their
//! endpoints join those of the owner's ports in any case. Whoever loses something is told.
//! (istio: push_context.go `initServiceRegistry`, sidecar.go `appendSidecarServices`.)

use std::collections::BTreeMap;
use std::sync::Arc;

use outrigger_base::{Code, Diagnostic};

use crate::binding::{Binding, BoundPort};
use crate::claim::{Allot, Claim, Rank};
use crate::service::{Registry, Service, ServicePort};

/// A service before it is allotted addresses.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Merged {
    pub service: Service,
    pub allot: Allot,
    pub findings: Vec<Diagnostic>,
}

/// Merges the claims on one host of one namespace; `None` if there are none.
pub(crate) fn merge(claims: &BTreeMap<Rank, Arc<Claim>>) -> Option<Merged> {
    let mut claims = claims.values();
    let owner = claims.next()?;
    let mut merged = Merged { service: owner.service.clone(), allot: owner.allot, findings: Vec::new() };
    for claim in claims {
        join(&mut merged, &owner.service, &claim.service);
    }
    if !merged.service.addresses.is_empty() {
        merged.allot = Allot::NOTHING;
    }
    Some(merged)
}

fn join(merged: &mut Merged, owner: &Service, other: &Service) {
    let agrees = owner.registry == Registry::ServiceEntry
        && other.registry == Registry::ServiceEntry
        && owner.resolution == other.resolution
        && owner.labels == other.labels
        && owner.selector == other.selector
        && owner.visibility == other.visibility;
    let mut bound = Vec::new();
    let mut findings = Vec::new();
    for (n, port) in other.ports.iter().enumerate() {
        let Some(known) = find_port(&merged.service, port, agrees) else {
            if agrees {
                bound.push(bind(port, port));
                merged.service.ports.push(port.clone());
            } else {
                findings.push((format!("spec.ports[{n}]"), format!("port {} is left out", port.number)));
            }
            continue;
        };
        bound.push(bind(known, port));
        if known.protocol != port.protocol {
            let message = format!("port {} speaks {}, not {}", known.number, known.protocol, port.protocol);
            findings.push((format!("spec.ports[{n}].protocol"), message));
        }
    }
    if agrees {
        for address in &other.addresses {
            if !merged.service.addresses.contains(address) {
                merged.service.addresses.push(address.clone());
            }
        }
    }
    findings.extend(lost(&merged.service, other));
    for binding in &other.bindings {
        if !bound.is_empty() {
            merged.service.bindings.push(Binding { ports: bound.clone(), ..binding.clone() });
            merged.service.origins.push(binding.origin.clone());
        }
        for (field, what) in &findings {
            let winner = &owner.origins[0];
            let message = format!("{winner} owns the host {}: {what}", owner.host);
            merged.findings.push(
                Diagnostic::warning(Code::CONFLICT, message)
                    .with_object(binding.origin.clone())
                    .with_field(field.as_str()),
            );
        }
    }
}

/// The port of the service that a port of a further claim means: that of the same number, else, unless
/// it can be added under its own number, that of the same name.
fn find_port<'a>(service: &'a Service, port: &ServicePort, may_add: bool) -> Option<&'a ServicePort> {
    let by_name = || service.ports.iter().find(|p| !may_add && !p.name.is_empty() && p.name == port.name);
    service.port(port.number).or_else(by_name)
}

fn bind(known: &ServicePort, port: &ServicePort) -> BoundPort {
    BoundPort { service_port: known.number, ..port.bound() }
}

/// What else of a further claim has no effect: field and sentence.
fn lost(service: &Service, other: &Service) -> Vec<(String, String)> {
    let mut lost = Vec::new();
    let mut say = |field: &str, what: &str| lost.push((field.to_string(), what.to_string()));
    if service.resolution != other.resolution {
        say("spec.resolution", "this resolution has no effect");
    }
    if service.mesh_external != other.mesh_external {
        say("spec.location", "this location has no effect");
    }
    if service.visibility != other.visibility {
        say("spec.exportTo", "this visibility has no effect");
    }
    if other.addresses.iter().any(|address| !service.addresses.contains(address)) {
        say("spec.addresses", "these addresses have no effect");
    }
    if !other.subject_alt_names.is_empty() && service.subject_alt_names != other.subject_alt_names {
        say("spec.subjectAltNames", "these names have no effect");
    }
    lost
}
