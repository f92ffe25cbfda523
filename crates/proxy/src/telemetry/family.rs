//! Time series of all workers. Each worker has its own copy of a series, which only it writes; a
//! reader sums them up. A lock is taken only where a worker meets a series for the first time, when
//! someone reads, and when unused series are dropped.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ahash::AHashMap;

use super::histogram::Histogram;
use crate::stats::Counter;

/// Label sets that one metric may have; what comes beyond is counted together.
const MAX_SERIES: usize = 10_000;

/// What one worker counted of requests with equal labels.
#[derive(Debug, Default)]
pub struct RequestSeries {
    pub(super) count: Counter,
    /// Milliseconds.
    pub(super) duration: Histogram,
    pub(super) request_bytes: Histogram,
    pub(super) response_bytes: Histogram,
    pub(super) life: Life,
}

/// What one worker counted of connections with equal labels.
#[derive(Debug, Default)]
pub struct ConnectionSeries {
    /// Connections opened.
    pub opened: Counter,
    /// Connections ended.
    pub closed: Counter,
    /// Bytes from clients.
    pub received: Counter,
    /// Bytes to clients.
    pub sent: Counter,
    pub(super) life: Life,
}

/// Whether a series is still wanted.
#[derive(Debug, Default)]
pub(super) struct Life {
    /// Seconds since the start of telemetry.
    last_used: AtomicU32,
    dropped: AtomicBool,
}

impl Life {
    /// Notes a use; `false`: the series was dropped and must be asked for anew.
    pub(super) fn touch(&self, now: u32) -> bool {
        self.last_used.store(now, Ordering::Relaxed);
        !self.dropped.load(Ordering::Relaxed)
    }

    pub(super) fn last_used(&self) -> u32 {
        self.last_used.load(Ordering::Relaxed)
    }
}

pub(super) trait Series: Default {
    fn life(&self) -> &Life;
}

impl Series for RequestSeries {
    fn life(&self) -> &Life {
        &self.life
    }
}

impl Series for ConnectionSeries {
    fn life(&self) -> &Life {
        &self.life
    }
}

/// Each worker's copy, with the worker's number, by labels.
type ByLabels<S> = AHashMap<Arc<str>, Vec<(usize, Arc<S>)>>;

/// All series of one kind, by their labels in Prometheus' notation.
#[derive(Debug)]
pub(super) struct Family<S> {
    by_labels: Mutex<ByLabels<S>>,
    overflowed: AtomicU64,
}

impl<S> Default for Family<S> {
    fn default() -> Self {
        Family { by_labels: Mutex::default(), overflowed: AtomicU64::new(0) }
    }
}

impl<S: Series> Family<S> {
    /// A worker's own copy of a series. `overflow` are the labels to use once there are too many.
    pub(super) fn join(&self, labels: &str, overflow: &str, worker: usize, now: u32) -> Arc<S> {
        let mut map = self.lock();
        let labels = if map.len() >= MAX_SERIES && !map.contains_key(labels) {
            self.overflowed.fetch_add(1, Ordering::Relaxed);
            overflow
        } else {
            labels
        };
        if !map.contains_key(labels) {
            map.insert(labels.into(), Vec::new());
        }
        let copies = map.get_mut(labels).expect("it was just inserted");
        let series = match copies.iter().find(|(of, _)| *of == worker) {
            Some((_, series)) => series.clone(),
            None => {
                let series = Arc::<S>::default();
                copies.push((worker, series.clone()));
                series
            }
        };
        series.life().touch(now);
        series
    }

    /// Drops series that no worker has used since `since`. All copies go at once: a sum that lost one
    /// worker's part would look like a restart.
    pub(super) fn expire(&self, since: u32) {
        self.lock().retain(|_, copies| {
            let used = copies.iter().any(|(_, series)| series.life().last_used() >= since);
            if !used {
                copies.iter().for_each(|(_, s)| s.life().dropped.store(true, Ordering::Relaxed));
            }
            used
        });
    }

    /// Labels and copies, sorted by labels.
    pub(super) fn read(&self) -> Vec<(Arc<str>, Vec<Arc<S>>)> {
        let mut all: Vec<_> = self
            .lock()
            .iter()
            .map(|(labels, copies)| (labels.clone(), copies.iter().map(|(_, s)| s.clone()).collect()))
            .collect();
        all.sort_by(|(a, _): &(Arc<str>, Vec<Arc<S>>), (b, _)| a.cmp(b));
        all
    }

    /// How often a series was asked for that was one too many.
    pub(super) fn overflowed(&self) -> u64 {
        self.overflowed.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, ByLabels<S>> {
        self.by_labels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_dropped_only_when_no_worker_uses_it() {
        let family = Family::<RequestSeries>::default();
        let one = family.join("a", "o", 0, 10);
        let two = family.join("a", "o", 1, 20);
        one.count.inc();
        two.count.inc();
        family.expire(15);
        let all = family.read();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].1.iter().map(|s| s.count.get()).sum::<u64>(), 2);
        family.expire(21);
        assert!(family.read().is_empty());
        assert!(!one.life.touch(22), "its holder hears that it is gone");
    }

    #[test]
    fn too_many_label_sets_are_counted_together() {
        let family = Family::<RequestSeries>::default();
        for n in 0..MAX_SERIES + 5 {
            family.join(&n.to_string(), "other", 0, 1).count.inc();
        }
        let all = family.read();
        assert_eq!(all.len(), MAX_SERIES + 1);
        let other = all.iter().find(|(labels, _)| &**labels == "other").unwrap();
        assert_eq!(other.1[0].count.get(), 5);
        assert_eq!(family.overflowed(), 5);
    }
}
