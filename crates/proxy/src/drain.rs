//! Going down without breaking anything: what a drain tells connections, and when it is over.
//!
//! A drain first only asks: HTTP answers say that the connection ends, so that clients come back
//! elsewhere or on a new connection; listeners stay open meanwhile. At the end of the drain time, or
//! once nothing was connected for a while, the listeners close, and then the rest is given up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};

use tokio::sync::watch;

/// How far a drain has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Phase {
    /// Not draining.
    #[default]
    Serving,
    /// Connections are asked to end; new ones are still accepted.
    Draining,
    /// Listeners are closed; idle connections close now.
    Closing,
}

/// A worker's or connection's ear for drains. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DrainSignal {
    /// The same phase again, to be read for every request without a lock.
    now: Arc<AtomicU8>,
    changes: watch::Receiver<Phase>,
}

impl DrainSignal {
    /// How far the drain has come now.
    pub fn phase(&self) -> Phase {
        match self.now.load(Ordering::Relaxed) {
            0 => Phase::Serving,
            1 => Phase::Draining,
            _ => Phase::Closing,
        }
    }

    /// Returns once the drain has come at least this far; at once if it has already.
    pub async fn reached(&self, phase: Phase) {
        let mut receiver = self.changes.clone();
        // The sender lives as long as the proxy; without it everything ends anyway.
        let _ = receiver.wait_for(|now| *now >= phase).await;
    }
}

/// Starts drains and counts what is still connected. One per proxy.
#[derive(Debug)]
pub struct DrainControl {
    phase: watch::Sender<Phase>,
    now: Arc<AtomicU8>,
    connections: Arc<Connections>,
}

#[derive(Debug, Default)]
struct Connections {
    open: AtomicUsize,
    accepted: AtomicU64,
}

impl DrainControl {
    /// Nothing drains and nothing is connected.
    pub fn new() -> DrainControl {
        DrainControl {
            phase: watch::channel(Phase::Serving).0,
            now: Arc::default(),
            connections: Arc::default(),
        }
    }

    /// An ear for the drain.
    pub fn signal(&self) -> DrainSignal {
        DrainSignal { now: self.now.clone(), changes: self.phase.subscribe() }
    }

    /// A counter for a worker's connections.
    pub fn counter(&self) -> ConnectionCounter {
        ConnectionCounter(self.connections.clone())
    }

    /// Moves the drain on; it never goes back.
    pub fn advance(&self, phase: Phase) {
        self.now.fetch_max(phase as u8, Ordering::Relaxed);
        self.phase.send_if_modified(|now| {
            let forward = phase > *now;
            if forward {
                *now = phase;
            }
            forward
        });
    }

    /// Connections open now.
    pub fn open(&self) -> usize {
        self.connections.open.load(Ordering::Acquire)
    }

    /// Connections accepted since the start.
    pub fn accepted(&self) -> u64 {
        self.connections.accepted.load(Ordering::Acquire)
    }
}

impl Default for DrainControl {
    fn default() -> Self {
        DrainControl::new()
    }
}

/// Hands out tokens for connections.
#[derive(Debug, Clone)]
pub struct ConnectionCounter(Arc<Connections>);

impl ConnectionCounter {
    /// Counts a connection until the token is dropped. The token's number is unique in the proxy.
    pub fn open(&self) -> ConnectionToken {
        self.0.open.fetch_add(1, Ordering::AcqRel);
        let id = self.0.accepted.fetch_add(1, Ordering::AcqRel) + 1;
        ConnectionToken { id, connections: self.0.clone() }
    }
}

/// An open connection, as a drain sees it.
#[derive(Debug)]
pub struct ConnectionToken {
    /// The connection's number.
    pub id: u64,
    connections: Arc<Connections>,
}

impl Drop for ConnectionToken {
    fn drop(&mut self) {
        self.connections.open.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_drain_only_goes_forward_and_wakes_who_waits() {
        let control = DrainControl::new();
        let signal = control.signal();
        assert_eq!(signal.phase(), Phase::Serving);
        let waiter = signal.clone();
        let wait = tokio::spawn(async move { waiter.reached(Phase::Closing).await });
        control.advance(Phase::Closing);
        control.advance(Phase::Draining);
        wait.await.unwrap();
        assert_eq!(signal.phase(), Phase::Closing);
    }

    #[test]
    fn connections_count_until_their_token_is_dropped() {
        let control = DrainControl::new();
        let counter = control.counter();
        let (one, two) = (counter.open(), counter.open());
        assert_eq!((control.open(), one.id, two.id), (2, 1, 2));
        drop((one, two));
        assert_eq!((control.open(), control.accepted()), (0, 2));
    }
}
