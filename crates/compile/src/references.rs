//! What rules refer to that does not exist, and parts of them that nothing can reach.

use std::sync::Arc;

use ahash::AHashSet;
use outrigger_api::{Destination, HttpRoute};
use outrigger_base::{Code, Diagnostic};
use outrigger_mesh::{GatewayRule, VirtualServiceRule};

use crate::destination;
use crate::routes::{Asked, MESH, always_matches};
use crate::world::World;

/// Findings about the VirtualServices that concern proxies of this view.
pub(crate) fn findings(world: &World<'_>) -> Vec<Diagnostic> {
    let served = served_gateways(world);
    let existing: AHashSet<String> = world.snapshot.gateways.iter().map(|gateway| name(gateway)).collect();
    let mut findings = Vec::new();
    for rule in &world.virtual_services {
        findings.extend(missing_gateways(rule, &existing));
        let concerns = if world.is_gateway() {
            served.iter().any(|name| Asked { world, gateway: Some(name), port: 0 }.is_attached(rule))
        } else {
            Asked { world, gateway: None, port: 0 }.is_attached(rule)
        };
        if concerns {
            of_rule(world, rule, &mut findings);
        }
    }
    findings
}

/// Gateways that proxies of this view serve, as VirtualServices name them.
fn served_gateways(world: &World<'_>) -> Vec<String> {
    if !world.is_gateway() {
        return Vec::new();
    }
    let selected = world.snapshot.gateways.iter().filter(|gateway| world.view.matches(&gateway.selector));
    selected.map(|gateway| name(gateway)).collect()
}

/// A Gateway as VirtualServices name it.
fn name(gateway: &GatewayRule) -> String {
    format!("{}/{}", gateway.key.namespace, gateway.key.name)
}

/// Gateways that a rule wants to be attached to and that do not exist. Whoever sees the rule is told:
/// there is no proxy that it would concern.
fn missing_gateways(rule: &VirtualServiceRule, existing: &AHashSet<String>) -> Vec<Diagnostic> {
    let named = rule.gateways.iter().enumerate();
    let missing = named.filter(|(_, gateway)| ***gateway != *MESH && !existing.contains(&***gateway));
    let warn = |(at, gateway): (usize, &Arc<str>)| {
        Diagnostic::warning(Code::MISSING_REFERENCE, format!("there is no Gateway {gateway}"))
            .with_object(rule.key.clone())
            .with_field(format!("spec.gateways[{at}]"))
            .with_advice("apply the Gateway, or write NAMESPACE/NAME for one of another namespace")
    };
    missing.map(warn).collect()
}

fn of_rule(world: &World<'_>, rule: &VirtualServiceRule, findings: &mut Vec<Diagnostic>) {
    let spec = &rule.object.spec;
    let mut destinations: Vec<(String, &Destination)> = Vec::new();
    for (i, route) in spec.http.iter().enumerate() {
        let of_route = route.route.iter().enumerate();
        destinations.extend(
            of_route.map(|(j, d)| (format!("spec.http[{i}].route[{j}].destination"), &d.destination)),
        );
    }
    for (i, route) in spec.tls.iter().enumerate() {
        let of_route = route.route.iter().enumerate();
        destinations
            .extend(of_route.map(|(j, d)| (format!("spec.tls[{i}].route[{j}].destination"), &d.destination)));
    }
    for (i, route) in spec.tcp.iter().enumerate() {
        let of_route = route.route.iter().enumerate();
        destinations
            .extend(of_route.map(|(j, d)| (format!("spec.tcp[{i}].route[{j}].destination"), &d.destination)));
    }
    for (field, destination) in destinations {
        findings.extend(missing(world, rule, destination, &field).map(|f| f.with_object(rule.key.clone())));
    }
    findings.extend(unreachable_routes(rule, &spec.http));
}

fn missing(
    world: &World<'_>,
    rule: &VirtualServiceRule,
    written: &Destination,
    field: &str,
) -> Option<Diagnostic> {
    let warn = |part: &str, message: String, advice: &str| {
        let finding = Diagnostic::warning(Code::MISSING_REFERENCE, message);
        Some(finding.with_field(format!("{field}.{part}")).with_advice(advice))
    };
    let host = destination::host(world, &rule.key.namespace, written)?;
    let Some(service) = world.service(&host) else {
        let from = &world.view.namespace;
        let advice = "requests are answered 503 (NC); apply the service, or correct the name";
        return warn("host", format!("no service {host} is visible from namespace {from}"), advice);
    };
    if let Some(port) = &written.port
        && service.port(port.number).is_none()
    {
        let known: Vec<String> = service.ports.iter().map(|port| port.number.to_string()).collect();
        let message = format!("service {host} has no port {}", port.number);
        return warn(
            "port",
            message,
            &format!("requests are answered 503 (NC); it has {}", known.join(", ")),
        );
    }
    let subset = written.subset.as_deref().filter(|subset| !subset.is_empty())?;
    let rule = world.destination_rule(service);
    if rule.is_some_and(|rule| rule.spec.subsets.iter().any(|s| *s.name == *subset)) {
        return None;
    }
    let message = format!("no DestinationRule for {host} has a subset '{subset}'");
    warn("subset", message, "requests are answered 503 (NC); add the subset, or correct the name")
}

/// Routes after one that takes every request of every caller.
fn unreachable_routes(rule: &VirtualServiceRule, routes: &[HttpRoute]) -> Vec<Diagnostic> {
    let takes_all = |route: &HttpRoute| route.matches.is_empty() || route.matches.iter().any(always_matches);
    let Some(last) = routes.iter().position(takes_all) else { return Vec::new() };
    let unreachable = |at: usize| {
        Diagnostic::warning(Code::UNREACHABLE, format!("spec.http[{last}] before it takes every request"))
            .with_object(rule.key.clone())
            .with_field(format!("spec.http[{at}]"))
            .with_advice("put it first, or give that one a condition")
    };
    (last + 1..routes.len()).map(unreachable).collect()
}
