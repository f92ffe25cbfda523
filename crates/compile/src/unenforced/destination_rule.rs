//! DestinationRule.

use outrigger_api::{DestinationRule, Subset};

use super::findings::Findings;
use super::traffic_policy;

pub(super) fn look(spec: &DestinationRule, findings: &mut Findings) {
    let DestinationRule { host: _, traffic_policy, subsets, export_to: _, workload_selector: _ } = spec;
    if let Some(policy) = traffic_policy {
        traffic_policy::look(policy, "spec.trafficPolicy", findings);
    }
    for (i, Subset { name: _, labels: _, traffic_policy }) in subsets.iter().enumerate() {
        if let Some(policy) = traffic_policy {
            traffic_policy::look(policy, &format!("spec.subsets[{i}].trafficPolicy"), findings);
        }
    }
}
