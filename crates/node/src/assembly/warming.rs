//! What a snapshot may have, and what has to wait.

use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use outrigger_traffic::{ClusterEntry, Discovery, Listener, Snapshot};
use tokio::time::Instant;

use super::{Assembly, eds_name};
use crate::resources::{Type, route_names};

/// After this long without an answer, a resource that is waited for counts as empty.
const FETCH_TIMEOUT: Duration = Duration::from_secs(15);

/// New names to resolve hold back routes and listeners for at most this long.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);

type Clusters = AHashMap<Arc<str>, Arc<ClusterEntry>>;

/// What is not there yet, and since when it is missing. What is given up stays in the lists until it
/// comes, so that it is not waited for again.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Endpoints and routes that something names.
    missing: AHashMap<(Type, Arc<str>), Instant>,
    /// Clusters whose names were never resolved.
    unresolved: AHashMap<Arc<str>, Instant>,
    is_fetching: bool,
    is_resolving: bool,
}

impl Waiting {
    /// Whether nothing is waited for.
    pub(super) fn is_empty(&self) -> bool {
        !self.is_fetching && !self.is_resolving
    }
}

/// Notes of one look at what is missing.
struct Look<'a> {
    before: &'a Waiting,
    missing: AHashMap<(Type, Arc<str>), Instant>,
    is_fetching: bool,
    now: Instant,
}

impl Look<'_> {
    /// Notes that a resource is missing; whether it has to be waited for.
    fn waits_for(&mut self, kind: Type, name: Arc<str>) -> bool {
        let key = (kind, name);
        let since = self.before.missing.get(&key).copied().unwrap_or(self.now);
        self.missing.insert(key, since);
        let waits = self.now.duration_since(since) < FETCH_TIMEOUT;
        self.is_fetching |= waits;
        waits
    }
}

impl Assembly {
    /// The snapshot of what is warm now; the same one as before if nothing changed. It counts as in
    /// force from here on.
    pub fn snapshot(&mut self, now: Instant) -> Arc<Snapshot> {
        let mut look = Look { before: &self.waiting, missing: AHashMap::new(), is_fetching: false, now };
        let clusters = self.warm_clusters(&mut look);
        let listeners = self.warm_listeners(&mut look);
        let Look { missing, is_fetching, .. } = look;
        let unresolved = self.unresolved(&clusters, now);
        let is_resolving = !std::mem::take(&mut self.is_restored)
            && unresolved.values().any(|since| now.duration_since(*since) < RESOLVE_TIMEOUT);
        self.waiting = Waiting { missing, unresolved, is_fetching, is_resolving };
        if !self.started {
            let answered = self.heard.contains(&Type::Cluster) && self.heard.contains(&Type::Listener);
            self.started = answered && self.waiting.is_empty();
        }
        let mut is_same = is_same(&self.active.clusters, &clusters);
        self.active.clusters = clusters;
        // Until then clusters alone are in force, so that names are resolved meanwhile.
        if self.started && !is_resolving {
            let routes = self.routes.iter().map(|(name, held)| (name.clone(), held.value.clone())).collect();
            is_same &= self::is_same(&self.active.routes, &routes);
            is_same &= self::is_same(&self.active.listeners, &listeners);
            self.active.routes = routes;
            self.active.listeners = listeners;
        }
        self.prune();
        if !is_same {
            let active = &self.active;
            self.latest = Arc::new(Snapshot::new(
                active.listeners.clone(),
                active.routes.clone(),
                active.clusters.clone(),
            ));
        }
        self.latest.clone()
    }

    fn warm_clusters(&self, look: &mut Look<'_>) -> Clusters {
        let mut clusters = Clusters::new();
        for (name, held) in &self.clusters {
            let is_warm = match eds_name(&held.value) {
                Some(eds) => self.endpoints.contains_key(&eds) || !look.waits_for(Type::Endpoint, eds),
                None => true,
            };
            let chosen = if is_warm { Some(&held.value) } else { self.active.clusters.get(name) };
            clusters.extend(chosen.map(|entry| (name.clone(), entry.clone())));
        }
        clusters
    }

    fn warm_listeners(&self, look: &mut Look<'_>) -> AHashMap<Arc<str>, Arc<Listener>> {
        let mut listeners = AHashMap::new();
        for (name, held) in &self.listeners {
            let mut is_warm = true;
            for route in route_names(&held.value) {
                is_warm &= self.routes.contains_key(&route) || !look.waits_for(Type::Route, route);
            }
            let chosen = if is_warm { Some(&held.value) } else { self.active.listeners.get(name) };
            listeners.extend(chosen.map(|listener| (name.clone(), listener.clone())));
        }
        listeners
    }

    /// Clusters by names that have no address yet, and since when.
    fn unresolved(&self, clusters: &Clusters, now: Instant) -> AHashMap<Arc<str>, Instant> {
        let is_open = |entry: &ClusterEntry| match &entry.cluster.discovery {
            Discovery::StrictDns(options) | Discovery::LogicalDns(options) => {
                !options.targets.is_empty() && entry.endpoints.load().endpoints().is_empty()
            }
            Discovery::Eds(_) | Discovery::Static | Discovery::OriginalDst => false,
        };
        let open = clusters.iter().filter(|(_, entry)| is_open(entry));
        open.map(|(name, _)| (name.clone(), self.waiting.unresolved.get(name).copied().unwrap_or(now)))
            .collect()
    }

    /// Forgets what nothing names any more. The control plane does not say so: it was told that it is
    /// not wanted.
    fn prune(&mut self) {
        if let Some(wanted) = self.wanted(Type::Route) {
            self.routes.retain(|name, _| wanted.contains(name));
        }
        if let Some(wanted) = self.wanted(Type::Endpoint) {
            self.endpoints.retain(|name, _| wanted.contains(name));
            self.slots.retain(|name, _| wanted.contains(name));
        }
    }
}

/// Whether two maps hold the same things, not only equal ones.
fn is_same<T>(a: &AHashMap<Arc<str>, Arc<T>>, b: &AHashMap<Arc<str>, Arc<T>>) -> bool {
    a.len() == b.len()
        && a.iter().all(|(name, value)| b.get(name).is_some_and(|other| Arc::ptr_eq(value, other)))
}
