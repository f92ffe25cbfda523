//! DestinationRule (networking.istio.io): what happens to traffic after routing.

mod validate;

use std::sync::Arc;

use outrigger_base::{Labels, Selector};

use crate::schema::message;
use crate::traffic_policy::TrafficPolicy;

message! {
    /// Policies for the traffic to a service, and subsets of its endpoints.
    pub struct DestinationRule {
        /// The service; may be a wildcard.
        pub host: Arc<str>,
        /// What holds for all its endpoints.
        pub traffic_policy: Option<TrafficPolicy>,
        /// Named parts of its endpoints.
        pub subsets: Vec<Subset>,
        /// Which namespaces see it; all if empty.
        pub export_to: Vec<Arc<str>>,
        /// Which clients it is for; all if absent.
        pub workload_selector: Option<PolicySelector>,
    }
}

message! {
    /// A named part of a service's endpoints.
    pub struct Subset {
        /// Its name, which routes refer to.
        pub name: Arc<str>,
        /// What its endpoints carry.
        pub labels: Labels,
        /// What holds for them instead of the rule's own policy.
        pub traffic_policy: Option<TrafficPolicy>,
    }
}

message! {
    /// A selection of workloads that a policy is for.
    pub struct PolicySelector {
        /// What they must carry.
        pub match_labels: Selector,
    }
}
