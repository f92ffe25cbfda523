//! The proxy's own thread, beside the workers: resolves names, moves drains on, forgets what is not
//! used any more.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use outrigger_traffic::Snapshot;
use tokio::sync::{mpsc, watch};

use crate::dns::Resolver;
use crate::drain::{DrainControl, Phase};
use crate::telemetry::Telemetry;
use crate::upstream::Shared;

const SWEEP: Duration = Duration::from_secs(60);

/// A drain is over early if nothing was connected for this long; between two requests of one client
/// there may be no connection for a moment.
const QUIET: Duration = Duration::from_secs(1);

/// Time for idle connections to close after the listeners did.
const CLOSING: Duration = Duration::from_secs(1);

const TICK: Duration = Duration::from_millis(20);

/// What the thread is told.
pub enum Task {
    Snapshot(Arc<Snapshot>),
    Drain { time: Duration, close_listeners: Box<dyn FnOnce() + Send> },
}

/// What the thread works on.
pub struct Parts {
    pub shared: Arc<Shared>,
    pub telemetry: Telemetry,
    pub drain: Arc<DrainControl>,
    /// Set once a drain is over.
    pub drained: watch::Sender<bool>,
}

/// Starts the thread; it ends when the sender is dropped.
pub fn start(parts: Parts) -> io::Result<mpsc::UnboundedSender<Task>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(4).build()?;
    std::thread::Builder::new().name("proxy".into()).spawn(move || {
        runtime.block_on(run(parts, receiver));
        // A look-up that hangs must not hold up the end.
        runtime.shutdown_background();
    })?;
    Ok(sender)
}

async fn run(parts: Parts, mut tasks: mpsc::UnboundedReceiver<Task>) {
    let parts = Arc::new(parts);
    let mut resolver = Resolver::default();
    let mut current: Arc<Snapshot> = Arc::default();
    let mut sweep = tokio::time::interval(SWEEP);
    loop {
        tokio::select! {
            task = tasks.recv() => match task {
                None => return,
                Some(Task::Snapshot(snapshot)) => {
                    resolver.set_snapshot(&snapshot);
                    current = snapshot;
                }
                Some(Task::Drain { time, close_listeners }) => {
                    tokio::spawn(drain(parts.clone(), time, close_listeners));
                }
            },
            _ = sweep.tick() => {
                parts.telemetry.sweep(Instant::now());
                parts.shared.sweep(|name| current.clusters.contains_key(name));
            }
        }
    }
}

async fn drain(parts: Arc<Parts>, time: Duration, close_listeners: Box<dyn FnOnce() + Send>) {
    let control = &parts.drain;
    control.advance(Phase::Draining);
    let end = tokio::time::Instant::now() + time;
    let mut quiet_since = tokio::time::Instant::now();
    let mut accepted = control.accepted();
    while tokio::time::Instant::now() < end {
        tokio::time::sleep(TICK.min(time)).await;
        if control.open() > 0 || control.accepted() != accepted {
            accepted = control.accepted();
            quiet_since = tokio::time::Instant::now();
        } else if quiet_since.elapsed() >= QUIET {
            break;
        }
    }
    control.advance(Phase::Closing);
    close_listeners();
    let end = tokio::time::Instant::now() + CLOSING;
    while tokio::time::Instant::now() < end {
        tokio::time::sleep(TICK).await;
        if control.open() == 0 {
            break;
        }
    }
    parts.drained.send_replace(true);
}
