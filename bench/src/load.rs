//! Load from wrk and h2load, and what they say about it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process::{Core, pin};

/// Connections, or streams for HTTP/2, that are kept busy.
const CONNECTIONS: usize = 32;

/// What a load saw.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Requests answered with 200.
    pub requests: u64,
    /// Requests a second.
    pub rps: f64,
    /// Median latency.
    pub p50: Duration,
    /// 99th percentile.
    pub p99: Duration,
}

/// HTTP/1 requests of the path of the last route, on 32 connections.
pub fn http1(port: u16, duration: Duration) -> Result<Seen> {
    let mut command = Command::new("wrk");
    command.args(["-t1", &format!("-c{CONNECTIONS}"), "--latency"]);
    command.args([&format!("-d{}s", duration.as_secs().max(1)), &format!("http://127.0.0.1:{port}/r9")]);
    let text = run(&mut command)?;
    if text.contains("Non-2xx") || text.contains("Socket errors") {
        bail!("wrk saw failures: {text}");
    }
    let word = |line: &str, n: usize| {
        let line = text.lines().find(|l| l.contains(line)).context("wrk printed something else")?;
        line.split_whitespace().nth(n).context("wrk printed something else")
    };
    Ok(Seen {
        requests: word("requests in", 0)?.parse()?,
        rps: word("Requests/sec", 1)?.parse()?,
        p50: time(word("50%", 1)?)?,
        p99: time(word("99%", 1)?)?,
    })
}

/// HTTP/2 requests with prior knowledge: 8 connections with 4 streams each.
pub fn http2(port: u16, duration: Duration, folder: &Path) -> Result<Seen> {
    let log = folder.join("h2load.log");
    let _ = std::fs::remove_file(&log);
    let mut command = Command::new("h2load");
    command.args(["-t1", "-c8", &format!("-m{}", CONNECTIONS / 8)]);
    command.args([&format!("-D{}", duration.as_secs().max(1)), "--log-file"]).arg(&log);
    command.arg(format!("http://127.0.0.1:{port}/r9"));
    let text = run(&mut command)?;
    if !text.contains(" 0 failed, 0 errored") {
        bail!("h2load saw failures: {text}");
    }
    let finished =
        text.lines().find(|l| l.starts_with("finished in")).context("h2load printed something else")?;
    let rps = finished.split_whitespace().nth(3).context("h2load printed something else")?.parse()?;
    // Each line: start in microseconds, status, time of the response in microseconds.
    let lines = std::fs::read_to_string(&log)?;
    let mut times: Vec<u64> = lines.lines().filter_map(|l| l.split('\t').nth(2)?.parse().ok()).collect();
    times.sort_unstable();
    let at = |share: f64| {
        let micros = times.get((times.len() as f64 * share) as usize).copied().unwrap_or(0);
        Duration::from_micros(micros)
    };
    Ok(Seen { requests: times.len() as u64, rps, p50: at(0.5), p99: at(0.99) })
}

fn run(command: &mut Command) -> Result<String> {
    pin(command, Core::Load);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("running {command:?}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("{command:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(text)
}

/// A time as wrk prints it: `853.00us`, `1.20ms`, `1.00s`.
fn time(text: &str) -> Result<Duration> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).context("a time has a unit")?;
    let (number, unit) = text.split_at(split);
    let scale = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => bail!("unknown unit of time in {text}"),
    };
    Ok(Duration::from_secs_f64(number.parse::<f64>()? * scale))
}
