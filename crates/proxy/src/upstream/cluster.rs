//! A cluster as one worker sees it.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ahash::AHashMap;
use arc_swap::ArcSwap;
use arc_swap::cache::Cache;
use outrigger_base::Locality;
use outrigger_traffic::{Avoid, BalancerState, ClusterEntry, Discovery, EndpointSet, WorkloadRef};
use thiserror::Error;

use super::connect::{Attempt, ConnectError, ConnectOptions, Connection};
use super::host::Host;
use super::limits::{Breakers, Limit, Permit};
use super::shared::Shared;
use crate::random::Random;
use crate::stats::ClusterStats;

/// An unused host that was met by original destination is forgotten after this.
const ORIGINAL_DST_KEEP: Duration = Duration::from_secs(60);

/// Why no host was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PickError {
    /// The cluster has no host that may be chosen (flag UH).
    #[error("no healthy upstream")]
    NoHealthyHost,
}

/// A cluster at run time. It is kept across snapshots as long as its configuration stays; its
/// endpoints change underneath.
pub struct Cluster {
    /// Unique among the clusters of this worker for as long as the worker lives; 0 is never used.
    pub serial: u64,
    /// What this worker did with it.
    pub stats: Arc<ClusterStats>,
    entry: Arc<ClusterEntry>,
    breakers: Breakers,
    worker: usize,
    shared: Arc<Shared>,
    connect: ConnectOptions,
    endpoints: RefCell<Endpoints>,
    /// Hosts of an ORIGINAL_DST cluster.
    original: RefCell<AHashMap<SocketAddr, Rc<Host>>>,
}

/// The endpoints that were seen last, and the hosts made of them, side by side.
struct Endpoints {
    latest: Cache<Arc<ArcSwap<EndpointSet>>, Arc<EndpointSet>>,
    built: Option<Arc<EndpointSet>>,
    hosts: Vec<Rc<Host>>,
    balancer: BalancerState,
}

impl Cluster {
    /// The run-time side of a cluster on worker number `worker`.
    pub fn new(
        entry: Arc<ClusterEntry>,
        worker: usize,
        shared: Arc<Shared>,
        connect: ConnectOptions,
    ) -> Rc<Cluster> {
        let (usage, stats) = shared.join(&entry.cluster.name, worker);
        Rc::new(Cluster {
            serial: next_serial(),
            stats,
            breakers: Breakers::new(entry.cluster.limits, usage),
            endpoints: RefCell::new(Endpoints {
                latest: Cache::new(entry.endpoints.clone()),
                built: None,
                hosts: Vec::new(),
                balancer: BalancerState::default(),
            }),
            entry,
            worker,
            shared,
            connect,
            original: RefCell::default(),
        })
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.entry.cluster.name
    }

    /// Its configuration.
    pub fn config(&self) -> &outrigger_traffic::Cluster {
        &self.entry.cluster
    }

    /// Its entry in the snapshot that it was made from.
    pub fn entry(&self) -> &Arc<ClusterEntry> {
        &self.entry
    }

    /// Takes a host. `avoid` are those that were tried already: up to `attempts` further picks are
    /// made to find another one, then the last pick stands (envoy: the previous_hosts predicate with
    /// host_selection_retry_max_attempts).
    pub fn pick(
        &self,
        original_dst: Option<SocketAddr>,
        avoid: &[SocketAddr],
        attempts: u32,
        random: &Random,
    ) -> Result<Rc<Host>, PickError> {
        let picked = if self.entry.cluster.discovery == Discovery::OriginalDst {
            original_dst.map(|address| self.original_host(address))
        } else {
            self.pick_endpoint(avoid, attempts, random)
        };
        picked.ok_or_else(|| {
            self.stats.cx_none_healthy.inc();
            PickError::NoHealthyHost
        })
    }

