//! What the choice of an endpoint must and must not say.

use super::{ConsistentHash, LoadBalancerSettings, LocalityDistribute, LocalityLbSetting, Warmup};
use crate::check::Check;

impl LoadBalancerSettings {
    pub(crate) fn validate(&self, check: &mut Check) {
        let ways =
            [self.simple.is_some(), self.consistent_hash.is_some(), self.backend_utilization.is_some()];
        if ways.iter().filter(|written| **written).count() > 1 {
            check.refuse(
                "simple, consistentHash and backendUtilization exclude each other",
                "keep one of them",
            );
        }
        check.some("consistentHash", &self.consistent_hash, |check, hash| hash.validate(check));
        check.some("localityLbSetting", &self.locality_lb_setting, |check, setting| setting.validate(check));
        check.some("zoneAwareLbSetting", &self.zone_aware_lb_setting, |check, setting| {
            if setting.min_cluster_size == Some(0) {
                check.within("minClusterSize", |check| check.refuse("it must be at least 1", ""));
            }
        });
        check.positive("warmupDurationSecs", self.warmup_duration_secs);
        check.some("warmup", &self.warmup, |check, warmup| warmup.validate(check));
    }
}

impl ConsistentHash {
    fn validate(&self, check: &mut Check) {
        let sources = [
            self.http_header_name.is_some(),
            self.http_cookie.is_some(),
            self.use_source_ip.is_some(),
            self.http_query_parameter_name.is_some(),
        ];
        if sources.iter().filter(|written| **written).count() > 1 {
            check.refuse(
                "httpHeaderName, httpCookie, useSourceIp and httpQueryParameterName exclude each other",
                "keep one of them",
            );
        }
        if self.ring_hash.is_some() && self.maglev.is_some() {
            check.refuse("ringHash and maglev exclude each other", "keep one of them");
        }
        check.some("httpCookie", &self.http_cookie, |check, cookie| {
            if cookie.name.is_empty() {
                check.within("name", |check| check.refuse("a cookie needs a name", ""));
            }
            check.each("attributes", &cookie.attributes, |check, attribute| {
                if attribute.name.is_empty() {
                    check.within("name", |check| check.refuse("an attribute needs a name", ""));
                }
            });
        });
    }
}

impl LocalityLbSetting {
    fn validate(&self, check: &mut Check) {
        let fails_over = !self.failover.is_empty() || !self.failover_priority.is_empty();
        if !self.distribute.is_empty() && fails_over {
            check.refuse("distribute excludes failover and failoverPriority", "keep one of them");
        }
        check.each("distribute", &self.distribute, |check, distribute| distribute.validate(check));
        check.each("failover", &self.failover, |check, failover| {
            if failover.from.is_some() && failover.from == failover.to {
                check.refuse("a region cannot stand in for itself", "name another one");
            }
        });
    }
}

impl LocalityDistribute {
    fn validate(&self, check: &mut Check) {
        let sum: u64 = self.to.values().map(|share| u64::from(*share)).sum();
        if sum != 100 {
            check.within("to", |check| {
                check.refuse(format!("the shares add up to {sum}"), "they must add up to 100");
            });
        }
    }
}

impl Warmup {
    fn validate(&self, check: &mut Check) {
        if self.duration.is_none() {
            check.within("duration", |check| check.refuse("it is not said how long it takes", "write it"));
        }
        check.positive("duration", self.duration);
        check.percent("minimumPercent", self.minimum_percent);
        if self.aggression.is_some_and(|aggression| aggression < 0.0) {
            check.within("aggression", |check| check.refuse("it must not be negative", ""));
        }
    }
}
