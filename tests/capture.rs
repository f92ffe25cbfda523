//! Capture ends with its proxy, however that ends, and never with another's.

use std::path::Path;
use std::process::Command;

use outrigger_testkit::{Process, binary, in_namespace, wait_until};
use outrigger_tests::PATIENCE;

#[test]
fn a_killed_proxy_leaves_no_rules_and_takes_none_from_the_next() {
    if !in_namespace("a_killed_proxy_leaves_no_rules_and_takes_none_from_the_next") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let first = sidecar(folder.path());
    let old = wait_until("the rules of the first", PATIENCE, owner);
    first.signal(libc::SIGKILL);
    // At once, so that the first one's guard wakes up about when the second puts its rules in place.
    let second = sidecar(folder.path());
    let new = wait_until("the rules of the second", PATIENCE, || owner().filter(|owner| *owner != old));
    wait_until("the end of the first one's guard", PATIENCE, || (!is_guarded(&old)).then_some(()));
    assert_eq!(owner(), Some(new.clone()), "they stay");

    second.signal(libc::SIGKILL);
    wait_until("the end of the second one's guard", PATIENCE, || (!is_guarded(&new)).then_some(()));
    assert_eq!(owner(), None);
}

fn sidecar(folder: &Path) -> Process {
    let mut command = Command::new(binary("outrigger-proxy"));
    command
        .args(["run", "--control-plane", "127.0.0.1:1", "--role", "sidecar", "--name", "a"])
        .args(["--namespace", "default", "--address", "127.0.0.1", "--capture", "nft", "--data-dir"])
        .arg(folder);
    Process::start(command, &folder.join("proxy.log"))
}

/// The run whose rules are in force.
fn owner() -> Option<String> {
    let output = Command::new("nft").args(["list", "table", "inet", "outrigger"]).output().unwrap();
    let rules = String::from_utf8_lossy(&output.stdout).into_owned();
    let chain = rules.lines().find_map(|line| line.trim().strip_prefix("chain "));
    chain.filter(|name| name.starts_with("run_")).map(|name| name.trim_end_matches(" {").to_owned())
}

/// Whether the process that removes a run's rules is still there.
fn is_guarded(run: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let words = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    words.into_iter().any(|words| words.split(|byte| *byte == 0).any(|word| word == run.as_bytes()))
}
