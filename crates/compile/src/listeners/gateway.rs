//! Listeners of a gateway: the servers of all Gateways that select it, by port.
//!
//! Servers of one port are served together if they speak HTTP or if they pass TLS on; else the older
//! Gateway has the port. (istio: model/gateway.go `mergeGateways`.)

use std::collections::BTreeMap;
use std::net::IpAddr;

use outrigger_api::{Server, ServerTlsMode};
use outrigger_base::{AppProtocol, Code, Diagnostic, Host, ResourceKey};
use outrigger_mesh::{GatewayRule, VirtualServiceRule};

use super::chains;
use super::http::{self, Routes};
use super::plan::{Built, Chain, Match, Place, Plan};
use crate::names;
use crate::routes::{Asked, ServedHosts};
use crate::world::World;

/// A port that a gateway opens.
pub(crate) struct Port {
    /// `None`: at every address.
    pub(crate) bind: Option<IpAddr>,
    /// The proxy's own port.
    pub(crate) number: u16,
    kind: Kind,
    pub(crate) servers: Vec<ServedHosts>,
}

/// What is done with connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Http,
    TlsPassthrough,
    Tcp,
}

impl Port {
    /// The name of its routes. `None` if it does not speak HTTP.
    pub(crate) fn routes(&self) -> Option<String> {
        (self.kind == Kind::Http).then(|| names::gateway_routes(self.number, self.bind))
    }
}

/// The ports of a gateway, sorted.
pub(crate) fn ports(world: &World<'_>, diagnostics: &mut Vec<Diagnostic>) -> Vec<Port> {
    let mut ports: BTreeMap<(Option<IpAddr>, u16), Port> = BTreeMap::new();
    let selected = world.snapshot.gateways.iter().filter(|gateway| world.view.matches(&gateway.selector));
    for gateway in selected {
        for (at, server) in gateway.object.spec.servers.iter().enumerate() {
            let Some(kind) = kind(server) else { continue };
            let Ok(bind) = bind(server) else { continue };
            let number = own_port(world, server.port.number);
            let port = ports.entry((bind, number)).or_insert_with(|| Port {
                bind,
                number,
                kind,
                servers: Vec::new(),
            });
            let alone = port.servers.is_empty();
            if port.kind != kind || (kind == Kind::Tcp && !alone) {
                diagnostics.extend(lost(gateway, at, server.port.number, &port.servers));
            } else {
                port.servers.push(served(gateway, server));
            }
        }
    }
    ports.into_values().collect()
}

/// The listener of a port. `None` for one that has nowhere to send anything.
pub(super) fn listener(world: &World<'_>, port: &Port) -> Option<Built> {
    let mut origins: Vec<ResourceKey> = Vec::new();
    for server in &port.servers {
        if !origins.contains(&server.gateway) {
            origins.push(server.gateway.clone());
        }
    }
    let place = Place { address: port.bind, port: port.number, bind: true, origins: &origins };
    let mut plan = Plan::default();
    if let Some(routes) = port.routes() {
        let address = port.bind.unwrap_or_else(|| world.view.families.wildcard());
        let prefix = format!("outbound_{}", names::listener(address, port.number));
        let filter = http::manager(world, prefix, Routes::Named(routes));
        let chain = Chain { matches: Match::default(), filter, origins: origins.clone(), sniffs_http: false };
        plan.add(chain, origins.first()?);
    }
    for server in port.servers.iter().filter(|_| port.kind != Kind::Http) {
        for mut chain in byte_chains(world, port.kind, server) {
            chain.origins.push(server.gateway.clone());
            let owner = chain.origins.first()?.clone();
            plan.add(chain, &owner);
        }
    }
    (!plan.is_empty()).then(|| plan.build(world, &place, None))
}

