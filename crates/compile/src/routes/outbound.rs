//! Routes of a sidecar: for each port the services that have it.
//!
//! One VirtualService has the word for a host. An exact host beats a wildcard, a longer wildcard a
//! shorter one, and among equals the older object; one whose routes cannot hold for these callers
//! does not count. (istio: core/route/route.go `BuildSidecarVirtualHostWrapper`,
//! model/sidecar.go `computeWildcardHostVirtualServiceIndex`.)

use std::collections::BTreeMap;
use std::sync::Arc;

use ahash::{AHashMap, AHashSet};
use outrigger_api::OutboundMode;
use outrigger_base::{AppProtocol, Code, Diagnostic, Host, ResourceKey};
use outrigger_mesh::{Service, VirtualServiceRule};
use outrigger_proto::envoy::config::route::v3::{Route, RouteConfiguration, VirtualHost, route::Action};

use super::actions;
use super::domains::Domains;
use super::virtual_service::{self, Asked, everything};
use crate::names;
use crate::provenance;
use crate::world::World;

/// Hosts without a service are routed on this port only (istio: core/route/route.go).
pub(crate) const PORT_OF_UNKNOWN_HOSTS: u16 = 80;

/// A route configuration with the objects it came from.
pub(crate) type Configuration = (RouteConfiguration, Vec<ResourceKey>);

/// Routes of `0.0.0.0_<port>`.
pub(crate) fn configuration(
    world: &World<'_>,
    port: u16,
    diagnostics: &mut Vec<Diagnostic>,
) -> Configuration {
    let mut builder = Builder::new(world, port, diagnostics);
    let mut hosts = builder.services();
    hosts.extend(builder.unknown_hosts());
    builder.finish(port.to_string(), hosts)
}

/// Routes of a service's own listener, whose protocol is found out: whatever host a request names, the
/// address that the caller chose means this service.
pub(crate) fn sniffed_configuration(
    world: &World<'_>,
    service: &Service,
    port: u16,
    diagnostics: &mut Vec<Diagnostic>,
) -> Configuration {
    let mut builder = Builder::new(world, port, diagnostics);
    let routed = builder.host_of(service);
    let name = names::host_and_port(service.host.as_str(), port);
    let origins = routed.origins.clone();
    let virtual_host = routed.into_virtual_host(port, vec!["*".to_string()]);
    let configuration = RouteConfiguration {
        name,
        virtual_hosts: vec![virtual_host],
        ignore_port_in_host_matching: true,
        ..Default::default()
    };
    (fit(configuration), origins)
}

/// Whether some VirtualService for sidecars names a host that no service has, so that port 80 needs a
/// listener even if no service speaks HTTP there.
pub(crate) fn has_unknown_hosts(world: &World<'_>) -> bool {
    let asked = Asked { world, gateway: None, port: PORT_OF_UNKNOWN_HOSTS };
    let known: AHashSet<&Host> = world.services.iter().map(|service| &service.host).collect();
    world
        .virtual_services
        .iter()
        .filter(|rule| !rule.object.spec.http.is_empty() && asked.is_attached(rule))
        .any(|rule| rule.hosts.iter().any(|host| !is_known(&known, host)))
}

fn is_known(known: &AHashSet<&Host>, host: &Host) -> bool {
    if host.is_wildcard() { known.iter().any(|service| host.covers(service)) } else { known.contains(host) }
}

/// A host and what becomes of requests to it.
struct Routed<'a> {
    host: Host,
    service: Option<&'a Service>,
    routes: Vec<Route>,
    origins: Vec<ResourceKey>,
}

impl Routed<'_> {
    fn into_virtual_host(self, port: u16, domains: Vec<String>) -> VirtualHost {
        VirtualHost {
            name: names::host_and_port(self.host.as_str(), port),
            domains,
            routes: self.routes,
            include_request_attempt_count: true,
            metadata: provenance::metadata(&self.origins),
            ..Default::default()
        }
    }
}

