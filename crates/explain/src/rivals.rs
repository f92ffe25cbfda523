//! Objects that wanted to decide and lost before there was a request: those that were beaten by another
//! object when resources were built, and those that are not for this proxy.

use outrigger_base::{Code, Diagnostic, Host, ResourceKey};
use outrigger_mesh::{DestinationRuleRule, Service, VirtualServiceRule};
use outrigger_traffic::{RouteConfig, VirtualHost, split_port};

use crate::bound::Bound;
use crate::explanation::Rejected;

const MESH: &str = "mesh";

/// Objects that another one beat, about a host or a port: what a finding about a conflict says of both.
pub(crate) fn beaten(bound: &Bound<'_>, winner: Option<&ResourceKey>, about: &str) -> Vec<Rejected> {
    let Some(winner) = winner.map(ResourceKey::to_string) else { return Vec::new() };
    let says =
        |finding: &Diagnostic| has_word(&finding.message, &winner) && has_word(&finding.message, about);
    conflicts(bound, says)
}

/// VirtualServices that wanted the host of a request and are not behind the virtual host that has it.
pub(crate) fn of_host(
    bound: &Bound<'_>,
    config: &RouteConfig,
    chosen: Option<&VirtualHost>,
    authority: &[u8],
    gateways: &[ResourceKey],
) -> Vec<Rejected> {
    let name_of = |authority: &[u8]| String::from_utf8_lossy(split_port(authority).0).into_owned();
    let of_chosen = chosen.map(|chosen| name_of(chosen.name.as_bytes()));
    let mut rejected = match &of_chosen {
        Some(name) => conflicts(bound, |finding| has_word(&finding.message, name)),
        None => Vec::new(),
    };
    // A sidecar's virtual host has the full name of what requests may name shorter.
    let full = of_chosen.filter(|name| !bound.is_gateway() && name.contains('.') && !name.starts_with('*'));
    let Ok(host) = Host::parse(&full.unwrap_or_else(|| name_of(authority))) else { return rejected };
    // Virtual hosts of a gateway that others lead to are candidates themselves.
    let used = |rule: &VirtualServiceRule| match bound.is_gateway() {
        true => config.virtual_hosts().iter().any(|each| each.origins.contains(&rule.key)),
        false => chosen.is_some_and(|chosen| chosen.origins.contains(&rule.key)),
    };
    for rule in bound.scene.mesh.virtual_services.iter().filter(|rule| !used(rule)) {
        let candidate = rule.key.to_string();
        let Some(wanted) = rule.hosts.iter().filter(|wanted| wanted.covers(&host)).min() else { continue };
        if !rejected.iter().any(|known| known.candidate == candidate) {
            let why = not_for_the_proxy(bound, rule, gateways)
                .unwrap_or_else(|| beaten_by_host(bound, rule, wanted, &host, gateways));
            rejected.push(Rejected { candidate, why });
        }
    }
    rejected
}

fn not_for_the_proxy(
    bound: &Bound<'_>,
    rule: &VirtualServiceRule,
    gateways: &[ResourceKey],
) -> Option<String> {
    let namespace = &*bound.proxy.namespace;
    if !rule.visibility.includes(&rule.key.namespace, namespace) {
        return Some(format!("it is not exported to namespace {namespace}"));
    }
    if !is_attached(bound, rule, gateways) {
        let written = rule.gateways.join(", ");
        return Some(format!("it is for other proxies: its gateways are {written}"));
    }
    rule.object.spec.http.is_empty().then(|| "it has no rules for HTTP".to_string())
}

fn is_attached(bound: &Bound<'_>, rule: &VirtualServiceRule, gateways: &[ResourceKey]) -> bool {
    rule.gateways.iter().any(|name| match bound.is_gateway() {
        true => gateways.iter().any(|gateway| **name == format!("{}/{}", gateway.namespace, gateway.name)),
        false => &**name == MESH,
    })
}

/// Why a rule that could decide about a host does not.
fn beaten_by_host(
    bound: &Bound<'_>,
    rule: &VirtualServiceRule,
    wanted: &Host,
    host: &Host,
    gateways: &[ResourceKey],
) -> String {
    if bound.is_gateway() {
        return "no host of the Gateway is open to it, or none of its routes is for this port".to_string();
    }
    let more_specific = bound.scene.mesh.virtual_services.iter().find(|other| {
        other.key != rule.key
            && not_for_the_proxy(bound, other, gateways).is_none()
            && other.hosts.iter().any(|theirs| theirs.covers(host) && is_narrower(theirs, wanted))
    });
    match more_specific {
        Some(other) => format!("its host {wanted} is less specific than that of {}", other.key),
        None => "none of its routes is for this caller and port".to_string(),
    }
}

