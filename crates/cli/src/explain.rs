//! `outrigger explain`.

use std::path::PathBuf;
use std::process::ExitCode;

use outrigger_api::parse_mesh_config;
use outrigger_base::{Kind, Labels, Locality, ResourceKey};
use outrigger_explain::{
    Arrival, HttpRequest, Manifests, Origin, ProxyHost, ProxyOrigin, Request, Setting, WorkloadName, explain,
};
use outrigger_scenario::HostKind;

use crate::arguments::{ExplainArguments, RoleName};
use crate::{fail, print};

/// Exit codes: 0 when a decision was computed (a 404 is one too), 1 when manifests were refused,
/// 2 for wrong usage.
pub fn run(arguments: ExplainArguments) -> ExitCode {
    let request = match request(&arguments) {
        Ok(request) => request,
        Err(message) => return fail(2, message),
    };
    let manifests = match manifests(&arguments.filename) {
        Ok(manifests) => manifests,
        Err(code) => return code,
    };
    if manifests.is_refused() {
        manifests.diagnostics().iter().for_each(|finding| eprintln!("{finding}"));
        return fail(1, "manifests were refused; nothing is explained on what would not be in force");
    }
    let setting = match setting(&arguments) {
        Ok(setting) => setting,
        Err(code) => return code,
    };
    let explanation = match explain(&manifests, &setting, &request) {
        Ok(explanation) => explanation,
        Err(error) => return fail(2, error),
    };
    if !arguments.json {
        print(explanation);
        return ExitCode::SUCCESS;
    }
    match serde_json::to_string_pretty(&explanation) {
        Ok(text) => {
            print(text + "\n");
            ExitCode::SUCCESS
        }
        Err(error) => fail(1, error),
    }
}

/// What the files hold. Of a folder with a scenario it is what stands at its start: the manifests that
/// it names, a pod for each host that plays one, and its gateways.
fn manifests(paths: &[PathBuf]) -> Result<Manifests, ExitCode> {
    let mut files = Vec::new();
    let mut scenarios = Vec::new();
    for path in paths {
        if path.join(outrigger_scenario::FILE_NAME).is_file() {
            let scenario = outrigger_scenario::load(path).map_err(|findings| {
                findings.iter().for_each(|finding| eprintln!("{finding}"));
                fail(1, format_args!("the scenario in {} was refused", path.display()))
            })?;
            files.extend(scenario.manifests.iter().map(|file| path.join(file)));
            scenarios.push(scenario);
        } else {
            files.push(path.clone());
        }
    }
    let mut manifests = Manifests::read(&files, "default").map_err(|error| fail(2, error))?;
    for scenario in scenarios {
        scenario.pods().into_iter().for_each(|pod| manifests.add(pod));
        for host in scenario.hosts {
            if host.kind == HostKind::Pod {
                if !host.meshed {
                    manifests.mark_plain(ResourceKey::new(Kind::POD, host.namespace, host.name));
                }
            } else if host.has_proxy() {
                manifests.add_host(ProxyHost {
                    gateway: host.kind == HostKind::Gateway,
                    locality: Locality::parse(&host.locality),
                    namespace: host.namespace,
                    name: host.name,
                    labels: host.labels,
                    addresses: host.addresses,
                });
            }
        }
    }
    Ok(manifests)
}

fn request(arguments: &ExplainArguments) -> Result<Request, String> {
    let origin = match (&arguments.from, &arguments.gateway, arguments.proxy) {
        (Some(from), _, _) => {
            Origin::Workload(WorkloadName::parse(from).map_err(|e| format!("--from: {e}"))?)
        }
        (_, Some(gateway), _) => Origin::gateway(gateway).map_err(|e| format!("--gateway: {e}"))?,
        (_, _, Some(role)) => Origin::Proxy(ProxyOrigin {
            gateway: role == RoleName::Gateway,
            namespace: arguments.namespace.clone().unwrap_or_default(),
            labels: Labels::parse(&arguments.labels).map_err(|e| format!("--labels: {e}"))?,
            addresses: arguments.address.clone(),
        }),
        (None, None, None) => return Err("say who asks: --from, --gateway or --proxy".into()),
    };
    let arrival = match (arguments.tcp, &arguments.url) {
        (Some(destination), _) => Arrival::Tcp {
            destination,
            tls: arguments.tls || arguments.sni.is_some(),
            sni: arguments.sni.clone(),
        },
        (None, Some(url)) => Arrival::Http(
            HttpRequest::parse(url, &arguments.method, &arguments.headers).map_err(|e| e.to_string())?,
        ),
        (None, None) => return Err("say what is asked for: a URL, or --tcp".into()),
    };
    Ok(Request { origin, arrival, inbound: arguments.inbound })
}

fn setting(arguments: &ExplainArguments) -> Result<Setting, ExitCode> {
    let mut setting = Setting::default();
    if let Some(file) = &arguments.mesh_config {
        let text =
            std::fs::read_to_string(file).map_err(|e| fail(2, format_args!("{}: {e}", file.display())))?;
        let (config, findings) = parse_mesh_config(file, &text);
        findings.iter().for_each(|finding| eprintln!("{finding}"));
        if findings.iter().any(|finding| finding.severity == outrigger_base::Severity::Error) {
            return Err(fail(1, "the mesh configuration was refused"));
        }
        setting.config = config;
    }
    Ok(setting)
}