    /// Takes one of a limit; `None`: it is used up (flag UO).
    pub fn admit(&self, limit: Limit) -> Option<Permit> {
        let permit = self.breakers.admit(limit);
        if permit.is_none() {
            match limit {
                Limit::Connections => self.stats.cx_overflow.inc(),
                Limit::Pending | Limit::Requests => self.stats.rq_pending_overflow.inc(),
                Limit::Retries => self.stats.rq_retry_overflow.inc(),
            }
        }
        permit
    }

    /// Opens a connection to one of its hosts. The first one of a worker to a host is opened even at
    /// the limit: else its requests would wait for a connection that nobody gives back. (envoy:
    /// `ConnPoolImplBase::tryCreateNewConnection`)
    pub async fn connect(&self, host: &Host) -> Result<Connection, ConnectError> {
        let permit = match self.admit(Limit::Connections) {
            Some(permit) => permit,
            None if host.stats.cx_active.get() == 0 => Permit::uncounted(),
            None => return Err(ConnectError::Overflow),
        };
        let attempt = Attempt {
            address: host.address,
            timeout: self.entry.cluster.connect_timeout,
            keepalive: self.entry.cluster.tcp_keepalive,
            options: self.connect,
            cluster: &self.stats,
            host: &host.stats,
            permit,
        };
        attempt.run().await
    }

    /// Forgets hosts that were met by original destination and are not used any more.
    pub fn sweep(&self, now: Instant) {
        self.original.borrow_mut().retain(|_, host| {
            Rc::strong_count(host) > 1 || now.duration_since(host.last_used()) < ORIGINAL_DST_KEEP
        });
    }

    fn original_host(&self, address: SocketAddr) -> Rc<Host> {
        let mut hosts = self.original.borrow_mut();
        let host = hosts.entry(address).or_insert_with(|| {
            self.new_host(address, Arc::new(WorkloadRef::default()), Arc::new(Locality::default()))
        });
        host.touch(Instant::now());
        host.clone()
    }

    fn pick_endpoint(&self, avoid: &[SocketAddr], attempts: u32, random: &Random) -> Option<Rc<Host>> {
        let mut endpoints = self.endpoints.borrow_mut();
        let set = endpoints.latest.load().clone();
        if !endpoints.built.as_ref().is_some_and(|built| Arc::ptr_eq(built, &set)) {
            self.rebuild(&mut endpoints, set.clone());
        }
        let Endpoints { balancer, hosts, .. } = &mut *endpoints;
        let avoid = Avoid { addresses: avoid, attempts };
        let active = |at: usize| hosts[at].active();
        let at = balancer.pick(&set, self.entry.cluster.balancer, &mut &*random, active, avoid)?;
        Some(hosts[at].clone())
    }

    /// Makes hosts of new endpoints; those with the same address and workload are kept.
    fn rebuild(&self, endpoints: &mut Endpoints, set: Arc<EndpointSet>) {
        let mut old: AHashMap<SocketAddr, Rc<Host>> =
            endpoints.hosts.drain(..).map(|host| (host.address, host)).collect();
        endpoints.hosts = set
            .endpoints()
            .iter()
            .map(|endpoint| match old.remove(&endpoint.address) {
                Some(host) if host.workload == endpoint.workload => host,
                _ => self.new_host(endpoint.address, endpoint.workload.clone(), endpoint.locality.clone()),
            })
            .collect();
        endpoints.built = Some(set);
    }

    fn new_host(&self, address: SocketAddr, workload: Arc<WorkloadRef>, locality: Arc<Locality>) -> Rc<Host> {
        let stats = self.shared.join_host(&self.entry.cluster.name, self.worker, address);
        Rc::new(Host::new(next_serial(), address, workload, locality, stats))
    }
}

/// Numbers for clusters and hosts of this thread, never given twice.
fn next_serial() -> u64 {
    thread_local! {
        static NEXT: Cell<u64> = const { Cell::new(1) };
    }
    NEXT.with(|next| {
        let serial = next.get();
        next.set(serial + 1);
        serial
    })
}
