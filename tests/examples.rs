//! Every example runs, on both engines, as a user runs it.

use std::process::{Command, Stdio};

use outrigger_testkit::{Engine, binary};
use outrigger_tests::file;
use serde_json::Value;

/// Whether network namespaces can be made here; prints a skip if not.
fn namespaces(test: &str) -> bool {
    let possible = Command::new("unshare").args(["--net", "--map-root-user", "true"]).status();
    let possible = possible.is_ok_and(|s| s.success());
    if !possible {
        println!("SKIPPED: {test}: network namespaces cannot be made here");
    }
    possible
}

fn demo(example: &str, requests: Option<u64>) {
    let test = format!("the_example_{}_holds", example.replace('-', "_"));
    if !namespaces(&test) {
        return;
    }
    for engine in Engine::available(&test) {
        let engine = if engine == Engine::Native { "native" } else { "envoy" };
        let mut command = Command::new(binary("outrigger"));
        command.arg("demo").arg(file("../examples").join(example));
        command.args(["--engine", engine, "--json"]);
        if let Some(count) = requests {
            command.args(["--requests", &count.to_string()]);
        }
        let output = command.stdin(Stdio::null()).output().unwrap();
        let (text, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{example} on {engine}: {text}\n{errors}");
        let verdict: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
        assert_eq!(verdict["passed"], true, "{example} on {engine}: {text}");
    }
}

#[test]
fn the_example_vm_and_pod_holds() {
    demo("vm-and-pod", None);
}

#[test]
fn the_example_migrate_holds() {
    demo("migrate", None);
}

#[test]
fn the_example_traffic_shift_holds_with_ten_thousand_requests() {
    demo("traffic-shift", Some(10_000));
}

#[test]
fn the_example_app_versions_holds() {
    demo("app-versions", None);
}

#[test]
fn the_example_whoami_holds() {
    demo("whoami", None);
}

#[test]
fn the_example_workload_entries_holds() {
    demo("workload-entries", None);
}
