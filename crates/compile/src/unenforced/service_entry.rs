//! ServiceEntry.

use outrigger_api::{EntryResolution, ServiceEntry, ServiceEntryPort, WorkloadEntry};

use super::findings::Findings;

pub(super) fn look(spec: &ServiceEntry, findings: &mut Findings) {
    let ServiceEntry {
        hosts: _,
        addresses: _,
        ports,
        location: _,
        resolution,
        endpoints,
        workload_selector: _,
        export_to: _,
        subject_alt_names,
    } = spec;
    findings.ignored(
        "spec.resolution",
        *resolution == Some(EntryResolution::DynamicDns),
        "sidecars connect to the address that the application resolved, as with NONE",
    );
    findings.ignored(
        "spec.subjectAltNames",
        !subject_alt_names.is_empty(),
        "endpoints are spoken to in plaintext, so that they show no names",
    );
    for ServiceEntryPort { number: _, protocol: _, name: _, target_port: _ } in ports {}
    for endpoint in endpoints {
        let WorkloadEntry {
            address: _,
            ports: _,
            labels: _,
            network: _,
            locality: _,
            weight: _,
            service_account: _,
        } = endpoint;
    }
}
