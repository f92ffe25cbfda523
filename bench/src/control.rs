//! The control plane: a thousand services of ten endpoints, a hundred proxies.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::Plan;
use crate::clients::monotonic;
use crate::contestants::control_plane;
use crate::manifests;
use crate::process::{Core, fetch, own_binary, pin};
use crate::report::Report;

const SERVICES: usize = 1000;
const ENDPOINTS: usize = 10;
const CLIENTS: usize = 100;

/// Updates of one type that the last client has received, as (how many, when).
struct Clients {
    child: Child,
    lines: Receiver<(String, u64, u64)>,
    latest: BTreeMap<String, (u64, u64)>,
}

impl Clients {
    fn start(xds: u16) -> Result<Clients> {
        let mut command = Command::new(own_binary("outrigger-bench")?);
        command.args(["clients", &xds.to_string(), &CLIENTS.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        pin(&mut command, Core::Contestant);
        let mut child = command.spawn()?;
        let output = BufReader::new(child.stdout.take().context("its output is a pipe")?);
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let words: Vec<&str> = line.split(' ').collect();
                if let [kind, n, at] = words[..]
                    && let (Ok(n), Ok(at)) = (n.parse(), at.parse())
                    && sender.send((kind.to_string(), n, at)).is_err()
                {
                    return;
                }
            }
        });
        Ok(Clients { child, lines, latest: BTreeMap::new() })
    }

    /// Waits until every client has had an update of this type that came after `since`; gives its time.
    fn wait_after(&mut self, kind: &str, since: u64) -> Result<u64> {
        loop {
            if let Some((_, at)) = self.latest.get(kind).filter(|(_, at)| *at > since) {
                return Ok(*at);
            }
            let (kind, n, at) =
                self.lines.recv_timeout(Duration::from_secs(60)).context("the clients received nothing")?;
            self.latest.insert(kind, (n, at));
        }
    }

    /// Waits until nothing has arrived for a while.
    fn settle(&mut self, quiet: Duration) -> Result<()> {
        loop {
            match self.lines.recv_timeout(quiet) {
                Ok((kind, n, at)) => drop(self.latest.insert(kind, (n, at))),
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => bail!("the clients ended"),
            }
        }
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Measures start, changes and cost.
pub fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let directory = folder.path().join("manifests");
    write_mesh(&directory)?;
    eprintln!("control plane");
    let started = monotonic();
    let control = control_plane(&directory, false, folder.path())?;
    let ready = monotonic();
    let mut clients = Clients::start(control.xds)?;
    clients.wait_after("routes", 0)?;
    let synced = clients.wait_after("endpoints", 0)?;
    clients.settle(Duration::from_secs(3))?;
    let millis = |from: u64, to: u64| (to - from) as f64 / 1e6;
    report.control.push(("start to ready", millis(started, ready), "ms"));
    report.control.push(("clients' start to all synced", millis(ready, synced), "ms"));

    let cpu = control.process.cpu();
    let bytes = sent_bytes(control.admin);
    for (kind, what) in [("endpoints", ENDPOINT), ("routes", ROUTE)] {
        let mut times = Vec::new();
        for turn in 1..=plan.changes {
            let file = if kind == "endpoints" { "endpoint.yaml" } else { "route.yaml" };
            let text = if kind == "endpoints" {
                manifests::endpoint_of_many(0, 0, turn)
            } else {
                manifests::route_of_first(turn)
            };
            let temporary = folder.path().join("writing");
            std::fs::write(&temporary, text)?;
            let before = monotonic();
            std::fs::rename(&temporary, directory.join(file))?;
            times.push(millis(before, clients.wait_after(kind, before)?));
        }
        times.sort_by(f64::total_cmp);
        report.control.push((what[0], times[times.len() / 2], "ms"));
        report.control.push((what[1], times[(times.len() * 99 / 100).min(times.len() - 1)], "ms"));
    }
    let changes = (2 * plan.changes) as f64;
    report.control.push((
        "CPU per change",
        (control.process.cpu() - cpu).as_secs_f64() * 1e3 / changes,
        "ms",
    ));
    if let (Some(before), Some(after)) = (bytes, sent_bytes(control.admin)) {
        report.control.push(("sent per change, all clients", (after - before) / changes / 1024.0, "KiB"));
        report.control.push(("sent in all", after / 1024.0 / 1024.0, "MiB"));
    }
    report.control.push(("CPU in all", control.process.cpu().as_secs_f64(), "s"));
    report.control.push(("resident memory", control.process.resident_kib() as f64 / 1024.0, "MiB"));
    Ok(())
}

const ENDPOINT: [&str; 2] =
    ["endpoint change, write to last client, median", "endpoint change, write to last client, p99"];
const ROUTE: [&str; 2] =
    ["route change, write to last client, median", "route change, write to last client, p99"];

/// One file for services, ten for their endpoints, and one each for what changes.
fn write_mesh(directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory)?;
    let services: String = (0..SERVICES).map(manifests::service_of_many).collect();
    std::fs::write(directory.join("services.yaml"), services)?;
    for m in 0..ENDPOINTS {
        let mut text = String::new();
        for n in usize::from(m == 0)..SERVICES {
            let _ = write!(text, "{}", manifests::endpoint_of_many(n, m, 0));
        }
        std::fs::write(directory.join(format!("endpoints-{m}.yaml")), text)?;
    }
    std::fs::write(directory.join("endpoint.yaml"), manifests::endpoint_of_many(0, 0, 0))?;
    Ok(std::fs::write(directory.join("route.yaml"), manifests::route_of_first(0))?)
}

fn sent_bytes(admin: u16) -> Option<f64> {
    let text = fetch(admin, "/metrics")?;
    let lines = text.lines().filter(|l| l.starts_with("outrigger_push_bytes_total"));
    Some(lines.filter_map(|l| l.rsplit(' ').next()?.parse::<f64>().ok()).sum())
}
