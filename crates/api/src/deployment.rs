//! Deployment (apps/v1).

use std::sync::Arc;

use outrigger_base::Labels;

use crate::meta::Meta;
use crate::pod::PodSpec;
use crate::schema::message;

message! {
    /// What a Deployment asks for.
    pub struct DeploymentSpec {
        /// How many pods; 1 if absent.
        pub replicas: Option<u32>,
        /// Which pods are its own.
        pub selector: LabelSelector,
        /// What its pods are like.
        pub template: PodTemplate,
        unread {
            strategy,
            min_ready_seconds,
            revision_history_limit,
            paused,
            progress_deadline_seconds,
        }
    }
}

message! {
    /// A selection by labels.
    pub struct LabelSelector {
        /// Labels that must be there with these values.
        pub match_labels: Labels,
        /// Further conditions.
        pub match_expressions: Vec<LabelSelectorRequirement>,
    }
}

message! {
    /// A condition on one label.
    pub struct LabelSelectorRequirement {
        /// The label.
        pub key: Arc<str>,
        /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
        pub operator: String,
        /// Values for `In` and `NotIn`.
        pub values: Vec<Arc<str>>,
    }
}

message! {
    /// What pods are made from.
    pub struct PodTemplate {
        /// Labels and annotations of the pods.
        pub metadata: Meta,
        /// What runs in them.
        pub spec: PodSpec,
    }
}
