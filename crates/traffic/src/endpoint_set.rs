//! The endpoints of a cluster with what balancing needs to know about them, worked out once when
//! they arrive rather than for every request.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Endpoint, Health};

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// The endpoints of a cluster; replaced as a whole when one changes. (envoy: ClusterLoadAssignment)
/// Two sets are equal if their endpoints are.
#[derive(Debug, Clone, Default)]
pub struct EndpointSet {
    endpoints: Vec<Endpoint>,
    /// Which of them may be chosen: the healthy ones of the lowest priority that has some.
    usable: Vec<u32>,
    /// Running sums of the weights of `usable`.
    cumulative: Vec<u64>,
    /// Whether all of `usable` weigh the same.
    equal: bool,
    /// Tells this set from others, so that balancers notice a change; 0 for the empty default.
    id: u64,
}

impl PartialEq for EndpointSet {
    fn eq(&self, other: &Self) -> bool {
        self.endpoints == other.endpoints
    }
}

impl EndpointSet {
    /// A set of these; they are put in the order of priority, else kept as they stand.
    pub fn new(mut endpoints: Vec<Endpoint>) -> EndpointSet {
        endpoints.sort_by_key(|e| e.priority);
        let healthy = |e: &&Endpoint| e.health == Health::Healthy;
        let priority = endpoints.iter().find(healthy).map(|e| e.priority);
        let mut usable = Vec::new();
        let mut cumulative = Vec::new();
        let mut total = 0;
        for (index, endpoint) in endpoints.iter().enumerate() {
            if endpoint.health == Health::Healthy && Some(endpoint.priority) == priority {
                total += u64::from(endpoint.weight.max(1));
                usable.push(u32::try_from(index).expect("fewer endpoints than 2^32"));
                cumulative.push(total);
            }
        }
        let first = cumulative.first().copied().unwrap_or(0);
        let equal = cumulative.iter().zip(1..).all(|(sum, n)| *sum == first * n);
        EndpointSet { endpoints, usable, cumulative, equal, id: NEXT_ID.fetch_add(1, Ordering::Relaxed) }
    }

    /// All of them, lower priorities first.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Positions of those that may be chosen: the healthy ones of the lowest priority that has some.
    pub fn usable(&self) -> &[u32] {
        &self.usable
    }

    /// What part of the requests each of [`Self::usable`] gets in the long run, under any balancer.
    pub fn shares(&self) -> Vec<(usize, f64)> {
        let total = self.total() as f64;
        let share = |i: usize| f64::from(self.weight(i)) / total;
        self.usable.iter().enumerate().map(|(i, index)| (*index as usize, share(i))).collect()
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn has_equal_weights(&self) -> bool {
        self.equal
    }

    pub(crate) fn total(&self) -> u64 {
        self.cumulative.last().copied().unwrap_or(0)
    }

    /// Which of `usable` covers a point below [`Self::total`].
    pub(crate) fn at(&self, point: u64) -> usize {
        self.cumulative.partition_point(|sum| *sum <= point)
    }

    /// The weight of one of `usable`.
    pub(crate) fn weight(&self, usable: usize) -> u32 {
        self.endpoints[self.usable[usable] as usize].weight.max(1)
    }
}
