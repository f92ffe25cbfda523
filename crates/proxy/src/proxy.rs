//! A running proxy: workers, their sockets, and the way for new configuration.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use outrigger_traffic::{ClusterEntry, Listener, Snapshot};
use tokio::sync::{mpsc, watch};

use crate::background::{self, Task};
use crate::bind;
use crate::drain::DrainControl;
use crate::options::Options;
use crate::telemetry::Telemetry;
use crate::thread::{Command, Parts, SocketPlan, WorkerThread};
use crate::upstream::{ClusterTotals, Shared};

/// A proxy at work. Dropping it ends it at once; [`Proxy::drain`] first ends it gently.
pub struct Proxy {
    options: Arc<Options>,
    shared: Arc<Shared>,
    telemetry: Telemetry,
    drain: Arc<DrainControl>,
    drained: watch::Receiver<bool>,
    background: mpsc::UnboundedSender<Task>,
    state: Arc<Mutex<State>>,
}

struct State {
    workers: Vec<WorkerThread>,
    snapshot: Arc<Snapshot>,
    /// Sockets by the address that was asked for.
    sockets: BTreeMap<SocketAddr, BoundListener>,
    is_closed: bool,
}

/// What became of a snapshot's listeners.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublishReport {
    /// Listeners that have no socket now; the next publish tries again.
    pub failures: Vec<BindFailure>,
}

/// A listener whose socket could not be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindFailure {
    /// The listener.
    pub listener: Arc<str>,
    /// The address that it asks for.
    pub address: SocketAddr,
    /// Why not.
    pub why: String,
}

/// A listening socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundListener {
    /// The listener that it serves.
    pub listener: Arc<str>,
    /// Its address; the port that was given, where 0 was asked for.
    pub address: SocketAddr,
}

/// A cluster and what was counted about it.
pub struct ClusterState {
    /// The cluster and its endpoints.
    pub entry: Arc<ClusterEntry>,
    /// Its counters; `None` if it was never used.
    pub totals: Option<ClusterTotals>,
}

impl Proxy {
    /// Starts the workers; they have nothing to do until the first [`Proxy::publish`].
    pub fn start(mut options: Options) -> io::Result<Proxy> {
        if options.workers == 0 {
            options.workers = std::thread::available_parallelism().map_or(1, usize::from);
        }
        if let Some(mark) = options.mark {
            check_mark(mark)?;
        }
        let options = Arc::new(options);
        let shared = Arc::new(Shared::default());
        let telemetry = Telemetry::start(options.local.clone())?;
        let drain = Arc::new(DrainControl::new());
        let (drained_sender, drained) = watch::channel(false);
        let background = background::start(background::Parts {
            shared: shared.clone(),
            telemetry: telemetry.clone(),
            drain: drain.clone(),
            drained: drained_sender,
        })?;
        let worker = |index| {
            WorkerThread::start(Parts {
                index,
                options: options.clone(),
                shared: shared.clone(),
                drain: drain.signal(),
                connections: drain.counter(),
                telemetry: telemetry.clone(),
            })
        };
        let workers = (0..options.workers).map(worker).collect::<io::Result<_>>()?;
        let state = State { workers, snapshot: Arc::default(), sockets: BTreeMap::new(), is_closed: false };
        Ok(Proxy {
            options,
            shared,
            telemetry,
            drain,
            drained,
            background,
            state: Arc::new(Mutex::new(state)),
        })
    }

    /// Puts a snapshot in force. Sockets of listeners that stay are not touched; a changed listener
    /// serves new connections in the new way; a removed one accepts no more, and its connections
    /// are asked to end.
    pub fn publish(&self, snapshot: Arc<Snapshot>) -> PublishReport {
        let report = lock(&self.state).publish(snapshot.clone());
        // Only fails once the proxy is being dropped.
        let _ = self.background.send(Task::Snapshot(snapshot));
        report
    }

    /// Asks connections to end, and at the end of the drain time closes listeners. Returns at once.
    pub fn drain(&self) {
        let state = Arc::downgrade(&self.state);
        let close_listeners = Box::new(move || {
            if let Some(state) = state.upgrade() {
                lock(&state).close_listeners();
            }
        });
        let _ = self.background.send(Task::Drain { time: self.options.drain_time, close_listeners });
    }

    /// Closes listeners without touching connections (admin: /drain_listeners).
    pub fn close_listeners(&self) {
        lock(&self.state).close_listeners();
    }

