//! Deployment (apps/v1).

use std::sync::Arc;

use outrigger_base::Labels;

use crate::check::{Check, Validate};
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

impl Validate for DeploymentSpec {
    fn validate(&self, check: &mut Check) {
        let wanted = &self.selector.match_labels;
        let labels = &self.template.metadata.labels;
        if wanted.is_empty() && self.selector.match_expressions.is_empty() {
            check.within("selector", |check| {
                check.refuse("a Deployment must select its own pods", "write matchLabels");
            });
        }
        for (key, value) in wanted.iter().filter(|(key, value)| labels.get(key) != Some(value)) {
            let message = format!("the pods of the template do not carry {key}={value}");
            check.within("selector", |check| {
                check.within("matchLabels", |check| {
                    check.within(key, |check| check.refuse(message, "write it to template.metadata.labels"));
                });
            });
        }
        check.within("template", |check| {
            check.within("metadata", |check| check.labels("labels", labels.iter()));
            check.within("spec", |check| self.template.spec.validate(check));
        });
    }
}
