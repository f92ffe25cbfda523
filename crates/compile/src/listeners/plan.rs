//! A listener while it is put together from what several services or servers want of it.
//!
//! Two chains of one listener must not match the same connection: Envoy refuses such a listener as a
//! whole. So who comes first keeps a match, and the later one is told that it lost.

use std::net::IpAddr;

use ahash::AHashMap;
use outrigger_base::ResourceKey;
use outrigger_proto::envoy::config::core::v3::{self as core, CidrRange, TrafficDirection};
use outrigger_proto::envoy::config::listener::v3::{
    AdditionalAddress, Filter, FilterChain, FilterChainMatch, Listener,
};

use super::filters::{self, Inspection, PLAIN_HTTP};
use crate::encode::{number, truth};
use crate::endpoints::socket_address;
use crate::names;
use crate::provenance;
use crate::world::World;

/// A listener with the objects it came from.
pub(super) type Built = (Listener, Vec<ResourceKey>);

/// A range of addresses.
pub(super) type Cidr = (IpAddr, u8);

/// Which connections a chain takes.
#[derive(Debug, Clone, Default)]
pub(super) struct Match {
    /// Names in the handshake, lower case; empty: any, or no TLS at all.
    pub(super) sni: Vec<String>,
    /// Ranges of the destination; empty: any.
    pub(super) cidrs: Vec<Cidr>,
    /// TLS of any name.
    pub(super) any_tls: bool,
}

/// What a chain does.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) matches: Match,
    pub(super) filter: Filter,
    /// The objects it came from; the first decided.
    pub(super) origins: Vec<ResourceKey>,
    /// Takes plain HTTP that is found out to be that.
    pub(super) sniffs_http: bool,
}

/// What part of the connections a chain takes, for telling whether two chains meet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Claim {
    cidr: Option<Cidr>,
    sni: Option<String>,
    any_tls: bool,
    http: bool,
}

/// A listener in the making.
#[derive(Debug, Default)]
pub(super) struct Plan {
    chains: Vec<Chain>,
    claims: AHashMap<Claim, ResourceKey>,
}

impl Plan {
    /// Adds a chain, but for what others took before. Returns who has it, if something is lost.
    pub(super) fn add(&mut self, mut chain: Chain, owner: &ResourceKey) -> Option<ResourceKey> {
        let mut lost = None;
        let Match { sni, cidrs, any_tls } = &mut chain.matches;
        let claim = |cidr, sni| Claim { cidr, sni, any_tls: *any_tls, http: chain.sniffs_http };
        let ranges: Vec<Option<Cidr>> =
            if cidrs.is_empty() { vec![None] } else { cidrs.iter().copied().map(Some).collect() };
        if sni.is_empty() {
            let free = |range: &Option<Cidr>| !self.claims.contains_key(&claim(*range, None));
            for taken in ranges.iter().filter(|range| !free(range)) {
                lost = self.claims.get(&claim(*taken, None)).cloned();
            }
            let kept: Vec<Option<Cidr>> = ranges.into_iter().filter(|range| free(range)).collect();
            if kept.is_empty() {
                return lost;
            }
            for range in &kept {
                self.claims.insert(claim(*range, None), owner.clone());
            }
            *cidrs = kept.into_iter().flatten().collect();
        } else {
            sni.dedup();
            let claims = &self.claims;
            sni.retain(|name| {
                let taken = ranges.iter().find_map(|range| claims.get(&claim(*range, Some(name.clone()))));
                lost = taken.cloned().or(lost.take());
                taken.is_none()
            });
            if sni.is_empty() {
                return lost;
            }
            for range in &ranges {
                for name in sni.iter() {
                    self.claims.insert(claim(*range, Some(name.clone())), owner.clone());
                }
            }
        }
        self.chains.push(chain);
        lost.filter(|winner| winner != owner)
    }

    /// Who takes every connection that nobody else does.
    pub(super) fn owner_of_rest(&self) -> Option<&ResourceKey> {
        self.claims.get(&Claim { cidr: None, sni: None, any_tls: false, http: false })
    }

    /// Whether plain HTTP to a range, or to everything, is taken.
    pub(super) fn sniffs_http(&self, cidr: Option<Cidr>) -> bool {
        self.claims.contains_key(&Claim { cidr, sni: None, any_tls: false, http: true })
    }

    /// Whether it is without a chain.
    pub(super) fn is_empty(&self) -> bool {
        self.chains.is_empty()
    }

