//! Small values for this crate's own tests.

use std::borrow::Cow;
use std::sync::Arc;

use regex::bytes::Regex;

use crate::{
    Action, ClusterChoice, Direction, Endpoint, Forward, HeaderMutations, Health, Inspect, Listener,
    PathMatch, Pattern, RequestView, Route, RouteMatch, VirtualHost,
};

pub(crate) fn pattern(source: &str) -> Pattern {
    Pattern { source: source.into(), regex: Regex::new(source).unwrap() }
}

pub(crate) fn forward(cluster: &str) -> Forward {
    Forward {
        cluster: ClusterChoice::One(cluster.into()),
        cluster_not_found_status: 503,
        timeout: None,
        grpc_timeout_max: None,
        idle_timeout: None,
        retry: None,
        path_rewrite: None,
        host_rewrite: None,
        append_forwarded_host: false,
        upgrades: Vec::new(),
    }
}

pub(crate) fn any_path() -> RouteMatch {
    RouteMatch {
        path: PathMatch::Prefix("/".into()),
        case_sensitive: true,
        headers: Vec::new(),
        query: Vec::new(),
        grpc: false,
    }
}

pub(crate) fn route(name: &str, matches: RouteMatch) -> Route {
    Route {
        name: name.into(),
        matches,
        action: Action::Forward(Box::new(forward("c"))),
        headers: HeaderMutations::default(),
        origins: Vec::new(),
    }
}

pub(crate) fn virtual_host(name: &str, domains: &[&str], routes: Vec<Route>) -> VirtualHost {
    VirtualHost {
        name: name.into(),
        domains: domains.iter().map(|d| Arc::from(*d)).collect(),
        routes,
        attempt_count_in_request: false,
        headers: HeaderMutations::default(),
        retry: None,
        require_tls: false,
        origins: Vec::new(),
    }
}

pub(crate) fn endpoint(last_byte: u8, weight: u32) -> Endpoint {
    Endpoint {
        address: ([127, 0, 0, last_byte], 80).into(),
        weight,
        health: Health::Healthy,
        priority: 0,
        locality: Arc::default(),
        workload: Arc::default(),
    }
}

pub(crate) struct Request {
    pub method: &'static str,
    pub authority: &'static str,
    pub path: &'static str,
    pub headers: Vec<(&'static str, &'static str)>,
}

impl Request {
    pub(crate) fn get(authority: &'static str, path: &'static str) -> Request {
        Request { method: "GET", authority, path, headers: Vec::new() }
    }
}

impl RequestView for Request {
    fn method(&self) -> &[u8] {
        self.method.as_bytes()
    }
    fn path_and_query(&self) -> &[u8] {
        self.path.as_bytes()
    }
    fn authority(&self) -> &[u8] {
        self.authority.as_bytes()
    }
    fn scheme(&self) -> &[u8] {
        b"http"
    }
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        let lines: Vec<&[u8]> =
            self.headers.iter().filter(|(n, _)| *n == name).map(|(_, v)| v.as_bytes()).collect();
        (!lines.is_empty()).then(|| Cow::Owned(lines.join(&b','))).map(|v: Cow<'_, [u8]>| v)
    }
}

/// A listener named after its address.
pub(crate) fn listener(address: &str) -> Listener {
    Listener {
        name: address.into(),
        address: address.parse().unwrap(),
        additional_addresses: Vec::new(),
        bind: true,
        restores_original_dst: false,
        hands_off: false,
        inspect: Inspect::default(),
        chains: Vec::new(),
        default_chain: None,
        direction: Direction::Outbound,
        backlog: None,
        origins: Vec::new(),
    }
}
