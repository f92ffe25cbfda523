use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ahash::AHashMap;
use arc_swap::ArcSwap;

use crate::endpoint_set::EndpointSet;
use crate::{Cluster, Listener, RouteConfig, Trace};

/// Everything that a proxy runs on, at one moment. Unchanged parts are shared with the snapshot
/// before it; a request takes one snapshot at its start and keeps it.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Route configurations by name.
    pub routes: AHashMap<Arc<str>, Arc<RouteConfig>>,
    /// Clusters by name.
    pub clusters: AHashMap<Arc<str>, Arc<ClusterEntry>>,
    /// Private because `captured` is derived from it.
    listeners: AHashMap<Arc<str>, Arc<Listener>>,
    /// Listeners without a socket, by each of their addresses.
    captured: AHashMap<SocketAddr, Arc<Listener>>,
}

/// A cluster with its endpoints, which change without a new snapshot.
#[derive(Debug)]
pub struct ClusterEntry {
    /// The cluster.
    pub cluster: Cluster,
    /// Its endpoints. Shared by the entries of one cluster across snapshots, so that a worker that
    /// still holds an older snapshot sees new endpoints too.
    pub endpoints: Arc<ArcSwap<EndpointSet>>,
}

impl Snapshot {
    /// A snapshot of these parts. Of two listeners without a socket for one address the first by
    /// name is reached.
    pub fn new(
        listeners: AHashMap<Arc<str>, Arc<Listener>>,
        routes: AHashMap<Arc<str>, Arc<RouteConfig>>,
        clusters: AHashMap<Arc<str>, Arc<ClusterEntry>>,
    ) -> Snapshot {
        let mut silent: Vec<&Arc<Listener>> = listeners.values().filter(|l| !l.bind).collect();
        silent.sort_by(|a, b| b.name.cmp(&a.name));
        let mut captured = AHashMap::new();
        for listener in silent {
            for address in listener.addresses() {
                captured.insert(address, listener.clone());
            }
        }
        Snapshot { routes, clusters, listeners, captured }
    }

    /// Listeners by name.
    pub fn listeners(&self) -> &AHashMap<Arc<str>, Arc<Listener>> {
        &self.listeners
    }

    /// The listener that takes a connection which `capturing` accepted and whose original destination
    /// is `original`: if `capturing` hands off, the one without a socket for exactly that address,
    /// else that for any address of the family at that port; else `capturing` itself.
    /// (envoy: `ConnectionHandlerImpl::getBalancedHandlerByAddress`.)
    pub fn capture_target<'a, T: Trace>(
        &'a self,
        original: SocketAddr,
        capturing: &'a Arc<Listener>,
        trace: &mut T,
    ) -> &'a Arc<Listener> {
        if !capturing.hands_off {
            trace.chosen(&capturing.name, format_args!("it accepts the connection and keeps it"));
            return capturing;
        }
        let exact = SocketAddr::new(original.ip().to_canonical(), original.port());
        if let Some(listener) = self.captured.get(&exact) {
            trace.chosen(&listener.name, format_args!("it stands for the destination {exact}"));
            return listener;
        }
        let any = match exact.ip() {
            IpAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, exact.port())),
            IpAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, exact.port())),
        };
        if let Some(listener) = self.captured.get(&any) {
            trace.chosen(
                &listener.name,
                format_args!(
                    "no listener stands for {exact}; it stands for any address with port {}",
                    exact.port()
                ),
            );
            return listener;
        }
        trace.chosen(
            &capturing.name,
            format_args!("no listener stands for {exact} or for any address with port {}", exact.port()),
        );
        capturing
    }
}
