//! What a DestinationRule must and must not say.

use super::DestinationRule;
use crate::check::{Check, Validate};

impl Validate for DestinationRule {
    fn validate(&self, check: &mut Check) {
        check.within("host", |check| {
            if self.host.is_empty() {
                check.refuse("a DestinationRule needs a host", "write the host of the service");
            } else {
                check.host(&self.host);
            }
        });
        check.some("trafficPolicy", &self.traffic_policy, |check, policy| policy.validate(check));
        let mut names = Vec::new();
        check.each("subsets", &self.subsets, |check, subset| {
            let name = &*subset.name;
            check.within("name", |check| {
                if name.is_empty() {
                    check.refuse("a subset needs a name", "write the name that routes use");
                } else if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
                {
                    let message = format!("'{name}' is not allowed as a subset's name");
                    check.refuse(message, "it is made of letters, digits, '-', '.' and '_'");
                } else if names.contains(&name) {
                    check.refuse(format!("the subset '{name}' is there twice"), "keep one of the two");
                }
            });
            names.push(name);
            check.labels("labels", subset.labels.iter());
            check.some("trafficPolicy", &subset.traffic_policy, |check, policy| policy.validate(check));
        });
        check.export_to(&self.export_to);
        check.some("workloadSelector", &self.workload_selector, |check, selector| {
            check.labels("matchLabels", selector.match_labels.labels().iter());
        });
    }
}
