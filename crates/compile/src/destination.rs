//! From a destination, as a rule names it, to the cluster that stands for it.

use outrigger_api::Destination;
use outrigger_base::Host;

use crate::names;
use crate::world::World;

/// The name of the cluster. One is named even if nothing is known under it, so that requests are
/// answered 503 (NC) and the name in logs says what is missing.
///
/// The port is the one that is written, else the service's only one, else the listener's
/// (istio: core/route.go `GetDestinationCluster`).
pub(crate) fn cluster(
    world: &World<'_>,
    namespace: &str,
    destination: &Destination,
    listener_port: u16,
) -> String {
    let host = host(world, namespace, destination);
    let service = host.as_ref().and_then(|host| world.service(host));
    let port = match (&destination.port, service.map(|service| service.ports.as_slice())) {
        (Some(port), _) => port.number,
        (None, Some([only])) => only.number,
        (None, _) => listener_port,
    };
    let name = match (service, &host) {
        (Some(service), _) => service.host.as_str(),
        (None, Some(host)) => host.as_str(),
        // Validation refuses such names; a cluster of this name will not exist.
        (None, None) => &destination.host,
    };
    names::outbound_cluster(port, destination.subset.as_deref().unwrap_or(""), name)
}

/// The full name of a destination's host.
pub(crate) fn host(world: &World<'_>, namespace: &str, destination: &Destination) -> Option<Host> {
    Host::resolve(&destination.host, namespace, &world.config().domain).ok()
}

/// How several destinations share the traffic.
pub(crate) enum Shares<'a, T> {
    /// There is only one; a weight says nothing.
    One(&'a T),
    /// In proportion; those that get nothing are left out.
    Weighted(Vec<(&'a T, u32)>),
}

/// Shares by weight. If nobody has one (validation refuses that), all have the same.
pub(crate) fn shares<T>(destinations: &[T], weight: impl Fn(&T) -> Option<u32>) -> Option<Shares<'_, T>> {
    match destinations {
        [] => None,
        [only] => Some(Shares::One(only)),
        several => {
            let mut weighted: Vec<(&T, u32)> =
                several.iter().map(|d| (d, weight(d).unwrap_or(0))).filter(|(_, w)| *w > 0).collect();
            if weighted.is_empty() {
                weighted = several.iter().map(|d| (d, 1)).collect();
            }
            // Envoy wants the sum to fit into 32 bits.
            while weighted.iter().map(|(_, w)| u64::from(*w)).sum::<u64>() > u64::from(u32::MAX) {
                weighted.iter_mut().for_each(|(_, w)| *w = w.div_ceil(2));
            }
            Some(Shares::Weighted(weighted))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(written: &[Option<u32>]) -> Vec<u32> {
        match shares(written, |w| *w) {
            Some(Shares::Weighted(weighted)) => weighted.into_iter().map(|(_, w)| w).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn destinations_without_weight_get_nothing_beside_others() {
        assert_eq!(weights(&[Some(30), None, Some(0), Some(1)]), [30, 1]);
    }

    #[test]
    fn without_any_weight_all_get_the_same() {
        assert_eq!(weights(&[None, Some(0)]), [1, 1]);
    }

    #[test]
    fn the_sum_fits_into_32_bits() {
        let sum: u64 = weights(&[Some(u32::MAX), Some(u32::MAX)]).into_iter().map(u64::from).sum();
        assert!(sum > 0 && sum <= u64::from(u32::MAX));
    }
}
