//! The steps of a scenario.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use outrigger_api as api;
use regex::Regex;

use crate::model::{Expect, Load, ObjectRef, Request, Step, Target};
use crate::read::file::{ExpectFile, LoadFile, RequestFile, Scalar, StepFile, WaitFile};
use crate::read::findings::Findings;

/// A wait without a bound of its own.
const WITHIN: Duration = Duration::from_secs(10);
/// A request without a timeout of its own.
const TIMEOUT: Duration = Duration::from_secs(15);
/// More connections at a time would only measure the runner.
const MOST_AT_ONCE: u16 = 1024;

pub fn step(file: StepFile, path: &str, directory: &Path, findings: &mut Findings) -> Option<Step> {
    let at = |name: &str| format!("{path}.{name}");
    let mut steps: Vec<(&str, Option<Step>)> = Vec::new();
    if let Some(wait_file) = file.wait {
        steps.push(("wait", Some(wait(wait_file, &at("wait"), findings))));
    }
    if let Some(request_file) = file.request {
        steps.push(("request", request(request_file, &at("request"), findings).map(Step::Request)));
    }
    if let Some(text) = file.apply {
        steps.push(("apply", super::manifest(&text, &at("apply"), directory, findings).map(Step::Apply)));
    }
    if let Some(text) = file.delete {
        steps.push(("delete", object(&text, &at("delete"), findings).map(Step::Delete)));
    }
    steps.extend(file.start.map(|host| ("start", Some(Step::Start(host)))));
    steps.extend(file.stop.map(|host| ("stop", Some(Step::Stop(host)))));
    steps.extend(file.kill.map(|host| ("kill", Some(Step::Kill(host)))));
    if let Some(load_file) = file.load {
        steps.push(("load", load(load_file, &at("load"), findings).map(Step::Load)));
    }
    if steps.len() != 1 {
        let names: Vec<&str> = steps.iter().map(|(name, _)| *name).collect();
        let message =
            if names.is_empty() { "names no step".to_owned() } else { format!("is {}", names.join(" and ")) };
        findings.add(path, message, "exactly one of wait, request, apply, delete, start, stop, kill, load");
    }
    steps.pop().and_then(|(_, step)| step)
}

fn wait(file: WaitFile, path: &str, findings: &mut Findings) -> Step {
    if file.synced != Some(true) {
        findings.add(&format!("{path}.synced"), "must be true", "there is nothing else to wait for");
    }
    Step::Wait { within: duration(file.within, WITHIN, &format!("{path}.within"), findings) }
}

fn duration(text: Option<String>, default: Duration, path: &str, findings: &mut Findings) -> Duration {
    let Some(text) = text else { return default };
    match api::Duration::parse(&text) {
        Some(duration) => duration.get(),
        None => {
            findings.add(path, format!("{text:?} is not a duration"), "e.g. 5s or 500ms");
            default
        }
    }
}

fn object(text: &str, path: &str, findings: &mut Findings) -> Option<ObjectRef> {
    let (kind, namespace, name) = match text.split('/').collect::<Vec<_>>().as_slice() {
        [kind, namespace, name] => (*kind, *namespace, *name),
        [kind, name] => (*kind, "default", *name),
        _ => ("", "", ""),
    };
    if kind.is_empty() || name.is_empty() {
        findings.add(path, format!("{text:?} is no object"), "write KIND/NAMESPACE/NAME");
        return None;
    }
    Some(ObjectRef { kind: kind.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() })
}

/// What request and load have in common, as written.
struct TargetFile {
    from: Option<String>,
    url: Option<String>,
    method: Option<String>,
    headers: BTreeMap<String, Scalar>,
    host: Option<String>,
    body: Option<String>,
}

