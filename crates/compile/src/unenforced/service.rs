//! Service: the fields that would change which endpoint is taken.

use outrigger_api::ServiceSpec;

use super::findings::Findings;

pub(super) fn look(spec: &ServiceSpec, findings: &mut Findings) {
    let sticky = spec.session_affinity.as_deref().is_some_and(|affinity| affinity != "None");
    findings.ignored("spec.sessionAffinity", sticky, "requests of one client go to any endpoint");
    let local = spec.internal_traffic_policy.as_deref() == Some("Local");
    findings.ignored("spec.internalTrafficPolicy", local, "endpoints of all nodes get traffic");
    findings.ignored(
        "spec.trafficDistribution",
        spec.traffic_distribution.is_some(),
        "endpoints of all places share the traffic by weight",
    );
}