struct Builder<'a, 'd> {
    world: &'a World<'a>,
    asked: Asked<'a>,
    /// Rules for sidecars with routes for HTTP, the winner first.
    rules: Vec<&'a Arc<VirtualServiceRule>>,
    exact: AHashMap<&'a Host, Vec<usize>>,
    wildcard: BTreeMap<&'a Host, Vec<usize>>,
    /// Routes of rules that were looked at.
    routes: AHashMap<usize, Vec<Route>>,
    /// Rules that have the word for some service here.
    heard: AHashSet<usize>,
    diagnostics: &'d mut Vec<Diagnostic>,
}

impl<'a, 'd> Builder<'a, 'd> {
    fn new(world: &'a World<'a>, port: u16, diagnostics: &'d mut Vec<Diagnostic>) -> Builder<'a, 'd> {
        let asked = Asked { world, gateway: None, port };
        let rules: Vec<_> = world
            .virtual_services
            .iter()
            .filter(|rule| !rule.object.spec.http.is_empty() && asked.is_attached(rule))
            .collect();
        let mut exact: AHashMap<&Host, Vec<usize>> = AHashMap::new();
        let mut wildcard: BTreeMap<&Host, Vec<usize>> = BTreeMap::new();
        for (at, rule) in rules.iter().enumerate() {
            for host in &rule.hosts {
                let rules_of_host = if host.is_wildcard() {
                    wildcard.entry(host).or_default()
                } else {
                    exact.entry(host).or_default()
                };
                rules_of_host.push(at);
            }
        }
        Builder {
            world,
            asked,
            rules,
            exact,
            wildcard,
            routes: AHashMap::new(),
            heard: AHashSet::new(),
            diagnostics,
        }
    }

    /// The services that have the port and may speak HTTP on it.
    fn services(&mut self) -> Vec<Routed<'a>> {
        let world = self.world;
        let speaks_http = |service: &&Arc<Service>| {
            service
                .port(self.asked.port)
                .is_some_and(|port| port.protocol.is_http() || port.protocol == AppProtocol::Auto)
        };
        let services: Vec<_> = world.services.iter().filter(speaks_http).collect();
        services.into_iter().map(|service| self.host_of(service)).collect()
    }

    fn host_of(&mut self, service: &'a Service) -> Routed<'a> {
        let exact = self.exact.get(&service.host).cloned();
        let winner = match exact {
            Some(rules) => self.first_with_routes(&service.host, &rules),
            None => {
                let mut covering = self.wildcard.iter().filter(|(host, _)| host.covers(&service.host));
                let rules = covering.next().map(|(_, rules)| rules.clone()).unwrap_or_default();
                self.first_with_routes(&service.host, &rules)
            }
        };
        let (routes, mut origins) = match winner {
            Some(rule) => {
                self.heard.insert(rule);
                (self.routes_of(rule).to_vec(), vec![self.rules[rule].key.clone()])
            }
            None => (vec![self.default_route(service)], Vec::new()),
        };
        origins.extend(service.origins.iter().cloned());
        Routed { host: service.host.clone(), service: Some(service), routes, origins }
    }

    /// Hosts of VirtualServices that no service has on this port.
    fn unknown_hosts(&mut self) -> Vec<Routed<'a>> {
        let port = self.asked.port;
        let known: AHashSet<&Host> = self
            .world
            .services
            .iter()
            .filter(|service| service.port(port).is_some())
            .map(|service| &service.host)
            .collect();
        let mut hosts: BTreeMap<&Host, Vec<usize>> = BTreeMap::new();
        for (at, rule) in self.rules.iter().enumerate() {
            if port == PORT_OF_UNKNOWN_HOSTS || self.heard.contains(&at) {
                for host in rule.hosts.iter().filter(|host| !is_known(&known, host)) {
                    hosts.entry(host).or_default().push(at);
                }
            }
        }
        let routed = hosts.into_iter().filter_map(|(host, rules)| {
            let rule = self.first_with_routes(host, &rules)?;
            let origins = vec![self.rules[rule].key.clone()];
            let routes = self.routes_of(rule).to_vec();
            Some(Routed { host: host.clone(), service: None, routes, origins })
        });
        routed.collect()
    }

    /// The first of some rules for one host that has routes for these callers; the others lose.
    fn first_with_routes(&mut self, host: &Host, rules: &[usize]) -> Option<usize> {
        let mut with_routes = rules
            .iter()
            .copied()
            .filter(|rule| !self.routes_of(*rule).is_empty())
            .collect::<Vec<_>>()
            .into_iter();
        let winner = with_routes.next()?;
        for loser in with_routes {
            self.diagnostics.push(lost(host, &self.rules[loser].key, &self.rules[winner].key));
        }
        Some(winner)
    }

    fn routes_of(&mut self, rule: usize) -> &[Route] {
        let (asked, rules) = (&self.asked, &self.rules);
        self.routes.entry(rule).or_insert_with(|| virtual_service::routes(asked, rules[rule]))
    }

    fn default_route(&self, service: &Service) -> Route {
        let cluster = names::outbound_cluster(self.asked.port, "", service.host.as_str());
        let forward = actions::forward_to(self.world, cluster);
        everything("default", Action::Route(forward), &service.origins)
    }

    fn finish(self, name: String, hosts: Vec<Routed<'_>>) -> Configuration {
        let mut domains = Domains::new(hosts.iter().map(|routed| &routed.host));
        let mut origins: Vec<ResourceKey> = Vec::new();
        let mut virtual_hosts: Vec<VirtualHost> = Vec::with_capacity(hosts.len() + 1);
        for routed in hosts {
            let own = domains.take(self.world, &routed.host, routed.service);
            if !own.is_empty() {
                origins.extend(routed.origins.iter().cloned());
                virtual_hosts.push(routed.into_virtual_host(self.asked.port, own));
            }
        }
        virtual_hosts.sort_by(|a, b| a.name.cmp(&b.name));
        if domains.is_free("*") {
            virtual_hosts.push(unknown(self.world));
        }
        let configuration = RouteConfiguration {
            name,
            virtual_hosts,
            ignore_port_in_host_matching: true,
            ..Default::default()
        };
        (fit(configuration), origins)
    }
}

