//! Which policy of a DestinationRule holds for a port and a subset.
//!
//! A block of a subset replaces the same block of the rule; settings of a port replace load balancer
//! and connection pool as a whole, also by saying nothing about them.
//! (istio: networking/util `MergeTrafficPolicy`, `MergeSubsetTrafficPolicy`.)

use outrigger_api::{ConnectionPool, DestinationRule, LoadBalancerSettings, Subset, TrafficPolicy};

/// What holds for a port and a subset. Empty: the defaults.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Policy<'a> {
    pub(crate) load_balancer: Option<&'a LoadBalancerSettings>,
    pub(crate) connection_pool: Option<&'a ConnectionPool>,
}

impl<'a> Policy<'a> {
    /// The policy of a rule for a port of the service, and for a subset if one is given.
    pub(crate) fn of(rule: Option<&'a DestinationRule>, port: u16, subset: Option<&'a Subset>) -> Policy<'a> {
        let of_rule = rule.and_then(|rule| rule.traffic_policy.as_ref());
        let of_subset = subset.and_then(|subset| subset.traffic_policy.as_ref());
        let mut policy = Policy::default();
        for level in [of_rule, of_subset].into_iter().flatten() {
            policy = policy.overridden_by(level, port);
        }
        policy
    }

    fn overridden_by(self, level: &'a TrafficPolicy, port: u16) -> Policy<'a> {
        let of_port = level
            .port_level_settings
            .iter()
            .find(|settings| settings.port.as_ref().is_some_and(|selector| selector.number == port));
        match of_port {
            Some(settings) => Policy {
                load_balancer: settings.load_balancer.as_ref(),
                connection_pool: settings.connection_pool.as_ref(),
            },
            None => Policy {
                load_balancer: level.load_balancer.as_ref().or(self.load_balancer),
                connection_pool: level.connection_pool.as_ref().or(self.connection_pool),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use outrigger_api::{PortSelector, PortTrafficPolicy, SimpleLoadBalancer};

    use super::*;

    fn balancer(simple: SimpleLoadBalancer) -> Option<LoadBalancerSettings> {
        Some(LoadBalancerSettings { simple: Some(simple), ..Default::default() })
    }

    fn rule() -> DestinationRule {
        DestinationRule {
            traffic_policy: Some(TrafficPolicy {
                load_balancer: balancer(SimpleLoadBalancer::Random),
                connection_pool: Some(ConnectionPool::default()),
                port_level_settings: vec![PortTrafficPolicy {
                    port: Some(PortSelector { number: 80 }),
                    load_balancer: balancer(SimpleLoadBalancer::RoundRobin),
                    ..Default::default()
                }],
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    #[test]
    fn settings_of_a_port_replace_everything() {
        let rule = rule();
        let policy = Policy::of(Some(&rule), 80, None);
        assert_eq!(policy.load_balancer.unwrap().simple, Some(SimpleLoadBalancer::RoundRobin));
        assert!(policy.connection_pool.is_none());
        let other = Policy::of(Some(&rule), 81, None);
        assert_eq!(other.load_balancer.unwrap().simple, Some(SimpleLoadBalancer::Random));
        assert!(other.connection_pool.is_some());
    }

    #[test]
    fn a_subset_replaces_block_by_block() {
        let rule = rule();
        let subset = Subset {
            traffic_policy: Some(TrafficPolicy {
                load_balancer: balancer(SimpleLoadBalancer::LeastRequest),
                ..Default::default()
            }),
            ..Default::default()
        };
        let policy = Policy::of(Some(&rule), 81, Some(&subset));
        assert_eq!(policy.load_balancer.unwrap().simple, Some(SimpleLoadBalancer::LeastRequest));
        assert!(policy.connection_pool.is_some());
    }
}
