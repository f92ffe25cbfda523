//! `scenario.yaml`: text to [`Scenario`]. Unknown keys are refused; every mistake is a finding with
//! its place in the file.

mod addresses;
mod check;
mod file;
mod findings;
mod steps;

use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};

use outrigger_api as api;
use outrigger_base::{Code, Diagnostic, Kind, ResourceKey, constants};

use crate::model::{App, AppKind, Host, HostKind, Scenario};
use file::{AppFile, HostFile, Scalar, ScenarioFile};
use findings::Findings;

pub use addresses::{CONTROL, of_control};

/// The file that makes a folder a scenario.
pub const FILE_NAME: &str = "scenario.yaml";

/// Reads the folder's scenario and checks it against its manifests as far as the runner must
/// understand them.
pub fn load(directory: &Path) -> Result<Scenario, Vec<Diagnostic>> {
    let path = directory.join(FILE_NAME);
    let text = std::fs::read_to_string(&path).map_err(|problem| {
        vec![Diagnostic::error(Code::MALFORMED, format!("cannot read {}: {problem}", path.display()))]
    })?;
    let (file, positions, mistakes) = api::yaml::from_str_located::<ScenarioFile>(&path, &text);
    let Some(file) = file else {
        let empty = vec![Diagnostic::error(Code::MALFORMED, format!("{} is empty", path.display()))];
        return Err(if mistakes.is_empty() { empty } else { mistakes });
    };
    let mut findings = Findings::new(positions, mistakes);
    let scenario = scenario(file, directory, &mut findings);
    let list = findings.into_list();
    if list.is_empty() { Ok(scenario) } else { Err(list) }
}

fn scenario(file: ScenarioFile, directory: &Path, findings: &mut Findings) -> Scenario {
    let name = findings.required(file.name, "name").unwrap_or_default();
    let manifests = file.manifests.iter().enumerate();
    let manifests =
        manifests.filter_map(|(i, m)| manifest(m, &format!("manifests[{i}]"), directory, findings)).collect();
    let hosts = file.hosts.into_iter().enumerate();
    let hosts = hosts.map(|(i, h)| host(h, &format!("hosts[{i}]"), findings)).collect();
    let steps = file.steps.into_iter().enumerate();
    let steps =
        steps.filter_map(|(i, s)| steps::step(s, &format!("steps[{i}]"), directory, findings)).collect();
    let mut scenario = Scenario {
        directory: directory.to_owned(),
        title: file.title.unwrap_or_else(|| name.clone()),
        name,
        manifests,
        hosts,
        steps,
    };
    addresses::complete(&mut scenario.hosts, findings);
    check::check(&scenario, findings);
    scenario
}

/// A file of the scenario's folder: it exists, and lies inside.
fn manifest(text: &str, path: &str, directory: &Path, findings: &mut Findings) -> Option<PathBuf> {
    let relative = PathBuf::from(text);
    if !relative.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir)) {
        findings.add(path, format!("{text:?} is not inside the scenario's folder"), "");
        return None;
    }
    if !directory.join(&relative).is_file() {
        findings.add(path, format!("there is no file {text}"), "files are named relative to scenario.yaml");
        return None;
    }
    Some(relative)
}

/// The kinds as the file spells them.
pub const HOST_KINDS: [(&str, HostKind); 4] = [
    ("pod", HostKind::Pod),
    ("vm", HostKind::Vm),
    ("gateway", HostKind::Gateway),
    ("client", HostKind::Client),
];

/// The applications as the file and `hello --run` spell them.
pub const APP_KINDS: [(&str, AppKind); 5] = [
    ("hello", AppKind::Hello),
    ("whoami", AppKind::Whoami),
    ("versioned", AppKind::Versioned),
    ("http", AppKind::Http),
    ("tcp", AppKind::Tcp),
];

fn one_of<T: Copy>(
    text: Option<String>,
    table: &[(&str, T)],
    path: &str,
    findings: &mut Findings,
) -> Option<T> {
    let text = findings.required(text, path)?;
    let found = table.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
    if found.is_none() {
        let names: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
        findings.add(path, format!("cannot be {text:?}"), format!("one of: {}", names.join(", ")));
    }
    found
}

fn host(file: HostFile, path: &str, findings: &mut Findings) -> Host {
    let name = findings.required(file.name, &format!("{path}.name")).unwrap_or_default();
    let kind = one_of(file.kind, &HOST_KINDS, &format!("{path}.kind"), findings);
    let workload = file.workload.and_then(|text| workload(&text, &format!("{path}.workload"), findings));
    // A pod is where its workload is.
    let namespace = match (&workload, &file.namespace) {
        (Some(workload), _) => workload.namespace.to_string(),
        (None, Some(namespace)) => namespace.clone(),
        (None, None) if kind == Some(HostKind::Gateway) => constants::ROOT_NAMESPACE.to_owned(),
        (None, None) => "default".to_owned(),
    };
    if file.namespace.is_some_and(|written| written != namespace) {
        let advice = "remove it";
        findings.add(&format!("{path}.namespace"), "the workload is in another namespace", advice);
    }
    let addresses = file.address.as_ref().map_or(&[][..], |address| address.as_slice());
    Host {
        name,
        kind: kind.unwrap_or(HostKind::Client),
        workload,
        addresses: own_addresses(addresses, &format!("{path}.address"), findings),
        namespace,
        labels: file.labels.into_iter().map(|(key, value)| (key, value.into_string())).collect(),
        locality: file.locality.unwrap_or_default(),
        meshed: file.meshed.unwrap_or(false),
        app: file.app.map(|app_file| app(app_file, &format!("{path}.app"), findings)),
        replaces: file.replaces,
    }
}

fn workload(text: &str, path: &str, findings: &mut Findings) -> Option<ResourceKey> {
    match text.split('/').collect::<Vec<_>>().as_slice() {
        ["Deployment", namespace, name] => Some(ResourceKey::new(Kind::DEPLOYMENT, *namespace, *name)),
        _ => {
            findings.add(path, format!("{text:?} is no workload"), "write Deployment/NAMESPACE/NAME");
            None
        }
    }
}

fn own_addresses(texts: &[String], path: &str, findings: &mut Findings) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for text in texts {
        match text.parse::<IpAddr>() {
            Ok(a) if !(a.is_loopback() || a.is_multicast() || a.is_unspecified()) => addresses.push(a),
            _ => findings.add(path, format!("{text:?} is not the address of a machine"), ""),
        }
    }
    addresses
}

fn app(file: AppFile, path: &str, findings: &mut Findings) -> App {
    let run = one_of(file.run, &APP_KINDS, &format!("{path}.run"), findings);
    if file.port == Some(0) {
        findings.add(&format!("{path}.port"), "a port is from 1 to 65535", "");
    }
    App {
        run: run.unwrap_or(AppKind::Hello),
        version: file.version.map_or_else(|| "v1".to_owned(), Scalar::into_string),
        port: file.port.unwrap_or(8001),
        name: file.name,
        env: file.env.into_iter().map(|(name, value)| (name, value.into_string())).collect(),
    }
}

#[cfg(test)]
mod tests;