    /// Returns once a drain is over: no connection is left, or its time is up.
    pub async fn drained(&self) {
        let mut drained = self.drained.clone();
        // An error means that the proxy has ended, which is as good.
        let _ = drained.wait_for(|over| *over).await;
    }

    /// Connections from downstream that are open now.
    pub fn connections(&self) -> usize {
        self.drain.open()
    }

    /// Metrics in Prometheus' text format.
    pub fn metrics(&self) -> String {
        self.telemetry.render(&self.shared)
    }

    /// Metrics and access logs.
    pub fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// The snapshot in force.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        lock(&self.state).snapshot.clone()
    }

    /// Listening sockets, by address.
    pub fn listeners(&self) -> Vec<BoundListener> {
        lock(&self.state).sockets.values().cloned().collect()
    }

    /// Clusters with their counters, by name.
    pub fn clusters(&self) -> Vec<ClusterState> {
        let snapshot = self.snapshot();
        let mut clusters: Vec<ClusterState> = snapshot
            .clusters
            .values()
            .map(|entry| ClusterState {
                entry: entry.clone(),
                totals: self.shared.totals(&entry.cluster.name),
            })
            .collect();
        clusters.sort_by(|a, b| a.entry.cluster.name.cmp(&b.entry.cluster.name));
        clusters
    }
}

impl State {
    fn publish(&mut self, snapshot: Arc<Snapshot>) -> PublishReport {
        self.snapshot = snapshot.clone();
        let mut report = PublishReport::default();
        let mut opened: BTreeMap<SocketAddr, Vec<TcpListener>> = BTreeMap::new();
        let wanted = if self.is_closed { BTreeMap::new() } else { wanted(&snapshot, &mut report) };
        self.sockets.retain(|key, _| wanted.contains_key(key));
        for (key, listener) in wanted {
            if let Some(bound) = self.sockets.get_mut(&key) {
                bound.listener = listener.name.clone();
                continue;
            }
            let result = bind::listen(key, self.workers.len(), listener.backlog)
                .and_then(|sockets| Ok((sockets.first().map_or(Ok(key), TcpListener::local_addr)?, sockets)));
            match result {
                Ok((address, sockets)) => {
                    self.sockets.insert(key, BoundListener { listener: listener.name.clone(), address });
                    opened.insert(key, sockets);
                }
                Err(error) => report.failures.push(BindFailure {
                    listener: listener.name.clone(),
                    address: key,
                    why: error.to_string(),
                }),
            }
        }
        for worker in &self.workers {
            let plan = |(key, bound): (&SocketAddr, &BoundListener)| SocketPlan {
                key: *key,
                listener: bound.listener.clone(),
                open: opened.get_mut(key).and_then(Vec::pop),
            };
            let sockets = self.sockets.iter().map(plan).collect();
            worker.send(Command::Publish { snapshot: snapshot.clone(), sockets });
        }
        report
    }

    fn close_listeners(&mut self) {
        self.is_closed = true;
        self.sockets.clear();
        for worker in &self.workers {
            worker.send(Command::CloseListeners);
        }
    }
}

/// The listener for each address that is to have a socket. Of two for one address the first by name
/// gets it.
fn wanted<'a>(snapshot: &'a Snapshot, report: &mut PublishReport) -> BTreeMap<SocketAddr, &'a Arc<Listener>> {
    let mut wanted: BTreeMap<SocketAddr, &Arc<Listener>> = BTreeMap::new();
    let mut binding: Vec<&Arc<Listener>> = snapshot.listeners().values().filter(|l| l.bind).collect();
    binding.sort_by(|a, b| a.name.cmp(&b.name));
    for listener in binding {
        for address in listener.addresses() {
            match wanted.get(&address) {
                None => {
                    wanted.insert(address, listener);
                }
                Some(owner) => report.failures.push(BindFailure {
                    listener: listener.name.clone(),
                    address,
                    why: format!("listener {} has this address", owner.name),
                }),
            }
        }
    }
    wanted
}

/// Whether connections can be marked. Without it capture would send the proxy's own connections back
/// to it, so this is found out before anything is accepted.
fn check_mark(mark: u32) -> io::Result<()> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.set_mark(mark).map_err(|error| {
        io::Error::new(error.kind(), format!("cannot mark connections (needs CAP_NET_ADMIN): {error}"))
    })
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
