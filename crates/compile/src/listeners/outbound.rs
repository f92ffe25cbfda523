//! Listeners for the services that a sidecar's workload may call. None has a socket: `virtualOutbound`
//! hands connections to them by their original destination.

use std::collections::BTreeMap;
use std::net::IpAddr;

use outrigger_base::constants::{PORT_INBOUND, PORT_OUTBOUND};
use outrigger_base::{AppProtocol, Code, Diagnostic, Host, ResourceKey};
use outrigger_mesh::{Service, ServicePort};

use super::chains;
use super::http::{self, Routes};
use super::passthrough;
use super::plan::{Built, Chain, Cidr, Match, Place, Plan};
use crate::binds::{self, Bind};
use crate::names;
use crate::routes::{Asked, PORT_OF_UNKNOWN_HOSTS, has_unknown_hosts};
use crate::world::World;

/// All of them.
pub(super) fn listeners(world: &World<'_>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Built> {
    let mut plans = Plans { world, plans: BTreeMap::new(), diagnostics };
    for service in &world.services {
        for port in &service.ports {
            for bind in binds::of_port(world, service, port) {
                plans.add(service, port, &bind);
            }
        }
    }
    if has_unknown_hosts(world) {
        let port = PORT_OF_UNKNOWN_HOSTS;
        plans.plans.entry((None, port)).or_default().speak_http(world, None, port, port.to_string(), None);
    }
    let plans = plans.plans.into_iter().filter(|(_, planned)| !planned.plan.is_empty());
    plans.map(|((address, port), planned)| planned.build(world, address, port)).collect()
}

/// Listeners by address and port; no address: at every address.
struct Plans<'a, 'd> {
    world: &'a World<'a>,
    plans: BTreeMap<(Option<IpAddr>, u16), Planned>,
    diagnostics: &'d mut Vec<Diagnostic>,
}

/// What a listener for a port speaks.
#[derive(Default)]
struct Planned {
    plan: Plan,
    /// Who declared that it speaks HTTP.
    declared_http: Option<ResourceKey>,
    /// Who declared at every address a protocol whose server speaks first.
    declared_server_first: Option<ResourceKey>,
    /// The service whose address it is.
    origins: Vec<ResourceKey>,
}

impl Planned {
    /// Requests of plain HTTP are routed. A second wish for the same is the same listener.
    fn speak_http(
        &mut self,
        world: &World<'_>,
        address: Option<IpAddr>,
        port: u16,
        routes: String,
        cidr: Option<Cidr>,
    ) {
        if self.plan.sniffs_http(cidr) {
            return;
        }
        let name = names::listener(address.unwrap_or_else(|| world.view.families.wildcard()), port);
        let filter = http::manager(world, format!("outbound_{name}"), Routes::Named(routes));
        let matches = Match { cidrs: cidr.into_iter().collect(), ..Default::default() };
        // The chain belongs to nobody: all who speak HTTP here share it.
        let shared = ResourceKey::new(outrigger_base::Kind::SERVICE, "", "");
        self.plan.add(Chain { matches, filter, origins: Vec::new(), sniffs_http: true }, &shared);
    }

    fn build(self, world: &World<'_>, address: Option<IpAddr>, port: u16) -> Built {
        let place = Place { address, port, bind: false, origins: &self.origins };
        self.plan.build(world, &place, Some(passthrough::rest(world)))
    }
}

