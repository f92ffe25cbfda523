//! What the parts of a running node share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};

use tokio::sync::Notify;

use crate::config::NodeConfig;
use crate::engine::SharedEngine;

/// How far a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Without a configuration, or with listeners that have no socket.
    Initializing,
    /// Serving.
    Live,
    /// Going down.
    Draining,
}

/// One per node.
pub struct NodeState {
    pub config: NodeConfig,
    pub engine: SharedEngine,
    /// Told when someone asks the node to end.
    pub quit: Notify,
    pub started: Instant,
    pub started_at: SystemTime,
    is_draining: AtomicBool,
}

impl NodeState {
    pub fn new(config: NodeConfig, engine: SharedEngine) -> NodeState {
        NodeState {
            config,
            engine,
            quit: Notify::new(),
            started: Instant::now(),
            started_at: SystemTime::now(),
            is_draining: AtomicBool::new(false),
        }
    }

    pub fn readiness(&self) -> Readiness {
        if self.is_draining.load(Ordering::Relaxed) {
            Readiness::Draining
        } else if self.engine.is_ready() {
            Readiness::Live
        } else {
            Readiness::Initializing
        }
    }

    /// Starts to drain; readiness says so from now on.
    pub fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
        self.engine.proxy.drain();
    }

    /// Says in readiness that this node wants no more traffic, or does again.
    pub fn set_draining(&self, draining: bool) {
        self.is_draining.store(draining, Ordering::Relaxed);
    }
}
