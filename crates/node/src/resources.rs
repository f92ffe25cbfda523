//! Resources as they are held: what arrived, and what it means.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use outrigger_proto::type_url;
use outrigger_proxy::{check_access_log, check_header};
use outrigger_traffic::{
    AccessLog, Action, ClusterChoice, Filter, FilterChain, HeaderMutation, HeaderMutations, Listener,
    RouteConfig, Routes,
};

/// The types of resources that a node takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Type {
    Cluster,
    Endpoint,
    Listener,
    Route,
}

impl Type {
    /// In the order in which one is of use only with those before it.
    pub const ALL: [Type; 4] = [Type::Cluster, Type::Endpoint, Type::Listener, Type::Route];

    pub fn of(url: &str) -> Option<Type> {
        Type::ALL.into_iter().find(|kind| kind.url() == url)
    }

    pub fn url(self) -> &'static str {
        match self {
            Type::Cluster => type_url::CLUSTER,
            Type::Endpoint => type_url::ENDPOINT,
            Type::Listener => type_url::LISTENER,
            Type::Route => type_url::ROUTE,
        }
    }

    /// As counters and logs call it.
    pub fn short(self) -> &'static str {
        match self {
            Type::Cluster => "cds",
            Type::Endpoint => "eds",
            Type::Listener => "lds",
            Type::Route => "rds",
        }
    }
}

/// A resource that was accepted.
#[derive(Debug, Clone)]
pub struct Held<T> {
    /// The control plane's version of it.
    pub version: Arc<str>,
    /// As it arrived.
    pub body: Bytes,
    /// What it means.
    pub value: T,
    /// When it arrived.
    pub updated: SystemTime,
}

impl<T> Held<T> {
    /// Holds a resource that arrived just now. The body is copied: as it arrives it shares the memory
    /// of the whole response.
    pub fn new(version: &str, body: &[u8], value: T) -> Held<T> {
        Held {
            version: version.into(),
            body: Bytes::copy_from_slice(body),
            value,
            updated: SystemTime::now(),
        }
    }
}

/// Names of the route configurations that a listener uses.
pub fn route_names(listener: &Listener) -> BTreeSet<Arc<str>> {
    let mut names = BTreeSet::new();
    for chain in chains(listener) {
        if let Filter::Http(manager) = &chain.filter
            && let Routes::Named(name) = &manager.routes
        {
            names.insert(name.clone());
        }
    }
    names
}

/// Finds what `wire` cannot judge: format strings that the proxy cannot answer.
pub fn check_listener(listener: &Listener) -> Result<(), String> {
    for chain in chains(listener) {
        match &chain.filter {
            Filter::Tcp(proxy) => check_logs(&proxy.access_logs)?,
            Filter::Http(manager) => {
                check_logs(&manager.access_logs)?;
                if let Routes::Inline(routes) = &manager.routes {
                    check_routes(routes)?;
                }
            }
        }
    }
    Ok(())
}

/// As [`check_listener`], for the header values of a route configuration.
pub fn check_routes(config: &RouteConfig) -> Result<(), String> {
    check_headers(&config.headers)?;
    for host in config.virtual_hosts() {
        check_headers(&host.headers)?;
        for route in &host.routes {
            check_headers(&route.headers)?;
            if let Action::Forward(forward) = &route.action
                && let ClusterChoice::Weighted { clusters, .. } = &forward.cluster
            {
                clusters.iter().try_for_each(|cluster| check_headers(&cluster.headers))?;
            }
        }
    }
    Ok(())
}

fn chains(listener: &Listener) -> impl Iterator<Item = &FilterChain> {
    listener.chains.iter().chain(&listener.default_chain)
}

fn check_logs(logs: &[AccessLog]) -> Result<(), String> {
    logs.iter().try_for_each(|log| check_access_log(log).map_err(|error| format!("access log: {error}")))
}

fn check_headers(mutations: &HeaderMutations) -> Result<(), String> {
    let all = mutations.request.iter().chain(&mutations.response);
    for (name, value) in all.filter_map(HeaderMutation::written) {
        check_header(value).map_err(|error| format!("header {name}: {error}"))?;
    }
    Ok(())
}