impl Plans<'_, '_> {
    fn add(&mut self, service: &Service, port: &ServicePort, bind: &Bind) {
        let (address, cidr) = match bind {
            Bind::Address(address) => (Some(*address), None),
            Bind::Range(address, prefix) => (None, Some((*address, *prefix))),
            Bind::Wildcard => (None, None),
        };
        let Some(owner) = service.origins.first() else { return };
        if address.is_none() && matches!(port.number, PORT_OUTBOUND | PORT_INBOUND) {
            self.diagnostics.push(own_port(owner, port));
            return;
        }
        let planned = self.plans.entry((address, port.number)).or_default();
        // Requests and other bytes to any address are told apart by looking at them. Looking would make
        // both sides wait where the server speaks first, so there the older one has the port
        // (istio: core/listener.go `isConflictWithWellKnownPort`).
        let server_first = matches!(port.protocol, AppProtocol::Mongo | AppProtocol::MySql);
        let rival = match port.protocol.is_http() || port.protocol == AppProtocol::Auto {
            true => planned.declared_server_first.as_ref(),
            false => planned.declared_http.as_ref().filter(|_| server_first),
        };
        if let Some(winner) = rival.filter(|_| bind == &Bind::Wildcard) {
            self.diagnostics.push(lost(owner, port, winner));
            return;
        }
        if port.protocol.is_http() {
            planned.declared_http.get_or_insert_with(|| owner.clone());
            let routes = port.number.to_string();
            planned.speak_http(self.world, address, port.number, routes, None);
            return;
        }
        if server_first && bind == &Bind::Wildcard {
            planned.declared_server_first.get_or_insert_with(|| owner.clone());
        }
        if port.protocol == AppProtocol::Auto {
            let routes = match bind {
                Bind::Wildcard => port.number.to_string(),
                Bind::Address(_) | Bind::Range(..) => {
                    names::host_and_port(service.host.as_str(), port.number)
                }
            };
            planned.speak_http(self.world, address, port.number, routes, cidr);
        }
        if address.is_some() && planned.origins.is_empty() {
            planned.origins = service.origins.clone();
        }
        // Where HTTP was declared, who only may speak it adds nothing but that.
        let adds_no_rest =
            planned.declared_http.is_some() && bind == &Bind::Wildcard && port.protocol == AppProtocol::Auto;
        for chain in byte_chains(self.world, service, port, bind, cidr) {
            let takes_rest =
                chain.matches.sni.is_empty() && chain.matches.cidrs.is_empty() && !chain.matches.any_tls;
            if adds_no_rest && takes_rest {
                continue;
            }
            if let Some(winner) = planned.plan.add(chain, owner) {
                self.diagnostics.push(lost(owner, port, &winner));
            }
        }
    }
}

/// Chains for what is not HTTP.
fn byte_chains(
    world: &World<'_>,
    service: &Service,
    port: &ServicePort,
    bind: &Bind,
    cidr: Option<Cidr>,
) -> Vec<Chain> {
    let asked = Asked { world, gateway: None, port: port.number };
    let rules: Vec<_> = world
        .virtual_services
        .iter()
        .filter(|rule| asked.is_attached(rule))
        .filter(|rule| rule.hosts.iter().any(|host| speaks_about(host, service, port)))
        .collect();
    let cidrs: Vec<Cidr> = cidr.into_iter().collect();
    if port.protocol.is_tls() {
        let mut chains = chains::from_tls_routes(&asked, &rules, cidr, chains::sni_of_own_hosts);
        // Where the address does not say which service is meant, the name in the handshake does; names
        // that a rule has already are left to it.
        let by_name = !matches!(bind, Bind::Address(_));
        if chains.is_empty() || by_name {
            let any = by_name && service.host.as_str() == "*";
            let sni = if by_name && !any { vec![service.host.as_str().to_string()] } else { Vec::new() };
            chains.push(chains::to_service(&asked, service, Match { sni, cidrs, any_tls: any }));
        }
        return chains;
    }
    let mut chains = chains::from_tcp_routes(&asked, &rules, cidr);
    if !chains::take_rest(&chains, cidr) {
        chains.push(chains::to_service(&asked, service, Match { cidrs, ..Default::default() }));
    }
    for chain in &mut chains {
        let known: Vec<ResourceKey> =
            service.origins.iter().filter(|origin| !chain.origins.contains(origin)).cloned().collect();
        chain.origins.extend(known);
    }
    chains
}

/// Whether rules for a host concern a service. Handshakes name one host of the many that a service may
/// stand for.
fn speaks_about(host: &Host, service: &Service, port: &ServicePort) -> bool {
    host.covers(&service.host) || (port.protocol.is_tls() && service.host.covers(host))
}

fn lost(loser: &ResourceKey, port: &ServicePort, winner: &ResourceKey) -> Diagnostic {
    let message = format!(
        "connections of sidecars to its port {} cannot be told from those of {winner}, which is older",
        port.number
    );
    Diagnostic::warning(Code::CONFLICT, message)
        .with_object(loser.clone())
        .with_field("spec.ports")
        .with_advice("give it an address or a port of its own")
}

/// Envoy has no two listeners for one address.
fn own_port(loser: &ResourceKey, port: &ServicePort) -> Diagnostic {
    let message =
        format!("port {} is the proxy's own; sidecars do not look into requests to it", port.number);
    Diagnostic::warning(Code::CONFLICT, message)
        .with_object(loser.clone())
        .with_field("spec.ports")
        .with_advice("use another port")
}
