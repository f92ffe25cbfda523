//! The control plane of a run, on a machine of its own, and what the runner asks it.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use http::{HeaderMap, Method, Uri};
use outrigger_base::constants::{PORT_CONTROL_ADMIN, PORT_XDS};
use serde_json::Value;
use tokio::time::Instant;

use crate::dns::NameTable;
use crate::finding;
use crate::model::Target;
use crate::network::{Machine, Process, ProcessSpec};
use crate::traffic::{Caller, Outcome};
use crate::trouble::Trouble;

/// How long the control plane may take to come up.
const START: Duration = Duration::from_secs(30);
/// How often something is asked again while waiting.
const AGAIN: Duration = Duration::from_millis(25);
/// How long it may take over one question.
const ANSWER: Duration = Duration::from_secs(10);

/// The control plane and its machine.
pub struct Control {
    // Before the machine: a process does not outlive it.
    process: Process,
    machine: Machine,
    addresses: Vec<IpAddr>,
}

impl Control {
    /// Starts `outrigger up` on a folder of manifests and waits until it answers.
    pub async fn start(
        machine: Machine,
        addresses: Vec<IpAddr>,
        program: &Path,
        manifests: &Path,
        log: &Path,
    ) -> Result<Control, Trouble> {
        // One socket for both families where the scenario has IPv6.
        let any = if addresses.iter().any(IpAddr::is_ipv6) { "[::]" } else { "0.0.0.0" };
        let manifests = manifests.to_string_lossy();
        let (xds, admin) = (format!("{any}:{PORT_XDS}"), format!("{any}:{PORT_CONTROL_ADMIN}"));
        let spec = ProcessSpec {
            label: "control".to_owned(),
            program: program.to_owned(),
            args: ["up", "-f", &manifests, "--xds", &xds, "--admin", &admin].map(str::to_owned).into(),
            env: Vec::new(),
            log: log.to_owned(),
        };
        let started = Process::start(&machine, spec).await;
        let process =
            started.map_err(|problem| Trouble::NotStarted { label: "control".to_owned(), problem })?;
        let control = Control { process, machine, addresses };
        control.wait_ready().await?;
        Ok(control)
    }

    /// Its process, for its log.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Where a proxy reaches it that has IPv4, or only IPv6.
    pub fn xds(&self, with_v4: bool) -> SocketAddr {
        let same_family = self.addresses.iter().find(|address| address.is_ipv4() == with_v4);
        // There is one of each family that the scenario uses.
        SocketAddr::new(*same_family.unwrap_or(&self.addresses[0]), PORT_XDS)
    }

    async fn wait_ready(&self) -> Result<(), Trouble> {
        wait_until(&self.process, START, || async { self.ask(Method::GET, "/ready").await.map(drop) }).await
    }

    /// Has it read its folder again, now.
    pub async fn reload(&self) -> Result<(), Trouble> {
        self.ask(Method::POST, "/reload").await.map(drop).map_err(|reason| self.trouble("reload", reason))
    }

    /// Waits until every proxy has acknowledged the current state.
    pub async fn wait_synced(&self, within: Duration) -> Result<(), Trouble> {
        let deadline = Instant::now() + within;
        loop {
            let text = self.ask(Method::GET, "/synced").await.map_err(|r| self.trouble("synced", r))?;
            let state: Value = serde_json::from_str(&text)
                .map_err(|problem| self.trouble("synced", format!("{problem} in {text:?}")))?;
            if state["synced"] == true {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let pending = state["pending"].to_string();
                return Err(Trouble::NotSynced { within, pending });
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// The addresses of every name in the mesh.
    pub async fn names(&self) -> Result<NameTable, Trouble> {
        let text = self.ask(Method::GET, "/names").await.map_err(|r| self.trouble("names", r))?;
        let names: Value = serde_json::from_str(&text)
            .map_err(|problem| self.trouble("names", format!("{problem} in {text:?}")))?;
        let mut table = NameTable::default();
        for (name, addresses) in names.as_object().into_iter().flatten() {
            let texts = addresses.as_array().into_iter().flatten().filter_map(Value::as_str);
            table.add(name, texts.filter_map(|text| text.parse().ok()));
        }
        Ok(table)
    }

    /// What it says about the manifests in `folder`, one line each; empty if it cannot be asked.
    pub async fn diagnostics(&self, folder: &Path) -> Vec<String> {
        let text = self.ask(Method::GET, "/status").await.unwrap_or_default();
        let status: Value = serde_json::from_str(&text).unwrap_or_default();
        let list = status["diagnostics"].as_array().into_iter().flatten();
        list.map(|entry| finding::line(entry, folder)).collect()
    }

    fn trouble(&self, what: &'static str, reason: String) -> Trouble {
        match self.process.ended() {
            Some(status) => Trouble::Ended { label: self.process.label().to_owned(), status },
            None => Trouble::Admin { what, reason },
        }
    }

    /// The body of a 200; everything else is a reason.
    fn ask(&self, method: Method, path: &str) -> impl Future<Output = Result<String, String>> + use<> {
        let address = SocketAddr::new(self.addresses[0], PORT_CONTROL_ADMIN);
        let url = format!("http://{address}{path}").parse().unwrap_or_else(|_| Uri::from_static("/"));
        ask(&self.machine, url, method)
    }
}

/// Asks a URL from a machine.
pub fn ask(
    machine: &Machine,
    url: Uri,
    method: Method,
) -> impl Future<Output = Result<String, String>> + use<> {
    let from = machine.name().to_owned();
    let target = Target { from, url, method, headers: HeaderMap::new(), body: String::new() };
    let outcome = machine.call(move || async move { Caller::new(target, Vec::new(), ANSWER).call().await });
    async move {
        match outcome.await {
            Ok(Outcome::Answered { status: 200, body }) => Ok(body),
            Ok(Outcome::Answered { status, body }) => Err(format!("it answers {status}: {}", body.trim())),
            Ok(Outcome::Unanswered { reason }) => Err(reason),
            Err(gone) => Err(gone.to_string()),
        }
    }
}

/// Tries until it works, the process ends, or time is up.
pub async fn wait_until<F>(
    process: &Process,
    within: Duration,
    mut attempt: impl FnMut() -> F,
) -> Result<(), Trouble>
where
    F: Future<Output = Result<(), String>>,
{
    let deadline = Instant::now() + within;
    let label = || process.label().to_owned();
    loop {
        if let Some(status) = process.ended() {
            return Err(Trouble::Ended { label: label(), status });
        }
        match attempt().await {
            Ok(()) => return Ok(()),
            Err(last) if Instant::now() >= deadline => {
                return Err(Trouble::NotReady { label: label(), within, last });
            }
            Err(_) => tokio::time::sleep(AGAIN).await,
        }
    }
}

/// The last lines of a log.
pub fn tail(log: &Path, most: usize) -> io::Result<Vec<String>> {
    let text = String::from_utf8_lossy(&std::fs::read(log)?).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(most)..].iter().map(|line| (*line).to_owned()).collect())
}
