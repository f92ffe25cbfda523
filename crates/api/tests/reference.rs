//! Against the reference data: what Istio accepts is accepted, and every field of its schemas is
//! known. Skipped without the folder that OUTRIGGER_REFERENCE names.

#![allow(clippy::unwrap_used)] // In helpers of tests it is as good as in tests.

use std::path::{Path, PathBuf};

use outrigger_api::{DestinationRule, Gateway, ServiceEntry, VirtualService, WorkloadEntry, parse, yaml};
use outrigger_base::{Code, Severity};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

fn reference(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("OUTRIGGER_REFERENCE").map(PathBuf::from);
    if folder.is_none() {
        println!("SKIPPED: {test}: OUTRIGGER_REFERENCE is not set");
    }
    folder
}

fn manifests(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            manifests(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
}

#[test]
fn what_the_reference_accepts_is_accepted() {
    let Some(folder) = reference("what_the_reference_accepts_is_accepted") else { return };
    let mut files = Vec::new();
    manifests(&folder.join("accepted"), &mut files);
    manifests(&folder.join("samples"), &mut files);
    assert!(files.len() > 50);
    let mut objects = 0;
    for file in files {
        let parsed = parse(&file, &std::fs::read_to_string(&file).unwrap(), "default");
        objects += parsed.objects.len();
        for diagnostic in &parsed.diagnostics {
            let by_rule = diagnostic.code == Code::SECURITY_NOT_ENFORCED;
            assert!(diagnostic.severity < Severity::Error || by_rule, "{diagnostic}");
            assert!(!diagnostic.code.eq(&Code::UNKNOWN_KIND), "{diagnostic}");
        }
        assert!(parsed.refused.is_empty() && !parsed.unidentified, "{}", file.display());
    }
    assert!(objects > 100, "{objects}");
}

#[test]
fn every_field_of_the_reference_is_known_and_written_back() {
    let Some(folder) = reference("every_field_of_the_reference_is_known_and_written_back") else { return };
    let fields = std::fs::read_to_string(folder.join("crd-fields.tsv")).unwrap();
    let mut seen = 0;
    for line in fields.lines() {
        let mut columns = line.split('\t');
        let (kind, path, of_type) =
            (columns.next().unwrap(), columns.next().unwrap(), columns.next().unwrap());
        let kinds = ["ServiceEntry", "WorkloadEntry", "VirtualService", "DestinationRule", "Gateway"];
        if !kinds.contains(&kind) {
            continue;
        }
        seen += 1;
        let (json, back) = minimal(path, of_type);
        let json = format!("{{{json}}}");
        let written = match kind {
            "ServiceEntry" => round_trip::<ServiceEntry>(&json),
            "WorkloadEntry" => round_trip::<WorkloadEntry>(&json),
            "VirtualService" => round_trip::<VirtualService>(&json),
            "DestinationRule" => round_trip::<DestinationRule>(&json),
            _ => round_trip::<Gateway>(&json),
        };
        assert!(written.contains(&back), "{back} is not in {written}");
    }
    assert!(seen > 350, "{seen}");
}

#[derive(Deserialize)]
struct Spec<S> {
    spec: S,
}

/// What is left of a field after it was read and written.
fn round_trip<S: DeserializeOwned + Serialize>(json: &str) -> String {
    let (value, complaints) = yaml::from_str::<Spec<S>>(Path::new("field.json"), json);
    assert!(complaints.is_empty(), "{json}: {complaints:?}");
    serde_json::to_string(&value.unwrap().spec).unwrap()
}

/// An object of JSON that holds only that field, and how the field looks.
fn minimal(path: &str, of_type: &str) -> (String, String) {
    let mut steps: Vec<&str> = path.split('.').collect();
    let last = steps.pop().unwrap();
    let scalar = |of_type: &str| match of_type {
        t if t.starts_with("enum(") => format!("{:?}", t[5..t.len() - 1].split('|').next_back().unwrap()),
        t if t.starts_with("integer") => "7".to_string(),
        t if t.starts_with("number") => "7.5".to_string(),
        "boolean" => "true".to_string(),
        _ if is_duration(path) => "\"7s\"".to_string(),
        _ => "\"seven\"".to_string(),
    };
    let value = match of_type {
        t if t.starts_with("map<string,") => format!("{{\"key\":{}}}", scalar(&t[11..t.len() - 1])),
        t if t.starts_with("list<") => format!("[{}]", scalar(&t[5..t.len() - 1])),
        t => scalar(t),
    };
    let name = last.trim_end_matches("[]");
    let mut json = format!("\"{name}\":{value}");
    // An alias is written back under the name that replaced it.
    let back = json.replace("mirror_percent", "mirrorPercent");
    for step in steps.iter().rev() {
        json = match step.strip_suffix("[]") {
            Some(name) => format!("\"{name}\":[{{{json}}}]"),
            None if *step == "<key>" => format!("\"key\":{{{json}}}"),
            None => format!("\"{step}\":{{{json}}}"),
        };
    }
    (json, back)
}

fn is_duration(path: &str) -> bool {
    let name = path.rsplit('.').next().unwrap();
    ["Delay", "Timeout", "Duration", "DurationSecs", "Period", "Time", "Age", "Interval"]
        .iter()
        .any(|end| name.ends_with(end))
        || matches!(name, "timeout" | "interval" | "time" | "duration" | "backoff" | "ttl")
}
