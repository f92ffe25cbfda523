use super::*;
use crate::Health;
use crate::test_support::endpoint;
use rand::SeedableRng;
use rand::rngs::SmallRng;

const RANDOM: Balancer = Balancer::Random;
const IN_TURN: Balancer = Balancer::RoundRobin;
const LEAST: Balancer = Balancer::LeastRequest { choices: 2 };

fn set(weights: &[u32]) -> EndpointSet {
    EndpointSet::new(weights.iter().zip(1..).map(|(weight, n)| endpoint(n, *weight)).collect())
}

fn picks(set: &EndpointSet, balancer: Balancer, count: usize, seed: u64) -> Vec<usize> {
    let (mut state, mut random) = (BalancerState::default(), SmallRng::seed_from_u64(seed));
    let mut pick = || state.pick(set, balancer, &mut random, |_| 0, Avoid::default());
    (0..count).map(|_| pick().unwrap()).collect()
}

fn count(picks: &[usize], index: usize) -> f64 {
    picks.iter().filter(|i| **i == index).count() as f64
}

#[test]
fn every_balancer_keeps_to_the_weights() {
    let set = set(&[1, 0, 3, 6]);
    let n = 20_000;
    for balancer in [RANDOM, IN_TURN, LEAST] {
        let picks = picks(&set, balancer, n, 7);
        for (index, share) in set.shares() {
            // 4.5 standard deviations of a binomial.
            let sigma = (n as f64 * share * (1.0 - share)).sqrt();
            let off = (count(&picks, index) - n as f64 * share).abs();
            assert!(off < 4.5 * sigma, "{balancer:?} {index}: off by {off}, sigma {sigma}");
        }
    }
    let total: f64 = set.shares().iter().map(|(_, share)| share).sum();
    assert!((total - 1.0).abs() < 1e-12);
}

#[test]
fn in_turn_is_exact_and_workers_start_at_different_places() {
    let equal = set(&[5, 5, 5]);
    let run = picks(&equal, IN_TURN, 9, 1);
    assert!((0..3).all(|i| count(&run, i) == 3.0));
    let weighted = set(&[20, 80]);
    assert!((count(&picks(&weighted, IN_TURN, 1000, 1), 0) - 200.0).abs() <= 1.0);
    let starts: std::collections::BTreeSet<usize> =
        (0..32).map(|seed| picks(&equal, IN_TURN, 1, seed)[0]).collect();
    assert_eq!(starts.len(), 3);
}

#[test]
fn the_least_busy_of_two_is_preferred() {
    let set = set(&[1, 1]);
    let (mut state, mut random) = (BalancerState::default(), SmallRng::seed_from_u64(3));
    let busy_first = |index| if index == 0 { 100 } else { 0 };
    let run: Vec<usize> = (0..1000)
        .map(|_| state.pick(&set, LEAST, &mut random, busy_first, Avoid::default()).unwrap())
        .collect();
    // Chosen only when both draws fall on it.
    assert!(count(&run, 0) > 180.0 && count(&run, 0) < 320.0);
}

#[test]
fn a_busy_endpoint_counts_for_less_than_its_weight() {
    let set = set(&[1, 3]);
    let (mut state, mut random) = (BalancerState::default(), SmallRng::seed_from_u64(3));
    let run: Vec<usize> = (0..1000)
        .map(|_| {
            state.pick(&set, LEAST, &mut random, |i| if i == 1 { 2 } else { 0 }, Avoid::default()).unwrap()
        })
        .collect();
    assert!((count(&run, 0) - 500.0).abs() < 3.0);
}

#[test]
fn only_healthy_endpoints_of_the_lowest_priority_are_chosen() {
    let mut endpoints: Vec<_> = (1..=5).map(|n| endpoint(n, 1)).collect();
    endpoints[0].priority = 1;
    endpoints[1].health = Health::Unhealthy;
    endpoints[2].health = Health::Draining;
    let addresses = |set: &EndpointSet| -> Vec<SocketAddr> {
        set.usable().iter().map(|i| set.endpoints()[*i as usize].address).collect()
    };
    let all = EndpointSet::new(endpoints.clone());
    assert_eq!(addresses(&all), [endpoints[3].address, endpoints[4].address]);
    endpoints.truncate(3);
    assert_eq!(addresses(&EndpointSet::new(endpoints.clone())), [endpoints[0].address]);
    endpoints.remove(0);
    let none = EndpointSet::new(endpoints);
    let mut state = BalancerState::default();
    let mut random = SmallRng::seed_from_u64(1);
    assert_eq!(state.pick(&none, IN_TURN, &mut random, |_| 0, Avoid::default()), None);
    assert!(none.shares().is_empty());
}

#[test]
fn tried_endpoints_are_avoided_while_others_can_be_found() {
    let set = set(&[1, 1, 1]);
    let addresses: Vec<SocketAddr> = set.endpoints()[..2].iter().map(|e| e.address).collect();
    let (mut state, mut random) = (BalancerState::default(), SmallRng::seed_from_u64(1));
    let mut pick = |addresses: &[SocketAddr], attempts| {
        state.pick(&set, IN_TURN, &mut random, |_| 0, Avoid { addresses, attempts }).unwrap()
    };
    assert!((0..50).all(|_| pick(&addresses, 5) == 2));
    let all: Vec<SocketAddr> = set.endpoints().iter().map(|e| e.address).collect();
    assert!(pick(&all, 5) < 3);
}

#[test]
fn a_new_set_of_endpoints_is_noticed() {
    let (mut state, mut random) = (BalancerState::default(), SmallRng::seed_from_u64(1));
    for weights in [&[1, 2, 3][..], &[1][..], &[4, 1][..], &[1, 1, 1, 1][..]] {
        let set = set(weights);
        let mut seen = vec![0; weights.len()];
        for _ in 0..100 {
            seen[state.pick(&set, IN_TURN, &mut random, |_| 0, Avoid::default()).unwrap()] += 1;
        }
        assert!(seen.iter().all(|n| *n > 0), "{weights:?}: {seen:?}");
    }
}
