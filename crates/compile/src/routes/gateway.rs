//! Routes of a gateway's port: the VirtualServices that are attached to the Gateways it serves there.
//!
//! Unlike at sidecars, routes of all VirtualServices for one host count, in the order of age; those
//! that take every request come last. (istio: core/gateway.go `buildGatewayHTTPRouteConfig`.)

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use ahash::AHashSet;
use outrigger_base::{Code, Diagnostic, Host, ResourceKey};
use outrigger_mesh::VirtualServiceRule;
use outrigger_proto::envoy::config::route::v3::{
    Route, RouteConfiguration, VirtualHost, virtual_host::TlsRequirementType,
};

use super::outbound::{Configuration, fit};
use super::virtual_service::{self, Asked};
use crate::names;
use crate::provenance;
use crate::world::World;

/// What one server of a Gateway serves.
pub(crate) struct ServedHosts {
    /// The Gateway.
    pub(crate) gateway: ResourceKey,
    /// The Gateway as VirtualServices name it: `namespace/name`.
    pub(crate) name: String,
    /// The port that callers use.
    pub(crate) port: u16,
    /// Hosts with the namespace whose VirtualServices may use them; `None`: all.
    pub(crate) hosts: Vec<(Option<String>, Host)>,
    /// Plain HTTP is redirected to HTTPS.
    pub(crate) https_redirect: bool,
}

impl ServedHosts {
    /// Hosts that both the server and a VirtualService have: of each pair the more specific one.
    pub(crate) fn shared_with(&self, rule: &VirtualServiceRule) -> Vec<Host> {
        let open = self.hosts.iter().filter(|(namespace, _)| {
            namespace.as_ref().is_none_or(|namespace| **namespace == *rule.key.namespace)
        });
        let mut shared = Vec::new();
        for (_, served) in open {
            for host in &rule.hosts {
                let narrower = if served.covers(host) {
                    host
                } else if host.covers(served) {
                    served
                } else {
                    continue;
                };
                if !shared.contains(narrower) {
                    shared.push(narrower.clone());
                }
            }
        }
        shared
    }
}

/// Routes of a port that some servers share.
pub(crate) fn configuration(
    world: &World<'_>,
    name: String,
    servers: &[ServedHosts],
    diagnostics: &mut Vec<Diagnostic>,
) -> Configuration {
    let mut hosts: BTreeMap<Host, Merged> = BTreeMap::new();
    let mut origins: Vec<ResourceKey> = servers.iter().map(|server| server.gateway.clone()).collect();
    for server in servers {
        let asked = Asked { world, gateway: Some(&server.name), port: server.port };
        let rules = world.virtual_services.iter();
        for rule in rules.filter(|rule| !rule.object.spec.http.is_empty() && asked.is_attached(rule)) {
            let shared = server.shared_with(rule);
            if shared.is_empty() {
                continue;
            }
            let routes = virtual_service::routes(&asked, rule);
            if routes.is_empty() {
                continue;
            }
            origins.push(rule.key.clone());
            for host in shared {
                hosts.entry(host).or_insert_with(|| Merged::new(server)).add(server, rule, &routes);
            }
        }
        if server.https_redirect {
            for (_, host) in &server.hosts {
                match hosts.entry(host.clone()) {
                    Entry::Occupied(mut host) => host.get_mut().https_redirect = true,
                    Entry::Vacant(free) => {
                        free.insert(Merged::new(server));
                    }
                }
            }
        }
    }
    let port = servers.first().map_or(0, |server| server.port);
    let mut virtual_hosts: Vec<VirtualHost> =
        hosts.into_iter().map(|(host, merged)| merged.finish(&host, port, diagnostics)).collect();
    if virtual_hosts.is_empty() {
        // Without routes every request is answered 404 (NR).
        virtual_hosts.push(VirtualHost {
            name: names::host_and_port("blackhole", port),
            domains: vec!["*".to_string()],
            ..Default::default()
        });
    }
    virtual_hosts.sort_by(|a, b| a.name.cmp(&b.name));
    let configuration =
        RouteConfiguration { name, virtual_hosts, ignore_port_in_host_matching: true, ..Default::default() };
    (fit(configuration), origins)
}

/// The routes of one host, from all that have some.
struct Merged {
    https_redirect: bool,
    /// VirtualServices that were added, each once even if several servers lead to it.
    added: AHashSet<(ResourceKey, String)>,
    rules: Vec<ResourceKey>,
    gateways: Vec<ResourceKey>,
    routes: Vec<Route>,
    /// Routes for every request, with the VirtualServices they belong to.
    last: Vec<(ResourceKey, Route)>,
}

impl Merged {
    fn new(server: &ServedHosts) -> Merged {
        Merged {
            https_redirect: server.https_redirect,
            added: AHashSet::new(),
            rules: Vec::new(),
            gateways: vec![server.gateway.clone()],
            routes: Vec::new(),
            last: Vec::new(),
        }
    }

    fn add(&mut self, server: &ServedHosts, rule: &VirtualServiceRule, routes: &[Route]) {
        self.https_redirect |= server.https_redirect;
        if !self.gateways.contains(&server.gateway) {
            self.gateways.push(server.gateway.clone());
        }
        if !self.added.insert((rule.key.clone(), server.name.clone())) {
            return;
        }
        if !self.rules.contains(&rule.key) {
            self.rules.push(rule.key.clone());
        }
        for route in routes {
            if virtual_service::is_catch_all(route) {
                self.last.push((rule.key.clone(), route.clone()));
            } else {
                self.routes.push(route.clone());
            }
        }
    }

    fn finish(self, host: &Host, port: u16, diagnostics: &mut Vec<Diagnostic>) -> VirtualHost {
        let mut last = self.last.into_iter();
        let mut routes = self.routes;
        // After a route for every request no other one is asked.
        if let Some((winner, route)) = last.next() {
            routes.push(route);
            let mut losers: Vec<ResourceKey> =
                last.map(|(loser, _)| loser).filter(|l| *l != winner).collect();
            losers.dedup();
            diagnostics.extend(losers.into_iter().map(|loser| lost(host, port, loser, &winner)));
        }
        let mut origins = self.rules;
        origins.extend(self.gateways);
        let require_tls =
            if self.https_redirect { TlsRequirementType::All } else { TlsRequirementType::None };
        VirtualHost {
            name: names::host_and_port(host.as_str(), port),
            domains: vec![names::authority(host)],
            routes,
            require_tls: require_tls.into(),
            include_request_attempt_count: true,
            metadata: provenance::metadata(&origins),
            ..Default::default()
        }
    }
}

fn lost(host: &Host, port: u16, loser: ResourceKey, winner: &ResourceKey) -> Diagnostic {
    let message = format!(
        "its route for all requests to host {host} on the gateway's port {port} is never asked: \
         that of {winner} comes first"
    );
    Diagnostic::warning(Code::CONFLICT, message)
        .with_object(loser)
        .with_field("spec.http")
        .with_advice("give one of the two a condition")
}
