//! The thread of a worker: a single-threaded runtime, fed with commands.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ahash::AHashMap;
use outrigger_traffic::Snapshot;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::MissedTickBehavior;

use crate::accept::AcceptLoop;
use crate::affinity;
use crate::drain::{ConnectionCounter, DrainSignal};
use crate::options::Options;
use crate::telemetry::Telemetry;
use crate::upstream::Shared;
use crate::worker::Worker;

/// Time between two looks for what is not used any more.
const SWEEP: Duration = Duration::from_secs(10);

/// What a worker is told.
pub enum Command {
    /// A snapshot, and every socket that there is to be from now on.
    Publish { snapshot: Arc<Snapshot>, sockets: Vec<SocketPlan> },
    /// All sockets are closed; connections go on.
    CloseListeners,
}

/// A socket that a worker is to have.
pub struct SocketPlan {
    /// What it is known by: the address as configured.
    pub key: SocketAddr,
    /// The listener that it serves.
    pub listener: Arc<str>,
    /// The socket, if the worker does not have it yet.
    pub open: Option<TcpListener>,
}

/// What a worker is made of.
pub struct Parts {
    pub index: usize,
    pub options: Arc<Options>,
    pub shared: Arc<Shared>,
    pub drain: DrainSignal,
    pub connections: ConnectionCounter,
    pub telemetry: Telemetry,
}

/// A running worker. It ends when this is dropped.
pub struct WorkerThread {
    commands: Option<UnboundedSender<Command>>,
    thread: Option<JoinHandle<()>>,
}

impl WorkerThread {
    pub fn start(parts: Parts) -> io::Result<WorkerThread> {
        let (commands, receiver) = unbounded_channel();
        let (ready, started) = std::sync::mpsc::sync_channel(1);
        let name = format!("worker-{}", parts.index);
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
            match runtime {
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
                Ok(runtime) => {
                    let _ = ready.send(Ok(()));
                    runtime.block_on(run(parts, receiver));
                }
            }
        })?;
        started.recv().map_err(|_| io::Error::other("the worker thread ended at once"))??;
        Ok(WorkerThread { commands: Some(commands), thread: Some(thread) })
    }

    pub fn send(&self, command: Command) {
        if let Some(commands) = &self.commands {
            // A worker ends only when this side does, or by a panic, which has been printed.
            let _ = commands.send(command);
        }
    }
}

impl Drop for WorkerThread {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn run(parts: Parts, mut commands: UnboundedReceiver<Command>) {
    if parts.options.pin
        && let Err(error) = affinity::pin_to(parts.index)
    {
        tracing::warn!(worker = parts.index, %error, "cannot pin the worker to a core");
    }
    let telemetry = parts.telemetry.worker(parts.index);
    let worker =
        Worker::new(parts.index, parts.options, parts.shared, parts.drain, parts.connections, telemetry);
    let logs = worker.clone();
    tokio::task::spawn_local(async move { logs.telemetry.run().await });
    let mut sweep = tokio::time::interval(SWEEP);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sockets: AHashMap<SocketAddr, Rc<AcceptLoop>> = AHashMap::new();
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                None => return,
                Some(Command::CloseListeners) => sockets.drain().for_each(|(_, socket)| socket.close()),
                Some(Command::Publish { snapshot, sockets: plan }) => {
                    // First the snapshot: what a new socket accepts is to find its listener.
                    worker.set_snapshot(snapshot);
                    apply(plan, &mut sockets, &worker);
                }
            },
            _ = sweep.tick() => worker.sweep(Instant::now()),
        }
    }
}

/// Opens, hands over and closes sockets as planned.
fn apply(plan: Vec<SocketPlan>, sockets: &mut AHashMap<SocketAddr, Rc<AcceptLoop>>, worker: &Rc<Worker>) {
    let mut old = std::mem::take(sockets);
    for SocketPlan { key, listener, open } in plan {
        let socket = match (old.remove(&key), open) {
            (Some(socket), None) => {
                socket.assign(listener);
                socket
            }
            (replaced, Some(open)) => {
                if let Some(replaced) = replaced {
                    replaced.close();
                }
                match AcceptLoop::start(open, listener.clone(), worker.clone()) {
                    Ok(socket) => socket,
                    Err(error) => {
                        tracing::error!(%listener, %error, "cannot watch a listening socket");
                        continue;
                    }
                }
            }
            (None, None) => continue,
        };
        sockets.insert(key, socket);
    }
    old.into_values().for_each(|socket| socket.close());
}
