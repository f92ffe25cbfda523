//! How an endpoint is chosen.

mod validate;

use std::collections::BTreeMap;

use crate::duration::Duration;
use crate::schema::{enumeration, message};

message! {
    /// How an endpoint is chosen: `simple`, `consistentHash` or `backendUtilization`.
    pub struct LoadBalancerSettings {
        /// Without regard to the request.
        pub simple: Option<SimpleLoadBalancer>,
        /// By something of the request, so that equal requests meet the same endpoint.
        pub consistent_hash: Option<ConsistentHash>,
        /// By how busy endpoints say they are.
        pub backend_utilization: Option<BackendUtilization>,
        /// Preference by place.
        pub locality_lb_setting: Option<LocalityLbSetting>,
        /// Preference for one's own zone.
        pub zone_aware_lb_setting: Option<ZoneAwareLbSetting>,
        /// Former form of `warmup`.
        pub warmup_duration_secs: Option<Duration>,
        /// How new endpoints come to their share.
        pub warmup: Option<Warmup>,
    }
}

enumeration! {
    /// A choice without regard to the request.
    pub enum SimpleLoadBalancer {
        /// As the mesh has it: the least busy.
        Unspecified = "UNSPECIFIED",
        /// Former name of `LEAST_REQUEST`.
        LeastConn = "LEAST_CONN",
        /// Any.
        Random = "RANDOM",
        /// The address that the caller chose.
        Passthrough = "PASSTHROUGH",
        /// One after the other.
        RoundRobin = "ROUND_ROBIN",
        /// The less busy of two.
        LeastRequest = "LEAST_REQUEST",
    }
}

message! {
    /// A choice by something of the request.
    pub struct ConsistentHash {
        /// By a header.
        pub http_header_name: Option<String>,
        /// By a cookie.
        pub http_cookie: Option<HttpCookie>,
        /// By the caller's address.
        pub use_source_ip: Option<bool>,
        /// By a parameter of the query.
        pub http_query_parameter_name: Option<String>,
        /// With a ring of hashes.
        pub ring_hash: Option<RingHash>,
        /// With Maglev's table.
        pub maglev: Option<Maglev>,
        /// Former place of the ring's size.
        pub minimum_ring_size: Option<u64>,
    }
}

message! {
    /// A cookie that ties a caller to an endpoint.
    pub struct HttpCookie {
        /// Its name.
        pub name: String,
        /// Its path.
        pub path: Option<String>,
        /// Its life; 0s lets it end with the caller's session; absent: it is not made here.
        pub ttl: Option<Duration>,
        /// Further attributes of a cookie made here.
        pub attributes: Vec<CookieAttribute>,
    }
}

message! {
    /// An attribute of a cookie.
    pub struct CookieAttribute {
        /// Its name, e.g. `SameSite`.
        pub name: String,
        /// Its value.
        pub value: Option<String>,
    }
}

message! {
    /// A ring of hashes.
    pub struct RingHash {
        /// The least number of places on it; 1024 if absent.
        pub minimum_ring_size: Option<u64>,
    }
}

message! {
    /// Maglev's table.
    pub struct Maglev {
        /// Its size, a prime; 65537 if absent.
        pub table_size: Option<u64>,
    }
}

message! {
    /// A choice by how busy endpoints say they are.
    pub struct BackendUtilization {
        /// How much errors add to an endpoint's utilization.
        pub error_utilization_penalty_percent: Option<u32>,
        /// Which metrics are taken for utilization.
        pub metric_names_for_computing_utilization: Vec<String>,
        /// After how long without a report a weight is forgotten.
        pub weight_expiration_period: Option<Duration>,
        /// For how long a new endpoint's reports are not believed.
        pub weight_stabilization_period: Option<Duration>,
        /// How often weights are computed.
        pub weight_update_period: Option<Duration>,
    }
}

message! {
    /// Preference by place.
    pub struct LocalityLbSetting {
        /// Fixed shares by the caller's place.
        pub distribute: Vec<LocalityDistribute>,
        /// Which region stands in for which.
        pub failover: Vec<LocalityFailover>,
        /// Labels in whose order endpoints are preferred.
        pub failover_priority: Vec<String>,
        /// Whether any of this holds.
        pub enabled: Option<bool>,
    }
}

message! {
    /// Fixed shares for callers of one place.
    pub struct LocalityDistribute {
        /// The callers' place; `*` at its end stands for all below.
        pub from: Option<String>,
        /// Percent by place of the endpoints.
        pub to: BTreeMap<String, u32>,
    }
}

message! {
    /// Which region stands in for which.
    pub struct LocalityFailover {
        /// The callers' region.
        pub from: Option<String>,
        /// The region that stands in.
        pub to: Option<String>,
    }
}

message! {
    /// Preference for one's own zone.
    pub struct ZoneAwareLbSetting {
        /// Whether it holds.
        pub enabled: Option<bool>,
        /// Which region stands in for which.
        pub failover: Vec<LocalityFailover>,
        /// Labels in whose order endpoints are preferred.
        pub failover_priority: Vec<String>,
        /// The least number of endpoints.
        pub min_cluster_size: Option<u64>,
    }
}

message! {
    /// How new endpoints come to their share.
    pub struct Warmup {
        /// How long it takes.
        pub duration: Option<Duration>,
        /// Their share at the start.
        pub minimum_percent: Option<f64>,
        /// How the share grows: 1 is a straight line.
        pub aggression: Option<f64>,
    }
}