/// Two rules for one host.
fn lost(host: &Host, loser: &ResourceKey, winner: &ResourceKey) -> Diagnostic {
    Diagnostic::warning(Code::CONFLICT, format!("for sidecars {winner} decides about host {host} instead"))
        .with_object(loser.clone())
        .with_field("spec.hosts")
        .with_advice("put the routes of one host into one VirtualService")
}

/// Requests to hosts that nobody knows pass, or are refused.
fn unknown(world: &World<'_>) -> VirtualHost {
    let (name, action) = match world.config().outbound_traffic_policy {
        OutboundMode::AllowAny => {
            let mut forward = actions::forward_to(world, names::PASSTHROUGH.to_string());
            forward.retry_policy = None;
            ("allow_any", Action::Route(forward))
        }
        OutboundMode::RegistryOnly => ("block_all", actions::status(502)),
    };
    VirtualHost {
        name: name.to_string(),
        domains: vec!["*".to_string()],
        routes: vec![everything(name, action, &[])],
        include_request_attempt_count: true,
        ..Default::default()
    }
}

/// Makes room for answers that are longer than Envoy takes by default.
pub(super) fn fit(mut configuration: RouteConfiguration) -> RouteConfiguration {
    const DEFAULT: usize = 4096;
    let bodies = configuration.virtual_hosts.iter().flat_map(|host| &host.routes).filter_map(|route| {
        let Some(Action::DirectResponse(response)) = &route.action else { return None };
        response.body.as_ref().map(prost::Message::encoded_len)
    });
    let longest = bodies.max().unwrap_or(0);
    if longest > DEFAULT {
        configuration.max_direct_response_body_size_bytes =
            crate::encode::number(u32::try_from(longest).unwrap_or(u32::MAX));
    }
    configuration
}