fn is_narrower(a: &Host, b: &Host) -> bool {
    b.is_wildcard() && (!a.is_wildcard() || a.as_str().len() > b.as_str().len())
}

/// DestinationRules for a service that are not the one in force, and services of the same host.
pub(crate) fn of_service(bound: &Bound<'_>, service: &Service) -> Vec<Rejected> {
    let mesh = &bound.scene.mesh;
    let (namespace, labels) = (&*bound.proxy.namespace, &bound.proxy.labels);
    let chosen = mesh.destination_rule(&service.host, &service.namespace, namespace, labels);
    let mut rejected = Vec::new();
    for same_host in mesh.services.of_host(&service.host).iter().filter(|s| s.key() != service.key()) {
        let why = match same_host.visibility.includes(&same_host.namespace, namespace) {
            true => {
                format!("of several services of this host that of namespace {} counts", service.namespace)
            }
            false => format!("it is not exported to namespace {namespace}"),
        };
        let each = same_host.origins.iter().map(|origin| origin.to_string());
        rejected.extend(each.map(|candidate| Rejected { candidate, why: why.clone() }));
    }
    let mut losers: Vec<_> = mesh
        .destination_rules
        .iter()
        .filter(|rule| rule.host.covers(&service.host))
        .filter(|rule| chosen.as_ref().is_none_or(|chosen| !std::sync::Arc::ptr_eq(chosen, rule)))
        .collect();
    losers.sort_by(|a, b| a.origins.cmp(&b.origins));
    for loser in losers {
        let why = why_not_in_force(bound, service, loser, chosen.as_deref());
        let own = |origin: &&ResourceKey| chosen.as_ref().is_none_or(|c| !c.origins.contains(origin));
        let each = loser.origins.iter().filter(own).map(ResourceKey::to_string);
        rejected.extend(each.map(|candidate| Rejected { candidate, why: why.clone() }));
    }
    for origin in chosen.iter().flat_map(|chosen| &chosen.origins) {
        rejected.extend(beaten(bound, Some(origin), service.host.as_str()));
    }
    rejected
}

fn why_not_in_force(
    bound: &Bound<'_>,
    service: &Service,
    loser: &DestinationRuleRule,
    chosen: Option<&DestinationRuleRule>,
) -> String {
    let proxy = bound.proxy;
    let Some(namespace) = loser.origins.first().map(|origin| &*origin.namespace) else {
        return String::new();
    };
    let selects = loser.workload_selector.as_ref().is_none_or(|s| s.matches(&proxy.labels));
    if !loser.visibility.includes(namespace, &proxy.namespace) {
        return format!("it is not exported to namespace {}", proxy.namespace);
    }
    if !selects {
        return "it is for other workloads of its namespace".to_string();
    }
    let places = [&*proxy.namespace, &*service.namespace, &*bound.scene.mesh.config.root_namespace];
    if !places.contains(&namespace) {
        return "it is neither in the caller's namespace nor in the service's nor in the root namespace"
            .into();
    }
    let Some(chosen) = chosen else { return "another rule of its namespace is for other workloads".into() };
    let winner = chosen.origins.first().map(ResourceKey::to_string).unwrap_or_default();
    if chosen.origins.iter().any(|origin| *origin.namespace != *namespace) {
        return format!("the namespace of {winner} comes first");
    }
    if is_narrower(&chosen.host, &loser.host) {
        return format!("its host {} is less specific than that of {winner}", loser.host);
    }
    format!("{winner} comes first")
}

fn conflicts(bound: &Bound<'_>, says: impl Fn(&Diagnostic) -> bool) -> Vec<Rejected> {
    let found = bound.loaded.diagnostics.iter().chain(bound.scene.mesh.diagnostics.iter());
    let mut rejected: Vec<Rejected> = Vec::new();
    for finding in found.filter(|finding| finding.code == Code::CONFLICT && says(finding)) {
        let Some(object) = &finding.object else { continue };
        let loser = Rejected { candidate: object.to_string(), why: finding.message.clone() };
        if !rejected.contains(&loser) {
            rejected.push(loser);
        }
    }
    rejected
}

/// Whether a sentence names something.
fn has_word(sentence: &str, name: &str) -> bool {
    sentence.split_whitespace().any(|word| word.trim_end_matches([',', ':', ';', '.']) == name)
}
