//! Telemetry of a whole proxy: what the workers report to and readers read.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ahash::AHashMap;
use outrigger_traffic::Listener;

use super::family::{ConnectionSeries, Family, RequestSeries};
use super::log_writer::LogWriter;
use crate::options::LocalNode;
use crate::stats::ListenerStats;

/// Series that no request touched for this long are dropped.
const SERIES_KEEP_SECONDS: u32 = 3600;

pub(super) struct SharedTelemetry {
    pub(super) local: LocalNode,
    pub(super) requests: Family<RequestSeries>,
    pub(super) connections: Family<ConnectionSeries>,
    pub(super) logs: LogWriter,
    listeners: Mutex<AHashMap<Arc<str>, SharedListener>>,
    started: Instant,
}

#[derive(Default)]
struct SharedListener {
    /// As Envoy labels it: `0.0.0.0_15001`.
    address: String,
    workers: AHashMap<usize, Arc<ListenerStats>>,
}

impl SharedTelemetry {
    /// Seconds since the start.
    pub(super) fn seconds(&self, now: Instant) -> u32 {
        now.saturating_duration_since(self.started).as_secs() as u32
    }

    pub(super) fn join_listener(&self, listener: &Listener, worker: usize) -> Arc<ListenerStats> {
        let mut listeners = self.lock();
        let shared = listeners.entry(listener.name.clone()).or_default();
        shared.address = listener.address.to_string().replace(':', "_");
        if let Some((ip, port)) = listener.address.to_string().rsplit_once(':') {
            shared.address = format!("{ip}_{port}");
        }
        shared.workers.entry(worker).or_default().clone()
    }

    /// Address and counters of each listener that had a connection, summed over workers.
    pub(super) fn listeners(&self) -> Vec<(String, Vec<(&'static str, u64)>)> {
        let mut all: Vec<_> = self
            .lock()
            .values()
            .map(|listener| {
                let mut total: Vec<(&'static str, u64)> = Vec::new();
                for stats in listener.workers.values() {
                    for (at, (name, value)) in stats.values().enumerate() {
                        match total.get_mut(at) {
                            Some((_, sum)) => *sum = sum.wrapping_add(value),
                            None => total.push((name, value)),
                        }
                    }
                }
                (listener.address.clone(), total)
            })
            .collect();
        all.sort();
        all
    }

    fn lock(&self) -> MutexGuard<'_, AHashMap<Arc<str>, SharedListener>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Metrics and access logs of a proxy.
#[derive(Clone)]
pub struct Telemetry {
    pub(super) shared: Arc<SharedTelemetry>,
}

impl Telemetry {
    /// Starts the thread that writes access logs.
    pub fn start(local: LocalNode) -> io::Result<Telemetry> {
        Ok(Telemetry {
            shared: Arc::new(SharedTelemetry {
                local,
                requests: Family::default(),
                connections: Family::default(),
                logs: LogWriter::start()?,
                listeners: Mutex::default(),
                started: Instant::now(),
            }),
        })
    }

    /// Waits until the log lines that workers handed over are written.
    pub fn flush_logs(&self) {
        self.shared.logs.flush();
    }

    /// Access log lines that were dropped because the file did not take them in time.
    pub fn dropped_log_lines(&self) -> u64 {
        self.shared.logs.dropped()
    }

    /// When telemetry started.
    pub fn started(&self) -> Instant {
        self.shared.started
    }

    /// Drops series that were not used for an hour; called now and then.
    pub fn sweep(&self, now: Instant) {
        let since = self.shared.seconds(now).saturating_sub(SERIES_KEEP_SECONDS);
        self.shared.requests.expire(since);
        self.shared.connections.expire(since);
    }
}
