//! A cluster's limits ("circuit breakers"). A limit counts over all workers of a proxy, so its
//! counter is shared; a cluster without a limit has no counter at all and pays nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use outrigger_traffic::Limits;

/// What a limit is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Connections open at once.
    Connections,
    /// Requests waiting for a connection at once.
    Pending,
    /// Requests under way at once.
    Requests,
    /// Retries under way at once.
    Retries,
}

/// How much of each limit is in use, over all workers.
#[derive(Debug, Default)]
pub struct Usage([AtomicU32; 4]);

/// A part of a limit in use; given back on drop.
#[derive(Debug)]
pub struct Permit(Option<(Arc<Usage>, Limit)>);

impl Permit {
    /// One that is granted beyond the limit.
    pub(super) fn uncounted() -> Permit {
        Permit(None)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some((usage, limit)) = &self.0 {
            usage.0[*limit as usize].fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// A worker's view of a cluster's limits.
pub(super) struct Breakers {
    limits: Limits,
    usage: Arc<Usage>,
}

impl Breakers {
    pub(super) fn new(limits: Limits, usage: Arc<Usage>) -> Breakers {
        Breakers { limits, usage }
    }

    /// Takes one of the limit; `None`: it is used up.
    pub(super) fn admit(&self, limit: Limit) -> Option<Permit> {
        let limits = &self.limits;
        let most = match limit {
            Limit::Connections => limits.max_connections,
            Limit::Pending => limits.max_pending_requests,
            Limit::Requests => limits.max_requests,
            Limit::Retries => limits.max_retries,
        };
        if most == u32::MAX {
            return Some(Permit(None));
        }
        let counter = &self.usage.0[limit as usize];
        if counter.fetch_add(1, Ordering::Relaxed) >= most {
            counter.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Permit(Some((self.usage.clone(), limit))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_counts_over_workers_and_is_given_back() {
        let usage = Arc::new(Usage::default());
        let limits = Limits { max_requests: 1, ..Limits::default() };
        let (one, two) = (Breakers::new(limits, usage.clone()), Breakers::new(limits, usage));
        let permit = one.admit(Limit::Requests);
        assert!(permit.is_some());
        assert!(two.admit(Limit::Requests).is_none());
        assert!(two.admit(Limit::Connections).is_some(), "other limits are free");
        drop(permit);
        assert!(two.admit(Limit::Requests).is_some());
    }
}
