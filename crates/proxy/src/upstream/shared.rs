//! What the workers of a proxy share about clusters: limits in use, and where each worker's counters
//! are found when someone asks. Locked only when a worker meets a cluster or host for the first time,
//! and by readers.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use ahash::AHashMap;

use super::limits::Usage;
use crate::stats::{ClusterStats, HostStats};

/// Counters of all workers, by cluster and host.
#[derive(Default)]
pub struct Shared {
    clusters: Mutex<AHashMap<Arc<str>, SharedCluster>>,
}

#[derive(Default)]
struct SharedCluster {
    usage: Arc<Usage>,
    stats: AHashMap<usize, Arc<ClusterStats>>,
    hosts: AHashMap<SocketAddr, AHashMap<usize, Arc<HostStats>>>,
}

/// The counters of one cluster, summed over workers.
#[derive(Debug, Clone, Default)]
pub struct ClusterTotals {
    /// Name and value, in the order of `ClusterStats`.
    pub cluster: Vec<(&'static str, u64)>,
    /// The same for each host that was used.
    pub hosts: AHashMap<SocketAddr, Vec<(&'static str, u64)>>,
}

impl Shared {
    pub(super) fn join(&self, name: &Arc<str>, worker: usize) -> (Arc<Usage>, Arc<ClusterStats>) {
        let mut clusters = self.lock();
        let cluster = clusters.entry(name.clone()).or_default();
        (cluster.usage.clone(), cluster.stats.entry(worker).or_default().clone())
    }

    pub(super) fn join_host(&self, name: &Arc<str>, worker: usize, address: SocketAddr) -> Arc<HostStats> {
        let mut clusters = self.lock();
        let cluster = clusters.entry(name.clone()).or_default();
        cluster.hosts.entry(address).or_default().entry(worker).or_default().clone()
    }

    /// Forgets hosts that no worker uses any more, and clusters for which `keep` says no.
    pub fn sweep(&self, keep: impl Fn(&str) -> bool) {
        let mut clusters = self.lock();
        clusters.retain(|name, cluster| {
            cluster.hosts.retain(|_, workers| workers.values().any(|stats| Arc::strong_count(stats) > 1));
            keep(name) || cluster.stats.values().any(|stats| Arc::strong_count(stats) > 1)
        });
    }

    /// The sums of one cluster; `None` if no worker has used it.
    pub fn totals(&self, name: &str) -> Option<ClusterTotals> {
        self.lock().get(name).map(SharedCluster::totals)
    }

    /// The sums of all clusters that were used.
    pub fn all_totals(&self) -> Vec<(Arc<str>, ClusterTotals)> {
        let mut all: Vec<_> =
            self.lock().iter().map(|(name, cluster)| (name.clone(), cluster.totals())).collect();
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        all
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, AHashMap<Arc<str>, SharedCluster>> {
        self.clusters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SharedCluster {
    fn totals(&self) -> ClusterTotals {
        ClusterTotals {
            cluster: sum(self.stats.values().map(|stats| stats.values())),
            hosts: self
                .hosts
                .iter()
                .map(|(address, workers)| (*address, sum(workers.values().map(|stats| stats.values()))))
                .collect(),
        }
    }
}

fn sum<I>(parts: impl Iterator<Item = I>) -> Vec<(&'static str, u64)>
where
    I: Iterator<Item = (&'static str, u64)>,
{
    let mut total: Vec<(&'static str, u64)> = Vec::new();
    for part in parts {
        for (at, (name, value)) in part.enumerate() {
            match total.get_mut(at) {
                Some((_, sum)) => *sum = sum.wrapping_add(value),
                None => total.push((name, value)),
            }
        }
    }
    total
}
