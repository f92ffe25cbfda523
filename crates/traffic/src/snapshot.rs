use std::sync::Arc;

use ahash::AHashMap;
use arc_swap::ArcSwap;

use crate::{Cluster, EndpointSet, Listener, RouteConfig};

/// Everything that a proxy runs on, at one moment. Unchanged parts are shared with the snapshot
/// before it; a request takes one snapshot at its start and keeps it.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Listeners by name.
    pub listeners: AHashMap<Arc<str>, Arc<Listener>>,
    /// Route configurations by name.
    pub routes: AHashMap<Arc<str>, Arc<RouteConfig>>,
    /// Clusters by name.
    pub clusters: AHashMap<Arc<str>, Arc<ClusterEntry>>,
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