fn target(file: TargetFile, path: &str, findings: &mut Findings) -> Option<Target> {
    let at = |name: &str| format!("{path}.{name}");
    let from = findings.required(file.from, &at("from"));
    let url = findings.required(file.url, &at("url"))?;
    let parsed = url.parse::<Uri>().ok().filter(|u| u.scheme_str() == Some("http") && u.host().is_some());
    if parsed.is_none() {
        findings.add(&at("url"), format!("{url:?} cannot be asked"), "write http://HOST[:PORT]/PATH");
    }
    let method = file.method.as_deref().unwrap_or("GET");
    let parsed_method = Method::from_bytes(method.as_bytes());
    if parsed_method.is_err() {
        findings.add(&at("method"), format!("{method:?} is no method"), "");
    }
    let headers = headers(file.headers, file.host, path, findings);
    let body = file.body.unwrap_or_default();
    Some(Target { from: from?, url: parsed?, method: parsed_method.ok()?, headers, body })
}

fn headers(
    written: BTreeMap<String, Scalar>,
    host: Option<String>,
    path: &str,
    findings: &mut Findings,
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let host = host.map(|host| ("host".to_owned(), Scalar::Text(host)));
    for (name, text) in written.into_iter().chain(host) {
        let text = text.into_string();
        match (name.parse::<HeaderName>(), HeaderValue::from_str(&text)) {
            (Ok(name), Ok(value)) => {
                headers.insert(name, value);
            }
            _ => findings.add(&format!("{path}.headers"), format!("'{name}: {text}' is no header"), ""),
        }
    }
    headers
}

fn request(file: RequestFile, path: &str, findings: &mut Findings) -> Option<Request> {
    let at = |name: &str| format!("{path}.{name}");
    let count = file.count.unwrap_or(1);
    if count == 0 {
        findings.add(&at("count"), "must be at least 1", "");
    }
    let concurrency = file.concurrency.unwrap_or(1);
    if !(1..=MOST_AT_ONCE).contains(&concurrency) {
        findings.add(&at("concurrency"), format!("must be from 1 to {MOST_AT_ONCE}"), "");
    }
    let timeout = duration(file.timeout, TIMEOUT, &at("timeout"), findings);
    let expect = expect(file.expect, &at("expect"), findings);
    let RequestFile { from, url, method, headers, host, body, .. } = file;
    let target = target(TargetFile { from, url, method, headers, host, body }, path, findings)?;
    Some(Request { target, count, concurrency: concurrency.into(), timeout, expect })
}

fn load(file: LoadFile, path: &str, findings: &mut Findings) -> Option<Load> {
    let rps = findings.required(file.rps, &format!("{path}.rps")).unwrap_or(1);
    if rps == 0 {
        findings.add(&format!("{path}.rps"), "must be at least 1", "");
    }
    if file.until.as_ref().is_some_and(|until| until != "end") {
        let advice = "a load goes on until the last step is over";
        findings.add(&format!("{path}.until"), "must be end", advice);
    }
    let LoadFile { from, url, method, headers, host, body, .. } = file;
    let target = target(TargetFile { from, url, method, headers, host, body }, path, findings)?;
    Some(Load { target, rps })
}

fn expect(file: ExpectFile, path: &str, findings: &mut Findings) -> Expect {
    let mut expect = Expect { failed: file.failed, ..Expect::default() };
    for (text, share) in file.status {
        let status = text.parse::<u16>().ok().filter(|status| (100..600).contains(status));
        if status.is_none() {
            findings.add(&format!("{path}.status"), format!("{text:?} is no status"), "");
        }
        check_share(share, &format!("{path}.status.{text}"), findings);
        expect.status.extend(status.map(|status| (status, share)));
    }
    for (text, share) in file.shares {
        check_share(share, &format!("{path}.shares"), findings);
        match Regex::new(&text) {
            Ok(pattern) => expect.shares.push((pattern, share)),
            Err(problem) => {
                findings.add(&format!("{path}.shares"), format!("{text:?} is no pattern: {problem}"), "");
            }
        }
    }
    expect
}

fn check_share(share: f64, path: &str, findings: &mut Findings) {
    if !(0.0..=1.0).contains(&share) {
        findings.add(path, format!("{share} is no share"), "shares go from 0 to 1");
    }
}
