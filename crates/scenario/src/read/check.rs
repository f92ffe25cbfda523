//! Whether the parts of a scenario fit together.

use crate::model::{Host, HostKind, Scenario, Step};
use crate::objects::Objects;
use crate::read::addresses::CONTROL;
use crate::read::findings::Findings;

pub fn check(scenario: &Scenario, findings: &mut Findings) {
    for (index, host) in scenario.hosts.iter().enumerate() {
        let path = |key: &str| format!("hosts[{index}].{key}");
        check_name(&host.name, &scenario.hosts[..index], &path("name"), findings);
        check_kind(host, &path, findings);
        if host.replaces.is_some() {
            check_replacement(scenario, index, &path("replaces"), findings);
        }
    }
    check_workloads(scenario, findings);
    for (index, step) in scenario.steps.iter().enumerate() {
        let (key, Some(host)) = host_of(step) else { continue };
        if scenario.host(host).is_none() && !host.is_empty() {
            let names: Vec<&str> = scenario.hosts.iter().map(|h| h.name.as_str()).collect();
            let advice = format!("there are {}", names.join(", "));
            findings.add(&format!("steps[{index}].{key}"), format!("there is no host {host:?}"), advice);
        }
    }
}

/// Host names become names of machines and of files.
fn check_name(name: &str, before: &[Host], path: &str, findings: &mut Findings) {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.len() > 63 || name.starts_with('-') || !name.chars().all(fits) {
        let advice = "lower case letters, digits and -, at most 63";
        findings.add(path, format!("{name:?} cannot be the name of a host"), advice);
    }
    if name == CONTROL {
        findings.add(path, "the control plane's own host has this name", "choose another");
    }
    if !name.is_empty() && before.iter().any(|other| other.name == name) {
        findings.add(path, format!("a host {name} is there already"), "");
    }
}

fn check_kind(host: &Host, path: &impl Fn(&str) -> String, findings: &mut Findings) {
    match (host.kind, &host.workload) {
        (HostKind::Vm | HostKind::Gateway | HostKind::Client, Some(_)) => {
            findings.add(&path("workload"), "only pods belong to a workload", "");
        }
        (HostKind::Pod, _) | (_, None) => {}
    }
    if host.kind == HostKind::Gateway && host.meshed {
        findings.add(&path("meshed"), "a gateway has no proxy beside it, it is one", "remove it");
    }
    if host.kind == HostKind::Gateway && host.app.is_some() {
        let advice = "give the app a host of its own";
        findings.add(&path("app"), "nothing but the proxy runs on a gateway", advice);
    }
}

fn check_replacement(scenario: &Scenario, index: usize, path: &str, findings: &mut Findings) {
    let host = &scenario.hosts[index];
    let Some(predecessor) = &host.replaces else { return };
    let same_workload = scenario
        .host(predecessor)
        .is_some_and(|other| other.workload.is_some() && other.workload == host.workload);
    if !same_workload {
        let advice = "name another pod host of the same workload";
        findings.add(path, format!("{predecessor:?} cannot be replaced by it"), advice);
    }
    if scenario.hosts[..index].iter().any(|other| other.replaces.as_ref() == Some(predecessor)) {
        findings.add(path, format!("{predecessor} is replaced by another host already"), "");
    }
    let mut current = host;
    for _ in 0..scenario.hosts.len() {
        match current.replaces.as_deref().and_then(|name| scenario.host(name)) {
            Some(next) => current = next,
            None => return,
        }
    }
    findings.add(path, "the hosts replace one another in a circle", "");
}

/// Every workload of a host is in some file that the scenario applies.
fn check_workloads(scenario: &Scenario, findings: &mut Findings) {
    let objects = Objects::of_scenario(scenario);
    for (index, host) in scenario.hosts.iter().enumerate() {
        let Some(workload) = &host.workload else { continue };
        if objects.deployment(workload).is_none() {
            let path = format!("hosts[{index}].workload");
            findings.add(&path, format!("no manifest of the scenario has {workload}"), "");
        }
    }
}

/// The key and the host that a step speaks of.
fn host_of(step: &Step) -> (&'static str, Option<&str>) {
    match step {
        Step::Request(request) => ("request.from", Some(&request.target.from)),
        Step::Load(load) => ("load.from", Some(&load.target.from)),
        Step::Start(host) => ("start", Some(host)),
        Step::Stop(host) => ("stop", Some(host)),
        Step::Kill(host) => ("kill", Some(host)),
        Step::Wait { .. } | Step::Apply(_) | Step::Delete(_) => ("", None),
    }
}
