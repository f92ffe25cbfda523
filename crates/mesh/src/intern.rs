//! One copy of what many workloads have in common. Of a hundred thousand workloads most share their
//! labels and place with many others.

use std::hash::Hash;
use std::sync::Arc;

use ahash::AHashSet;
use outrigger_base::{Labels, Locality};

/// Values that are kept once. Those that nobody uses any more go when the pool has doubled.
#[derive(Debug)]
pub(crate) struct Pool<T> {
    values: AHashSet<Arc<T>>,
    sweep_at: usize,
}

const FIRST_SWEEP: usize = 1024;

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Pool { values: AHashSet::new(), sweep_at: FIRST_SWEEP }
    }
}

impl<T: Eq + Hash> Pool<T> {
    pub(crate) fn get(&mut self, value: T) -> Arc<T> {
        if let Some(known) = self.values.get(&value) {
            return known.clone();
        }
        if self.values.len() >= self.sweep_at {
            self.values.retain(|kept| Arc::strong_count(kept) > 1);
            self.sweep_at = FIRST_SWEEP.max(self.values.len() * 2);
        }
        let value = Arc::new(value);
        self.values.insert(value.clone());
        value
    }
}

/// What is kept once.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    pub labels: Pool<Labels>,
    pub localities: Pool<Locality>,
}
