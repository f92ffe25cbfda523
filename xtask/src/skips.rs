//! A test that cannot run here prints `SKIPPED: NAME: REASON`. Each NAME must stand in
//! tests/allowed-skips, so that a test never goes missing unseen.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Reads test logs, prints every skip, fails on one that is not allowed.
pub fn check(root: &Path, logs: &[&str]) -> Result<()> {
    let allowed = std::fs::read_to_string(root.join("tests/allowed-skips")).context("tests/allowed-skips")?;
    let allowed: BTreeSet<&str> =
        allowed.lines().map(|l| l.split('#').next().unwrap_or("").trim()).filter(|l| !l.is_empty()).collect();
    let mut seen = BTreeSet::new();
    for log in logs {
        let text = std::fs::read(log).with_context(|| format!("reading {log}"))?;
        for line in String::from_utf8_lossy(&text).lines() {
            if let Some(at) = line.find("SKIPPED: ") {
                let skip = &line[at + "SKIPPED: ".len()..];
                let (name, reason) = skip.split_once(": ").unwrap_or((skip, "no reason given"));
                seen.insert((name.trim().to_string(), reason.trim().to_string()));
            }
        }
    }
    let mut refused = 0;
    for (name, reason) in &seen {
        let verdict = if allowed.contains(name.as_str()) { "allowed" } else { "NOT ALLOWED" };
        refused += usize::from(!allowed.contains(name.as_str()));
        println!("skipped ({verdict}): {name}: {reason}");
    }
    if refused > 0 {
        bail!("{refused} skipped tests are not named in tests/allowed-skips");
    }
    println!("skips: {} tests skipped", seen.len());
    Ok(())
}