    /// Makes the listener. `rest` takes what no chain takes.
    pub(super) fn build(self, world: &World<'_>, place: &Place<'_>, rest: Option<FilterChain>) -> Built {
        let http = self.chains.iter().any(|chain| chain.sniffs_http);
        let tls = http || self.chains.iter().any(|c| !c.matches.sni.is_empty() || c.matches.any_tls);
        let mut origins: Vec<ResourceKey> = place.origins.to_vec();
        origins.extend(self.chains.iter().flat_map(|chain| chain.origins.iter().cloned()));
        let mut listener = listener(world, place);
        let needs_rest = self.owner_of_rest().is_none();
        listener.default_filter_chain = rest.filter(|_| needs_rest);
        listener.filter_chains = self.chains.into_iter().flat_map(|c| filter_chains(c, http)).collect();
        filters::inspect(&mut listener, world, Inspection { tls, http, except: &[] });
        (listener, origins)
    }
}

/// Where a listener is.
pub(super) struct Place<'a> {
    /// `None`: at every address of the proxy's families.
    pub(super) address: Option<IpAddr>,
    pub(super) port: u16,
    /// Whether it has a socket of its own.
    pub(super) bind: bool,
    /// Objects that its metadata names; none for one that many share.
    pub(super) origins: &'a [ResourceKey],
}

/// A listener without chains.
pub(super) fn listener(world: &World<'_>, place: &Place<'_>) -> Listener {
    let families = world.view.families;
    let address = place.address.unwrap_or_else(|| families.wildcard());
    let second = families.second_wildcard().filter(|_| place.address.is_none());
    Listener {
        name: names::listener(address, place.port),
        address: Some(at(address, place.port)),
        additional_addresses: second
            .into_iter()
            .map(|second| AdditionalAddress { address: Some(at(second, place.port)), ..Default::default() })
            .collect(),
        bind_to_port: truth(place.bind),
        traffic_direction: TrafficDirection::Outbound.into(),
        metadata: provenance::metadata(place.origins),
        ..Default::default()
    }
}

fn at(address: IpAddr, port: u16) -> core::Address {
    core::Address { address: Some(socket_address(&address.to_string(), port)) }
}

/// A chain for bytes beside one that sniffs HTTP stands twice. The latter asks for a raw transport, and
/// a chain that asks for none is passed over as soon as one does and fits, though that may then fail at
/// the protocol (envoy: FilterChainMatch, "filter chains which most specifically match continue").
fn filter_chains(chain: Chain, beside_http: bool) -> Vec<FilterChain> {
    let takes_bytes = !chain.sniffs_http && chain.matches.sni.is_empty() && !chain.matches.any_tls;
    let written = filter_chain(chain);
    if beside_http && takes_bytes { vec![of_raw_bytes(&written), written] } else { vec![written] }
}

/// The same chain for connections without TLS.
pub(super) fn of_raw_bytes(chain: &FilterChain) -> FilterChain {
    let mut raw = chain.clone();
    raw.filter_chain_match.get_or_insert_default().transport_protocol = "raw_buffer".to_string();
    raw
}

fn filter_chain(chain: Chain) -> FilterChain {
    let Match { sni, cidrs, any_tls } = chain.matches;
    let transport = match (chain.sniffs_http, any_tls) {
        (true, _) => "raw_buffer",
        (false, true) => "tls",
        (false, false) => "",
    };
    let protocols: &[&str] = if chain.sniffs_http { &PLAIN_HTTP } else { &[] };
    let matches = FilterChainMatch {
        prefix_ranges: cidrs.into_iter().map(cidr_range).collect(),
        server_names: sni,
        transport_protocol: transport.to_string(),
        application_protocols: protocols.iter().map(|protocol| protocol.to_string()).collect(),
        ..Default::default()
    };
    FilterChain {
        filter_chain_match: (matches != FilterChainMatch::default()).then_some(matches),
        filters: vec![chain.filter],
        metadata: provenance::metadata(&chain.origins),
        ..Default::default()
    }
}

fn cidr_range((address, prefix): Cidr) -> CidrRange {
    CidrRange { address_prefix: address.to_string(), prefix_len: number(prefix.into()) }
}

/// Reads a range as rules write it: `10.0.0.0/8`, or one address.
pub(super) fn parse_cidr(text: &str) -> Option<Cidr> {
    match text.split_once('/') {
        Some((address, prefix)) => Some((address.parse().ok()?, prefix.parse().ok()?)),
        None => {
            let address: IpAddr = text.parse().ok()?;
            Some((address, if address.is_ipv4() { 32 } else { 128 }))
        }
    }
}
