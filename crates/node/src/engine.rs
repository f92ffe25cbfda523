//! The assembly and the proxy, joined: what changes in one is published to the other.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use std::time::Duration;

use outrigger_proxy::{Proxy, PublishReport};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::assembly::Assembly;
use crate::disk::Kept;
use crate::resources::Type;

/// Pause before another look at what is waited for.
const WAITING: Duration = Duration::from_millis(25);
/// Pause before another try to bind.
const FAILED: Duration = Duration::from_secs(1);

/// A resource as it arrives: name, version, body.
pub type Arrived = (String, String, bytes::Bytes);

/// One per node.
pub struct Engine {
    pub proxy: Proxy,
    /// Told when what is held changed, for the copy on disk.
    pub changed: Notify,
    /// Told when something has to be tried again.
    pending: Notify,
    /// Whether the control plane answers.
    pub is_connected: AtomicBool,
    assembly: Mutex<Assembly>,
    /// Listeners that have no socket, as of the latest publish.
    report: Mutex<PublishReport>,
    updates: [AtomicU64; 4],
    rejected: [AtomicU64; 4],
}

impl Engine {
    pub fn new(proxy: Proxy) -> Engine {
        Engine {
            proxy,
            changed: Notify::new(),
            pending: Notify::new(),
            is_connected: AtomicBool::new(false),
            assembly: Mutex::default(),
            report: Mutex::default(),
            updates: Default::default(),
            rejected: Default::default(),
        }
    }

    /// Takes an update; gives the names that are refused, with reasons.
    pub fn update(&self, kind: Type, changed: &[Arrived], removed: &[String]) -> Vec<(String, String)> {
        let mut assembly = self.assembly();
        let mut outcome = assembly.update(kind, changed, removed);
        if outcome.is_structural {
            let report = self.publish(&mut assembly);
            if kind == Type::Listener {
                for failure in report.failures {
                    let Some((name, version, _)) =
                        changed.iter().find(|(name, ..)| **name == *failure.listener)
                    else {
                        continue;
                    };
                    let reason = format!("cannot listen on {}: {}", failure.address, failure.why);
                    assembly.reject(kind, name, version, &reason);
                    outcome.rejected.push((name.clone(), reason));
                }
            }
        }
        drop(assembly);
        self.updates[kind as usize].fetch_add(1, Ordering::Relaxed);
        if !outcome.rejected.is_empty() {
            self.rejected[kind as usize].fetch_add(1, Ordering::Relaxed);
        }
        for (name, reason) in &outcome.rejected {
            tracing::warn!(kind = kind.short(), %name, %reason, "a resource is refused");
        }
        self.changed.notify_one();
        outcome.rejected
    }

    /// Takes what was kept on disk.
    pub fn restore(&self, kept: Vec<Kept>) {
        let mut assembly = self.assembly();
        let count = kept.len();
        for refused in assembly.restore(kept) {
            tracing::warn!(%refused, "a resource of the last good configuration is refused");
        }
        tracing::info!(
            resources = count,
            "serving the last good configuration until the control plane answers"
        );
        self.publish(&mut assembly);
    }

    /// Publishes again, for ever, what was waited for or could not be bound.
    pub async fn retry(&self) {
        loop {
            let is_waiting = self.assembly().is_waiting();
            let has_failed = !self.report().failures.is_empty();
            match (is_waiting, has_failed) {
                (true, _) => tokio::time::sleep(WAITING).await,
                (false, true) => tokio::time::sleep(FAILED).await,
                (false, false) => {
                    self.pending.notified().await;
                    continue;
                }
            }
            self.publish(&mut self.assembly());
        }
    }

    fn publish(&self, assembly: &mut Assembly) -> PublishReport {
        let snapshot = assembly.snapshot(Instant::now());
        if Arc::ptr_eq(&snapshot, &self.proxy.snapshot()) && self.report().failures.is_empty() {
            return PublishReport::default();
        }
        let report = self.proxy.publish(snapshot);
        if assembly.is_waiting() || !report.failures.is_empty() {
            self.pending.notify_one();
        }
        let mut last = self.report();
        if *last != report {
            for failure in &report.failures {
                let (listener, address, why) = (&failure.listener, failure.address, &failure.why);
                tracing::warn!(%listener, %address, %why, "cannot listen; trying again");
            }
            *last = report.clone();
        }
        report
    }

    /// Whether the node serves what it was told.
    pub fn is_ready(&self) -> bool {
        self.assembly().is_started() && self.report().failures.is_empty()
    }

    /// What is held.
    pub fn assembly(&self) -> MutexGuard<'_, Assembly> {
        self.assembly.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self) -> MutexGuard<'_, PublishReport> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All metrics in Prometheus' text format.
    pub fn metrics(&self) -> String {
        use std::fmt::Write;
        let mut out = self.proxy.metrics();
        let manager = [
            (Type::Cluster, "envoy_cluster_manager_cds"),
            (Type::Endpoint, "envoy_cluster_manager_eds"),
            (Type::Listener, "envoy_listener_manager_lds"),
            (Type::Route, "envoy_http_rds"),
        ];
        for (kind, name) in manager {
            let updates = self.updates[kind as usize].load(Ordering::Relaxed);
            let rejected = self.rejected[kind as usize].load(Ordering::Relaxed);
            writeln!(out, "# TYPE {name}_update_attempt counter\n{name}_update_attempt {updates}")
                .and_then(|()| {
                    writeln!(out, "# TYPE {name}_update_rejected counter\n{name}_update_rejected {rejected}")
                })
                .expect("writing to a string cannot fail");
        }
        let connected = u8::from(self.is_connected.load(Ordering::Relaxed));
        out.push_str("# TYPE envoy_control_plane_connected_state gauge\n");
        writeln!(out, "envoy_control_plane_connected_state {connected}")
            .expect("writing to a string cannot fail");
        out
    }
}

/// Shared by the sink, the tasks and the admin interface.
pub type SharedEngine = Arc<Engine>;
