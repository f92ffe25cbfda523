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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoTrace;
    use crate::test_support::listener;

    fn snapshot(listeners: Vec<Listener>) -> Snapshot {
        let listeners = listeners.into_iter().map(|l| (l.name.clone(), Arc::new(l))).collect();
        Snapshot::new(listeners, AHashMap::new(), AHashMap::new())
    }

    fn silent(address: &str) -> Listener {
        Listener { bind: false, ..listener(address) }
    }

    fn target(snapshot: &Snapshot, original: &str, hands_off: bool) -> String {
        let capturing = Arc::new(Listener { hands_off, ..listener("0.0.0.0:15001") });
        snapshot.capture_target(original.parse().unwrap(), &capturing, &mut NoTrace).name.to_string()
    }

    #[test]
    fn a_captured_connection_goes_to_the_closest_listener_without_a_socket() {
        let mut both = silent("0.0.0.0:81");
        both.additional_addresses.push("[::]:81".parse().unwrap());
        let snapshot = snapshot(vec![
            silent("0.0.0.0:80"),
            silent("10.0.0.1:80"),
            both,
            silent("[::]:82"),
            listener("0.0.0.0:90"),
        ]);
        assert_eq!(target(&snapshot, "10.0.0.1:80", true), "10.0.0.1:80");
        assert_eq!(target(&snapshot, "[::ffff:10.0.0.1]:80", true), "10.0.0.1:80");
        assert_eq!(target(&snapshot, "10.0.0.2:80", true), "0.0.0.0:80");
        assert_eq!(target(&snapshot, "[2001:db8::1]:81", true), "0.0.0.0:81");
        assert_eq!(target(&snapshot, "[2001:db8::1]:80", true), "0.0.0.0:15001");
        assert_eq!(target(&snapshot, "10.0.0.2:82", true), "0.0.0.0:15001");
        assert_eq!(target(&snapshot, "10.0.0.2:90", true), "0.0.0.0:15001");
        assert_eq!(target(&snapshot, "10.0.0.1:80", false), "0.0.0.0:15001");
    }
}
