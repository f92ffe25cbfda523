//! Transparent capture: one nftables table of our own, applied atomically, removed on stop and on
//! crash, that touches nothing which others installed.
//!
//! A table tells whose it is by an empty chain that is named after the run. Who removes the table
//! removes that chain in the same transaction, which fails where a later run's table stands: a proxy
//! that is started again at once keeps its rules, however late the guard of the one before wakes up.
//!
//! What the proxy itself sends carries a mark and is let through (so it works for any user id and in
//! user namespaces). SSH, DNS and what stays on the host are never captured.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use outrigger_base::constants::{
    CAPTURE_EXEMPT_MARK, PORT_ADMIN, PORT_AGENT_STATUS, PORT_INBOUND, PORT_OUTBOUND, PORT_PROXY_METRICS,
    PORT_READINESS,
};
use thiserror::Error;

/// Name of the table; everything in it is ours.
const TABLE: &str = "outrigger";

/// Ports that are never captured in either direction: SSH, so that the host stays reachable, and DNS.
const NEVER: [u16; 2] = [22, 53];

/// What nft says, in the C locale, when that which is to be deleted does not exist.
const NOT_THERE: &str = "No such file or directory";

/// Why traffic cannot be captured.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// The program `nft` is missing.
    #[error("cannot run nft: {0}; install the package nftables, or use --capture none")]
    NoNft(std::io::Error),
    /// The rules were refused.
    #[error("nft refused the capture rules: {0}; capture needs CAP_NET_ADMIN in the network namespace")]
    Refused(String),
    /// The process that removes the rules after a crash could not be started.
    #[error("cannot start the process that removes capture after a crash: {0}")]
    Guard(std::io::Error),
}

/// What is captured.
#[derive(Debug, Clone, Default)]
pub struct CaptureRules {
    /// Further destination ports that are let through to the workload.
    pub exclude_inbound: Vec<u16>,
    /// Further destination ports that the workload reaches directly.
    pub exclude_outbound: Vec<u16>,
}

impl CaptureRules {
    /// The nft script that puts the table of a run in place of whatever an earlier run left.
    pub fn script(&self, run: &str) -> String {
        let ports = |own: &[u16], more: &[u16]| {
            let mut all: Vec<u16> = own.iter().chain(more).copied().collect();
            all.sort_unstable();
            all.dedup();
            all.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
        };
        let ours =
            [PORT_ADMIN, PORT_OUTBOUND, PORT_INBOUND, PORT_AGENT_STATUS, PORT_READINESS, PORT_PROXY_METRICS];
        let inbound = ports(&[&NEVER[..], &ours[..]].concat(), &self.exclude_inbound);
        let outbound = ports(&NEVER, &self.exclude_outbound);
        let mut script = String::new();
        // The output hook knows no priority by the name dstnat, so its number stands there.
        // An `add` before the `delete` makes the delete succeed whether or not the table was there;
        // the file is one transaction, so there is no moment without rules.
        let _ = write!(
            script,
            "add table inet {TABLE}
delete table inet {TABLE}
table inet {TABLE} {{
  chain {run} {{ }}
  chain output {{
    type nat hook output priority -100; policy accept;
    meta mark {CAPTURE_EXEMPT_MARK} return
    oifname \"lo\" return
    tcp dport {{ {outbound} }} return
    meta l4proto tcp redirect to :{PORT_OUTBOUND}
  }}
  chain prerouting {{
    type nat hook prerouting priority -100; policy accept;
    iifname \"lo\" return
    fib daddr type != local return
    tcp dport {{ {inbound} }} return
    meta l4proto tcp redirect to :{PORT_INBOUND}
  }}
}}
"
        );
        script
    }
}

/// Capture in force; dropping it removes the rules.
#[derive(Debug)]
pub struct Capture {
    run: String,
    guard: Child,
}

impl Capture {
    /// Applies the rules and starts a process that removes them should this one die without doing so.
    /// That process runs this program again with `guard_command` and the name of the run, which must
    /// lead to [`hold_until_parent_dies`].
    pub fn apply(rules: &CaptureRules, guard_command: &str) -> Result<Capture, CaptureError> {
        let run = run_name();
        let program = std::env::current_exe().map_err(CaptureError::Guard)?;
        let guard = Command::new(program)
            .args([guard_command, &run])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .map_err(CaptureError::Guard)?;
        let capture = Capture { run, guard };
        nft(&rules.script(&capture.run))?;
        Ok(capture)
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        remove(&self.run);
        // Closing its input ends the guard; it finds the table gone.
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// The guard's whole life: waits until the process that started it is gone, then removes the rules of
/// its run.
pub fn hold_until_parent_dies(run: &str) {
    // A terminal's Ctrl-C and a service manager's stop reach the guard too; it must outlive both.
    // SAFETY: setsid and signal only change how this process receives signals.
    unsafe {
        libc::setsid();
        libc::signal(libc::SIGTERM, libc::SIG_IGN);
        libc::signal(libc::SIGINT, libc::SIG_IGN);
    }
    let mut ignored = Vec::new();
    let _ = std::io::stdin().read_to_end(&mut ignored);
    remove(run);
}

/// A name that no other run has: process ids come back soon in containers, so the time is part of it.
fn run_name() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("run_{}_{}", std::process::id(), since.as_nanos())
}

/// Removes the table of a run, if it is still there.
fn remove(run: &str) {
    match nft(&format!("delete chain inet {TABLE} {run}\ndelete table inet {TABLE}\n")) {
        Ok(()) => {}
        Err(CaptureError::Refused(reason)) if reason.contains(NOT_THERE) => {}
        Err(error) => tracing::warn!(%error, "capture rules could not be removed"),
    }
}

fn nft(script: &str) -> Result<(), CaptureError> {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut child = Command::new("nft")
        .args(["-f", "-"])
        // Debian's ordinary users do not have the folder of nft in their PATH.
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(CaptureError::NoNft)?;
    if let Some(mut input) = child.stdin.take() {
        // A refusal closes the pipe early; the exit status tells it better than the write error.
        let _ = input.write_all(script.as_bytes());
    }
    let output = child.wait_with_output().map_err(CaptureError::NoNft)?;
    if output.status.success() {
        return Ok(());
    }
    let reason = String::from_utf8_lossy(&output.stderr);
    Err(CaptureError::Refused(reason.lines().next().unwrap_or("no reason given").to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_spares_ssh_dns_and_the_proxys_own_traffic() {
        let script = CaptureRules { exclude_inbound: vec![9000], exclude_outbound: vec![3306] }.script("r");
        assert!(script.contains("meta mark 1337 return"));
        assert!(script.contains("tcp dport { 22, 53, 3306 } return"));
        assert!(
            script.contains("tcp dport { 22, 53, 9000, 15000, 15001, 15006, 15020, 15021, 15090 } return")
        );
        assert!(script.starts_with("add table inet outrigger\ndelete table inet outrigger\n"));
    }
}
