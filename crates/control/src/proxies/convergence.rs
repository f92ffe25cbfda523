use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use outrigger_xds::ClientId;

/// Changes that some proxy has not answered yet, at most; older ones are forgotten unmeasured.
const MAX_OPEN: usize = 256;

/// Measures how long changes take until the last proxy that they concern has answered.
#[derive(Debug, Default)]
pub struct Convergence {
    open: VecDeque<Change>,
}

#[derive(Debug)]
struct Change {
    since: Instant,
    /// The version that each proxy has to settle at.
    waits: BTreeMap<ClientId, u64>,
}

impl Convergence {
    pub fn begin(&mut self, since: Instant, waits: impl Iterator<Item = (ClientId, u64)>) {
        let waits: BTreeMap<_, _> = waits.collect();
        if waits.is_empty() {
            return;
        }
        self.open.push_back(Change { since, waits });
        if self.open.len() > MAX_OPEN {
            self.open.pop_front();
        }
    }

    /// A proxy has answered everything up to a version. Returns how long the changes took that are
    /// answered by all now.
    pub fn settle(&mut self, id: ClientId, version: u64) -> Vec<Duration> {
        for change in &mut self.open {
            if change.waits.get(&id).is_some_and(|wanted| *wanted <= version) {
                change.waits.remove(&id);
            }
        }
        let done = self.open.iter().filter(|change| change.waits.is_empty());
        let times = done.map(|change| change.since.elapsed()).collect();
        self.open.retain(|change| !change.waits.is_empty());
        times
    }

    /// A proxy is gone and will answer nothing. A change that only it had open is not measured.
    pub fn leave(&mut self, id: ClientId) {
        for change in &mut self.open {
            change.waits.remove(&id);
        }
        self.open.retain(|change| !change.waits.is_empty());
    }
}
