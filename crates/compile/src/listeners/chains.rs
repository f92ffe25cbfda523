//! Chains for bytes and for TLS that is passed on, from the TCP and TLS routes of VirtualServices.
//! (istio: core/tls.go)

use std::sync::Arc;

use outrigger_api::TlsMatchAttributes;
use outrigger_base::Host;
use outrigger_mesh::VirtualServiceRule;

use super::plan::{Chain, Cidr, Match, parse_cidr};
use super::tcp;
use crate::names;
use crate::routes::{Asked, applies};

/// Chains from TLS routes, in order. A later condition for the same connections is dropped by the plan.
pub(super) fn from_tls_routes(
    asked: &Asked<'_>,
    rules: &[&Arc<VirtualServiceRule>],
    cidr: Option<Cidr>,
    keep: impl Fn(&VirtualServiceRule, &TlsMatchAttributes) -> Vec<String>,
) -> Vec<Chain> {
    let mut chains = Vec::new();
    for rule in rules {
        for route in &rule.object.spec.tls {
            for condition in &route.matches {
                let TlsMatchAttributes {
                    sni_hosts: _,
                    destination_subnets,
                    port,
                    source_labels,
                    gateways,
                    source_namespace,
                } = condition;
                if !applies(asked, rule, gateways, source_labels, source_namespace.as_deref(), *port) {
                    continue;
                }
                let sni = keep(rule, condition);
                let stat_prefix = stat_prefix(rule);
                let filter = tcp::to_destinations(
                    asked.world,
                    &rule.key.namespace,
                    &route.route,
                    asked.port,
                    stat_prefix,
                );
                let Some(filter) = filter else { continue };
                if sni.is_empty() {
                    continue;
                }
                // No name of a handshake is "*"; it stands for all of them.
                let any = sni.iter().any(|name| name == "*");
                chains.push(Chain {
                    matches: Match {
                        sni: if any { Vec::new() } else { sni },
                        cidrs: subnets(destination_subnets, cidr),
                        any_tls: any,
                    },
                    filter,
                    origins: vec![rule.key.clone()],
                    sniffs_http: false,
                });
            }
        }
    }
    chains
}

/// Chains from TCP routes, up to the first that asks for no subnet and so takes the rest.
pub(super) fn from_tcp_routes(
    asked: &Asked<'_>,
    rules: &[&Arc<VirtualServiceRule>],
    cidr: Option<Cidr>,
) -> Vec<Chain> {
    let mut chains = Vec::new();
    for rule in rules {
        for route in &rule.object.spec.tcp {
            let conditions: Vec<_> = route
                .matches
                .iter()
                .filter(|m| {
                    applies(asked, rule, &m.gateways, &m.source_labels, m.source_namespace.as_deref(), m.port)
                })
                .collect();
            if conditions.is_empty() && !route.matches.is_empty() {
                continue;
            }
            let takes_rest =
                route.matches.is_empty() || conditions.iter().any(|m| m.destination_subnets.is_empty());
            let cidrs = if takes_rest {
                cidr.into_iter().collect()
            } else {
                conditions.iter().flat_map(|m| subnets(&m.destination_subnets, None)).collect()
            };
            let namespace = &rule.key.namespace;
            let filter =
                tcp::to_destinations(asked.world, namespace, &route.route, asked.port, stat_prefix(rule));
            let Some(filter) = filter else { continue };
            chains.push(Chain {
                matches: Match { cidrs, ..Default::default() },
                filter,
                origins: vec![rule.key.clone()],
                sniffs_http: false,
            });
            if takes_rest {
                return chains;
            }
        }
    }
    chains
}

/// Whether the last of some chains takes everything that goes to a service.
pub(super) fn take_rest(chains: &[Chain], cidr: Option<Cidr>) -> bool {
    let whole: Vec<Cidr> = cidr.into_iter().collect();
    chains.iter().any(|chain| chain.matches.sni.is_empty() && chain.matches.cidrs == whole)
}

/// Names of a condition on the handshake that belong to a host of its own rule.
pub(super) fn sni_of_own_hosts(rule: &VirtualServiceRule, condition: &TlsMatchAttributes) -> Vec<String> {
    sni_within(&rule.hosts, condition)
}

/// Names of a condition on the handshake that belong to one of some hosts.
pub(super) fn sni_within(hosts: &[Host], condition: &TlsMatchAttributes) -> Vec<String> {
    let parsed = condition.sni_hosts.iter().filter_map(|name| Host::parse(name).ok());
    let belongs = |name: &Host| hosts.iter().any(|host| host.covers(name));
    parsed.filter(belongs).map(|name| name.as_str().to_string()).collect()
}

fn subnets(written: &[String], otherwise: Option<Cidr>) -> Vec<Cidr> {
    if written.is_empty() {
        otherwise.into_iter().collect()
    } else {
        written.iter().filter_map(|subnet| parse_cidr(subnet)).collect()
    }
}

/// What statistics call a choice among several clusters.
fn stat_prefix(rule: &VirtualServiceRule) -> String {
    format!("{}.{}", rule.key.name, rule.key.namespace)
}

/// The chain of a service that no rule speaks about.
pub(super) fn to_service(asked: &Asked<'_>, service: &outrigger_mesh::Service, matches: Match) -> Chain {
    let cluster = names::outbound_cluster(asked.port, "", service.host.as_str());
    let idle_timeout = tcp::idle_timeout_of(asked.world, &service.host, asked.port, None);
    Chain {
        matches,
        filter: tcp::to_cluster(asked.world, &cluster, idle_timeout),
        origins: service.origins.clone(),
        sniffs_http: false,
    }
}
