use std::process::Command;

/// Set for the process inside the namespace.
const INSIDE: &str = "OUTRIGGER_TEST_INSIDE_NAMESPACE";

/// Has the calling test, named `test`, run again as root of a network namespace of its own, where it
/// may change addresses and nftables; says whether this is that run. The run outside is over then.
/// Where no namespace can be made, prints a skip.
///
/// # Panics
/// If the test fails inside.
pub fn in_namespace(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        let up = Command::new("ip").args(["link", "set", "lo", "up"]).status();
        assert!(up.is_ok_and(|status| status.success()), "the loopback device can be started");
        return true;
    }
    let possible = Command::new("unshare").args(["-rn", "nft", "list", "ruleset"]).output();
    if !possible.is_ok_and(|output| output.status.success()) {
        println!("SKIPPED: {test}: no network namespaces or no nft here");
        return false;
    }
    let output = Command::new("unshare")
        .arg("-rn")
        .arg(std::env::current_exe().expect("a test knows its own path"))
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .expect("unshare was there just before");
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}{errors}");
    false
}