fn byte_chains(world: &World<'_>, kind: Kind, server: &ServedHosts) -> Vec<Chain> {
    let asked = Asked { world, gateway: Some(&server.name), port: server.port };
    let rules: Vec<_> = world
        .virtual_services
        .iter()
        .filter(|rule| asked.is_attached(rule) && !server.shared_with(rule).is_empty())
        .collect();
    match kind {
        Kind::Http => Vec::new(),
        Kind::Tcp => chains::from_tcp_routes(&asked, &rules, None),
        Kind::TlsPassthrough => {
            let keep = |rule: &VirtualServiceRule, condition: &_| {
                let of_rule = chains::sni_of_own_hosts(rule, condition);
                of_rule.into_iter().filter(|name| serves(server, rule, name)).collect()
            };
            chains::from_tls_routes(&asked, &rules, None, keep)
        }
    }
}

/// Whether a server lets a rule have a name of a handshake.
fn serves(server: &ServedHosts, rule: &VirtualServiceRule, name: &str) -> bool {
    let Ok(name) = Host::parse(name) else { return false };
    server.hosts.iter().any(|(namespace, host)| {
        host.intersects(&name) && namespace.as_ref().is_none_or(|ns| **ns == *rule.key.namespace)
    })
}

/// What is done with connections of a server. `None` for what is not acted on: TLS that the gateway
/// would have to terminate (serving it in the clear instead would be worse than not at all), and
/// protocols that are not carried.
fn kind(server: &Server) -> Option<Kind> {
    let protocol = AppProtocol::parse(&server.port.protocol);
    if terminates(server) {
        None
    } else if protocol.is_http() {
        Some(Kind::Http)
    } else if protocol.is_tls() || (protocol.is_tcp() && mode(server).is_some()) {
        Some(Kind::TlsPassthrough)
    } else {
        protocol.is_tcp().then_some(Kind::Tcp)
    }
}

/// Whether a gateway would have to terminate TLS to do as a server says. A server for TLS that says
/// nothing about a mode means PASSTHROUGH, unless it has a certificate.
pub(crate) fn terminates(server: &Server) -> bool {
    let mode = mode(server);
    let certificate = server.tls.as_ref().is_some_and(|tls| {
        tls.credential_name.is_some() || tls.server_certificate.is_some() || !tls.credential_names.is_empty()
    });
    match mode {
        Some(mode) => mode != ServerTlsMode::Passthrough,
        None => certificate || (server.tls.is_none() && AppProtocol::parse(&server.port.protocol).is_tls()),
    }
}

fn mode(server: &Server) -> Option<ServerTlsMode> {
    server.tls.as_ref()?.mode
}

/// The address to bind. An error for what is no address.
fn bind(server: &Server) -> Result<Option<IpAddr>, std::net::AddrParseError> {
    match server.bind.as_deref().filter(|bind| !bind.is_empty()) {
        None => Ok(None),
        Some(bind) => bind.parse::<IpAddr>().map(|ip| (!ip.is_unspecified()).then_some(ip)),
    }
}

/// Callers of a Service in front of the gateway use its port; the gateway opens the port behind it.
fn own_port(world: &World<'_>, port: u16) -> u16 {
    let translations = &world.view.translations;
    translations.iter().find(|(from, _)| *from == port).map_or(port, |(_, to)| *to)
}

fn served(gateway: &GatewayRule, server: &Server) -> ServedHosts {
    let namespace = &gateway.key.namespace;
    let hosts = server.hosts.iter().filter_map(|written| {
        let (of, host) = match written.split_once('/') {
            None => (None, &**written),
            Some(("*", host)) => (None, host),
            Some((".", host)) => (Some(namespace.to_string()), host),
            Some((other, host)) => (Some(other.to_string()), host),
        };
        Some((of, Host::parse(host).ok()?))
    });
    ServedHosts {
        gateway: gateway.key.clone(),
        name: format!("{namespace}/{}", gateway.key.name),
        port: server.port.number,
        hosts: hosts.collect(),
        https_redirect: server.tls.as_ref().and_then(|tls| tls.https_redirect) == Some(true),
    }
}

fn lost(gateway: &GatewayRule, at: usize, port: u16, winners: &[ServedHosts]) -> Option<Diagnostic> {
    let winner = &winners.first()?.gateway;
    let message = format!("port {port} of its proxies is already used otherwise by {winner}");
    Some(
        Diagnostic::warning(Code::CONFLICT, message)
            .with_object(gateway.key.clone())
            .with_field(format!("spec.servers[{at}].port"))
            .with_advice("use another port, or the same protocol"),
    )
}
