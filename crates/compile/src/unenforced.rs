//! Fields that are valid but that this version does not act on.
//!
//! Types of the API are destructured here without `..`: whoever adds a field has to decide whether it
//! is acted on, or the build fails. Fields of Kubernetes' own kinds that mean nothing to a mesh (a
//! pod's volumes) are no findings; the few that would change traffic are.

mod destination_rule;
mod findings;
mod gateway;
mod service;
mod service_entry;
mod traffic_policy;
mod virtual_service;

use outrigger_api::Resource;
use outrigger_base::Diagnostic;

use self::findings::Findings;

/// What of an object is not acted on: warnings, and errors where security was asked for.
pub fn unenforced(resource: &Resource) -> Vec<Diagnostic> {
    let mut findings = Findings::new(resource.key());
    match resource {
        Resource::Service(object) => service::look(&object.spec, &mut findings),
        Resource::ServiceEntry(object) => service_entry::look(&object.spec, &mut findings),
        Resource::VirtualService(object) => virtual_service::look(&object.spec, &mut findings),
        Resource::DestinationRule(object) => destination_rule::look(&object.spec, &mut findings),
        Resource::Gateway(object) => gateway::look(&object.spec, &mut findings),
        Resource::WorkloadEntry(_)
        | Resource::Namespace(_)
        | Resource::ServiceAccount(_)
        | Resource::Deployment(_)
        | Resource::Pod(_) => {}
    }
    findings.finish()
}

#[cfg(test)]
mod tests;
