//! What the tasks of one worker thread share: the snapshot in force, clusters at run time, random
//! numbers, telemetry handles. Nothing here is `Send`, nothing waits, nothing locks.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use ahash::AHashMap;
use outrigger_traffic::{FilterChain, Listener, Snapshot};

use crate::downstream::DownstreamFacts;
use crate::drain::{ConnectionCounter, DrainSignal};
use crate::local_snapshot::LocalSnapshot;
use crate::options::Options;
use crate::random::Random;
use crate::scratch::Scratch;
use crate::telemetry::{KnownPeer, WorkerTelemetry};
use crate::upstream::{Cluster, ConnectOptions, Shared};

/// Peers that a worker remembers; beyond this all are forgotten at once.
const MAX_PEERS: usize = 1024;

/// Peers by their metadata header; `None`: it makes no sense.
type Peers = AHashMap<Box<[u8]>, Option<Rc<KnownPeer>>>;

/// One worker thread's state.
pub struct Worker {
    /// Number of the worker, from 0.
    pub index: usize,
    /// What the caller decided.
    pub options: Arc<Options>,
    /// Random numbers.
    pub random: Random,
    /// Hears of drains.
    pub drain: DrainSignal,
    /// Where requests and connections are reported.
    pub telemetry: WorkerTelemetry,
    /// Space for bytes that only pass through.
    pub scratch: Scratch,
    /// Counts downstream connections.
    pub connections: ConnectionCounter,
    snapshot: RefCell<LocalSnapshot>,
    /// Counts snapshots.
    generation: Cell<u64>,
    clusters: RefCell<AHashMap<Arc<str>, Rc<Cluster>>>,
    shared: Arc<Shared>,
    peers: RefCell<Peers>,
    next_peer: Cell<u64>,
}

impl Worker {
    /// A worker without a configuration.
    pub fn new(
        index: usize,
        options: Arc<Options>,
        shared: Arc<Shared>,
        drain: DrainSignal,
        connections: ConnectionCounter,
        telemetry: WorkerTelemetry,
    ) -> Rc<Worker> {
        Rc::new(Worker {
            index,
            options,
            random: Random::new(),
            drain,
            telemetry,
            connections,
            scratch: Scratch::default(),
            snapshot: RefCell::default(),
            generation: Cell::new(0),
            clusters: RefCell::default(),
            shared,
            peers: RefCell::default(),
            next_peer: Cell::new(1),
        })
    }

    /// The snapshot in force. A request takes it once, at its start.
    pub fn snapshot(&self) -> LocalSnapshot {
        self.snapshot.borrow().clone()
    }

    /// Puts a snapshot in force. Clusters whose configuration stayed keep their connections.
    pub fn set_snapshot(&self, snapshot: Arc<Snapshot>) {
        self.clusters.borrow_mut().retain(|name, cluster| {
            snapshot.clusters.get(name).is_some_and(|entry| {
                Arc::ptr_eq(entry, cluster.entry())
                    || (Arc::ptr_eq(&entry.endpoints, &cluster.entry().endpoints)
                        && entry.cluster == *cluster.config())
            })
        });
        self.generation.set(self.generation.get() + 1);
        let next = self.snapshot.borrow().followed_by(snapshot, Instant::now(), self.options.drain_time);
        let old = self.snapshot.replace(next);
        drop(old);
    }

    /// Whether the filter chain that serves a connection is not in force any more. Cheap to ask for
    /// every request: it is looked up once per snapshot.
    pub fn is_outdated(&self, facts: &DownstreamFacts) -> bool {
        let generation = self.generation.get();
        if facts.checked.get() == (generation, false) {
            return false;
        }
        let stale = facts.checked.get().1 || !self.is_in_force(facts);
        facts.checked.set((generation, stale));
        stale
    }

    fn is_in_force(&self, facts: &DownstreamFacts) -> bool {
        let snapshot = self.snapshot.borrow();
        let Some(now) = snapshot.listeners().get(&facts.listener.name) else { return false };
        Arc::ptr_eq(now, &facts.listener) || chain(now, &facts.chain) == chain(&facts.listener, &facts.chain)
    }

    /// A cluster of the snapshot in force; `None` if it has none of this name (flag NC).
    pub fn cluster(&self, name: &str) -> Option<Rc<Cluster>> {
        if let Some(cluster) = self.clusters.borrow().get(name) {
            return Some(cluster.clone());
        }
        let entry = self.snapshot.borrow().clusters.get(name)?.clone();
        let name = entry.cluster.name.clone();
        let connect = ConnectOptions { mark: self.options.mark };
        let cluster = Cluster::new(entry, self.index, self.shared.clone(), connect);
        self.clusters.borrow_mut().insert(name, cluster.clone());
        Some(cluster)
    }

    /// Who a peer says it is, from its metadata header; remembered by value.
    pub fn peer(&self, metadata: &[u8]) -> Option<Rc<KnownPeer>> {
        if let Some(known) = self.peers.borrow().get(metadata) {
            return known.clone();
        }
        let known = self.options.peer_metadata.decode(metadata).map(|peer| {
            let serial = self.next_peer.get();
            self.next_peer.set(serial + 1);
            Rc::new(KnownPeer { serial, peer })
        });
        let mut peers = self.peers.borrow_mut();
        if peers.len() >= MAX_PEERS {
            peers.clear();
        }
        peers.insert(metadata.into(), known.clone());
        known
    }

    /// Forgets what was not used for a while; called now and then.
    pub fn sweep(&self, now: Instant) {
        for cluster in self.clusters.borrow().values() {
            cluster.sweep(now);
        }
        let pruned = self.snapshot.borrow().pruned(now, self.options.drain_time);
        if let Some(pruned) = pruned {
            self.snapshot.replace(pruned);
        }
        self.telemetry.sweep(now);
    }
}

fn chain<'a>(listener: &'a Listener, name: &str) -> Option<&'a FilterChain> {
    listener.chains.iter().chain(&listener.default_chain).find(|chain| *chain.name == *name)
}
