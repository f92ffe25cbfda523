//! Resources become snapshots. What is good of an update is taken, what is not keeps its last good
//! version. A snapshot holds only what is warm: a listener waits for the routes that it names, a
//! cluster for its endpoints, and meanwhile the versions before go on; after 15 s without an answer
//! a thing that is waited for counts as empty, as in Envoy (initial_fetch_timeout).
//!
//! The very first snapshot has no listeners until everything that was named is there, so that no
//! request meets half a configuration.

mod update;
mod warming;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use ahash::{AHashMap, AHashSet};
use arc_swap::ArcSwap;
use outrigger_traffic::{ClusterEntry, Discovery, EndpointSet, Listener, RouteConfig, Snapshot};

use crate::disk::Kept;
use crate::resources::{Held, Type, route_names};
use warming::Waiting;

/// Endpoints of a cluster, shared with every snapshot that has the cluster.
type Slot = Arc<ArcSwap<EndpointSet>>;

/// All resources of a node.
#[derive(Default)]
pub struct Assembly {
    clusters: AHashMap<Arc<str>, Held<Arc<ClusterEntry>>>,
    endpoints: AHashMap<Arc<str>, Held<Slot>>,
    /// By the name of the endpoint resource, which may be still to come.
    slots: AHashMap<Arc<str>, Slot>,
    listeners: AHashMap<Arc<str>, Held<Arc<Listener>>>,
    routes: AHashMap<Arc<str>, Held<Arc<RouteConfig>>>,
    rejections: BTreeMap<(Type, String), Rejection>,
    /// Types that were answered.
    heard: AHashSet<Type>,
    waiting: Waiting,
    /// Whether listeners were published.
    started: bool,
    /// Whether the next snapshot is the first after a restart from disk; it waits for nothing.
    is_restored: bool,
    active: Active,
    latest: Arc<Snapshot>,
}

/// A resource that was refused; what was held before is still in force.
#[derive(Debug, Clone)]
pub struct Rejection {
    pub version: String,
    pub reason: String,
    pub at: SystemTime,
}

/// What the latest snapshot has.
#[derive(Default)]
struct Active {
    clusters: AHashMap<Arc<str>, Arc<ClusterEntry>>,
    listeners: AHashMap<Arc<str>, Arc<Listener>>,
    routes: AHashMap<Arc<str>, Arc<RouteConfig>>,
}

impl Assembly {
    /// Whether the initial configuration is complete and in force.
    pub fn is_started(&self) -> bool {
        self.started
    }

    /// Whether something is waited for, so that a later [`Self::snapshot`] may differ without an update.
    pub fn is_waiting(&self) -> bool {
        !self.started || !self.waiting.is_empty()
    }

    /// Which resources of a type are of use; `None`: all that there are.
    pub fn wanted(&self, kind: Type) -> Option<BTreeSet<Arc<str>>> {
        match kind {
            Type::Cluster | Type::Listener => None,
            Type::Endpoint => Some(self.clusters.values().filter_map(|held| eds_name(&held.value)).collect()),
            Type::Route => {
                let held = self.listeners.values().map(|held| &held.value);
                Some(held.chain(self.active.listeners.values()).flat_map(|l| route_names(l)).collect())
            }
        }
    }

    /// Names and versions of what is held of a type.
    pub fn versions(&self, kind: Type) -> Vec<(String, String)> {
        fn list<T>(held: &AHashMap<Arc<str>, Held<T>>) -> Vec<(String, String)> {
            held.iter().map(|(name, held)| (name.to_string(), held.version.to_string())).collect()
        }
        match kind {
            Type::Cluster => list(&self.clusters),
            Type::Endpoint => list(&self.endpoints),
            Type::Listener => list(&self.listeners),
            Type::Route => list(&self.routes),
        }
    }

    /// Everything that is held, to be kept on disk.
    pub fn kept(&self) -> Vec<Kept> {
        fn list<T>(all: &mut Vec<Kept>, kind: Type, held: &AHashMap<Arc<str>, Held<T>>) {
            all.extend(held.iter().map(|(name, held)| Kept {
                type_url: kind.url().into(),
                name: name.to_string(),
                version: held.version.to_string(),
                body: held.body.clone(),
            }));
        }
        let mut all = Vec::new();
        list(&mut all, Type::Cluster, &self.clusters);
        list(&mut all, Type::Endpoint, &self.endpoints);
        list(&mut all, Type::Listener, &self.listeners);
        list(&mut all, Type::Route, &self.routes);
        all
    }

    /// Takes what was kept on disk. It was whole when it was kept, so nothing is waited for.
    pub fn restore(&mut self, kept: Vec<Kept>) -> Vec<String> {
        let mut refused = Vec::new();
        for kind in Type::ALL {
            for kept in kept.iter().filter(|kept| kept.type_url == kind.url()) {
                if let Err(reason) = self.take(kind, &kept.name, &kept.version, &kept.body) {
                    refused.push(format!("{} {}: {reason}", kind.short(), kept.name));
                }
            }
        }
        self.started = !kept.is_empty();
        self.is_restored = self.started;
        refused
    }

    /// Clusters by name, as held.
    pub fn clusters(&self) -> &AHashMap<Arc<str>, Held<Arc<ClusterEntry>>> {
        &self.clusters
    }

    /// Endpoints by the name of their resource, as held.
    pub fn endpoints(&self) -> &AHashMap<Arc<str>, Held<Slot>> {
        &self.endpoints
    }

    /// Listeners by name, as held.
    pub fn listeners(&self) -> &AHashMap<Arc<str>, Held<Arc<Listener>>> {
        &self.listeners
    }

    /// Route configurations by name, as held.
    pub fn routes(&self) -> &AHashMap<Arc<str>, Held<Arc<RouteConfig>>> {
        &self.routes
    }

    /// The listener that is in force under a name.
    pub fn active_listener(&self, name: &str) -> Option<&Arc<Listener>> {
        self.active.listeners.get(name)
    }

    /// Refused resources, by type and name.
    pub fn rejections(&self) -> &BTreeMap<(Type, String), Rejection> {
        &self.rejections
    }

    /// Notes that a resource that was taken cannot be put in force.
    pub fn reject(&mut self, kind: Type, name: &str, version: &str, reason: &str) {
        let rejection =
            Rejection { version: version.to_owned(), reason: reason.to_owned(), at: SystemTime::now() };
        self.rejections.insert((kind, name.to_owned()), rejection);
    }
}

/// The endpoint resource that a cluster needs.
fn eds_name(entry: &ClusterEntry) -> Option<Arc<str>> {
    match &entry.cluster.discovery {
        Discovery::Eds(name) => Some(name.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
