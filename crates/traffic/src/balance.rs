//! Which endpoint of a cluster gets a request. One state per cluster and worker, so nothing is
//! shared; a worker starts at a random place, so that many workers do not go in step.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::net::SocketAddr;

use rand::RngCore;

use crate::{Balancer, EndpointSet};

/// A worker's memory of whom it chose in one cluster.
#[derive(Debug, Default)]
pub struct BalancerState {
    /// The set that the rest is about.
    set: u64,
    /// In turn, equal weights: who is next.
    next: usize,
    /// In turn, different weights: when each is due, earliest first.
    due: BinaryHeap<Due>,
    /// Breaks ties in `due`: who was put in first.
    order: u64,
}

/// Endpoints that were tried already and should be avoided.
#[derive(Debug, Clone, Copy, Default)]
pub struct Avoid<'a> {
    /// Their addresses.
    pub addresses: &'a [SocketAddr],
    /// How often another is looked for; after that even one of these will do.
    pub attempts: u32,
}

impl BalancerState {
    /// Chooses one of [`EndpointSet::usable`] and gives its position in the set's endpoints; `None`
    /// if there is none. `active` tells how many requests an endpoint has under way.
    pub fn pick(
        &mut self,
        set: &EndpointSet,
        balancer: Balancer,
        random: &mut impl RngCore,
        active: impl Fn(usize) -> u32,
        avoid: Avoid<'_>,
    ) -> Option<usize> {
        if set.usable().is_empty() {
            return None;
        }
        if self.set != set.id() {
            self.restart(set, balancer, random);
        }
        let mut attempts = if avoid.addresses.is_empty() { 0 } else { avoid.attempts };
        loop {
            let index = set.usable()[self.pick_once(set, balancer, random, &active)] as usize;
            if attempts == 0 || !avoid.addresses.contains(&set.endpoints()[index].address) {
                return Some(index);
            }
            attempts -= 1;
        }
    }

    fn restart(&mut self, set: &EndpointSet, balancer: Balancer, random: &mut impl RngCore) {
        self.set = set.id();
        self.next = (random.next_u64() % set.usable().len() as u64) as usize;
        self.due.clear();
        if set.has_equal_weights() || balancer == Balancer::Random {
            return;
        }
        for usable in 0..set.usable().len() {
            // Each starts at a random point of its own period.
            let phase = (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            self.schedule(usable, phase / f64::from(set.weight(usable)));
        }
    }

    fn schedule(&mut self, usable: usize, at: f64) {
        self.due.push(Due { at, order: self.order, usable });
        self.order += 1;
    }

    /// A position in `usable`.
    fn pick_once(
        &mut self,
        set: &EndpointSet,
        balancer: Balancer,
        random: &mut impl RngCore,
        active: &impl Fn(usize) -> u32,
    ) -> usize {
        let usable = set.usable();
        let count = usable.len() as u64;
        match balancer {
            Balancer::Random => set.at(random.next_u64() % set.total()),
            Balancer::LeastRequest { choices } if set.has_equal_weights() => (0..choices.max(1))
                .map(|_| (random.next_u64() % count) as usize)
                .min_by_key(|i| active(usable[*i] as usize))
                .expect("at least one choice"),
            Balancer::RoundRobin | Balancer::ClusterProvided if set.has_equal_weights() => {
                let chosen = self.next % usable.len();
                self.next = chosen + 1;
                chosen
            }
            Balancer::LeastRequest { .. } => self.earliest(set, |i| active(usable[i] as usize)),
            Balancer::RoundRobin | Balancer::ClusterProvided => self.earliest(set, |_| 0),
        }
    }

    /// Earliest deadline first. Who was chosen is due again after a time that grows with the
    /// requests it has under way and shrinks with its weight. (envoy: `EdfLoadBalancerBase`.)
    fn earliest(&mut self, set: &EndpointSet, active: impl Fn(usize) -> u32) -> usize {
        let first = self.due.pop().expect("restart() scheduled every usable endpoint");
        let load = f64::from(active(first.usable)) + 1.0;
        self.schedule(first.usable, first.at + load / f64::from(set.weight(first.usable)));
        first.usable
    }
}

#[derive(Debug, PartialEq)]
struct Due {
    at: f64,
    order: u64,
    usable: usize,
}

impl Eq for Due {}

impl Ord for Due {
    /// Reversed: the heap gives its greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.at.total_cmp(&self.at).then_with(|| other.order.cmp(&self.order))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests;
