//! Counters that have one writer, the worker that owns them, and are read by others now and then.
//! A plain load and store is enough for that; there is no locked instruction on the request path.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only its worker changes.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to it. Only the owning worker may call this.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Takes one away; for numbers of things that exist now.
    #[inline]
    pub fn dec(&self) {
        self.add(u64::MAX);
    }

    /// The number; any thread may ask.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Replaces it.
    #[inline]
    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }
}

macro_rules! counters {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub struct $name { $($(#[$field_doc])* pub $field: Counter,)* }

        impl $name {
            /// Names and values, in a fixed order.
            pub fn values(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($field), self.$field.get())),*].into_iter()
            }
        }
    };
}

counters! {
    /// What one worker did with one cluster; names as in Envoy after `upstream_`.
    ClusterStats {
        /// Connections opened.
        cx_total,
        /// Connections open now.
        cx_active,
        /// Connections that failed to come up.
        cx_connect_fail,
        /// Of these, those that took too long.
        cx_connect_timeout,
        /// Connections refused by the cluster's limit.
        cx_overflow,
        /// Requests sent.
        rq_total,
        /// Requests under way now.
        rq_active,
        /// Requests refused by the cluster's limits.
        rq_pending_overflow,
        /// Requests that were not answered in time.
        rq_timeout,
        /// Requests sent again.
        rq_retry,
        /// Retries refused by the cluster's limit.
        rq_retry_overflow,
        /// Picks that found no healthy host.
        cx_none_healthy,
    }
}

counters! {
    /// What one worker did with one endpoint; names as in Envoy's /clusters.
    HostStats {
        /// Connections open now.
        cx_active,
        /// Connections that failed to come up.
        cx_connect_fail,
        /// Connections opened.
        cx_total,
        /// Requests under way now.
        rq_active,
        /// Requests that failed (5xx, resets).
        rq_error,
        /// Requests that succeeded.
        rq_success,
        /// Requests that were not answered in time.
        rq_timeout,
        /// Requests sent.
        rq_total,
    }
}

counters! {
    /// What one worker did with one listener; names as in Envoy after `downstream_`.
    ListenerStats {
        /// Connections accepted.
        cx_total,
        /// Connections open now.
        cx_active,
        /// Connections that no filter chain took.
        no_filter_chain_match,
        /// Connections whose first bytes did not come in time.
        pre_cx_timeout,
    }
}
