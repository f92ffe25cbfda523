//! What the parts of a running control plane share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use outrigger_base::{ClusterId, Diagnostic, Kind};
use outrigger_mesh::Snapshot;
use tokio::sync::mpsc;

use crate::command::Command;
use crate::metrics::Metrics;
use crate::proxies::Proxies;

/// The state that the writer published last.
pub struct Published {
    /// What exists.
    pub snapshot: Snapshot,
    /// How many objects of each kind.
    pub objects: BTreeMap<Kind, usize>,
    /// Everything that is wrong or has no effect.
    pub diagnostics: Arc<[Diagnostic]>,
    /// How many different views the proxies have.
    pub views: usize,
}

/// One per control plane.
pub struct Shared {
    pub cluster: ClusterId,
    pub started: SystemTime,
    pub proxies: Proxies,
    pub metrics: Arc<Metrics>,
    pub state: ArcSwap<Published>,
    /// Commands that the writer has dealt with.
    pub applied: AtomicU64,
    sent: AtomicU64,
    commands: mpsc::UnboundedSender<Command>,
}

impl Shared {
    pub fn new(cluster: ClusterId, state: Published, commands: mpsc::UnboundedSender<Command>) -> Shared {
        let metrics = Arc::new(Metrics::default());
        Shared {
            cluster,
            started: SystemTime::now(),
            proxies: Proxies::new(metrics.clone()),
            metrics,
            state: ArcSwap::from_pointee(state),
            applied: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            commands,
        }
    }

    /// Tells the writer. Counted before it is sent, so that [`Shared::is_idle`] never says so too early.
    pub fn tell(&self, command: Command) {
        self.sent.fetch_add(1, Ordering::AcqRel);
        if self.commands.send(command).is_err() {
            // The writer has stopped, and with it everything that would wait.
            self.applied.fetch_add(1, Ordering::Release);
        }
    }

    /// Whether the writer has dealt with all that it was told.
    pub fn is_idle(&self) -> bool {
        self.applied.load(Ordering::Acquire) >= self.sent.load(Ordering::Acquire)
    }
}
