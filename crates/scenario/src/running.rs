//! A host while it runs: its machine, its proxy and its app.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::{Method, Uri};
use outrigger_base::constants::PORT_READINESS;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::control::{Control, ask, wait_until};
use crate::model::{App, AppKind, Host, HostKind};
use crate::network::{Machine, Process, ProcessSpec};
use crate::pods::proxy_labels;
use crate::read::APP_KINDS;
use crate::rundir::RunDirectory;
use crate::trouble::Trouble;
use crate::{Engine, Options};

/// How long a proxy or an app may take to become ready.
const START: Duration = Duration::from_secs(30);
/// How long an app may take to finish what it has under way.
const APP_GRACE: Duration = Duration::from_secs(12);
/// How long a proxy may drain, and a little more.
const DRAIN_SECONDS: u64 = 5;
const PROXY_GRACE: Duration = Duration::from_secs(DRAIN_SECONDS + 5);

/// Whether a host's processes are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Down,
    Up,
    /// Its processes were killed; its pod, if it is one, still stands.
    Killed,
}

/// A host and what runs on it.
pub struct RunningHost {
    pub host: Host,
    pub state: State,
    /// Whether it ever ran.
    pub ran: bool,
    /// The Deployment that its pod was made from.
    pub deployment: Option<Value>,
    proxy: Option<Process>,
    app: Option<Process>,
    // After the processes, which do not outlive it.
    pub machine: Machine,
}

impl RunningHost {
    pub fn new(host: Host, machine: Machine) -> RunningHost {
        let (proxy, app) = (None, None);
        RunningHost { host, state: State::Down, ran: false, deployment: None, proxy, app, machine }
    }

    /// Its processes, for their logs.
    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        self.proxy.iter().chain(&self.app)
    }

    /// Starts its proxy, if it has one.
    pub async fn start_proxy(
        &mut self,
        control: &Control,
        options: &Options,
        directory: &RunDirectory,
    ) -> Result<(), Trouble> {
        if !self.host.has_proxy() {
            return Ok(());
        }
        let label = format!("{}/proxy", self.host.name);
        let data = directory.folder("data")?.join(&self.host.name);
        let spec = ProcessSpec {
            program: options.proxy.clone(),
            args: self.proxy_args(control, options, data),
            env: Vec::new(),
            log: directory.log(&label)?,
            label,
        };
        self.proxy = Some(self.start(spec).await?);
        Ok(())
    }

    fn proxy_args(&self, control: &Control, options: &Options, data: PathBuf) -> Vec<String> {
        let host = &self.host;
        let join = |texts: Vec<String>| texts.join(",");
        let labels = proxy_labels(host, self.deployment.as_ref()).into_iter();
        let labels = join(labels.map(|(key, value)| format!("{key}={value}")).collect());
        let addresses = join(host.addresses.iter().map(IpAddr::to_string).collect());
        let gateway = host.kind == HostKind::Gateway;
        let with_v4 = host.addresses.iter().any(IpAddr::is_ipv4);
        let control_plane = control.xds(with_v4).to_string();
        let (role, capture) = if gateway { ("gateway", "none") } else { ("sidecar", "nft") };
        let mut args: Vec<String> = vec!["run".to_owned()];
        let mut add = |flag: &str, value: &str| args.extend([flag.to_owned(), value.to_owned()]);
        add("--control-plane", &control_plane);
        add("--role", role);
        add("--name", &host.name);
        add("--namespace", &host.namespace);
        add("--address", &addresses);
        add("--labels", &labels);
        add("--capture", capture);
        add("--drain-time", &DRAIN_SECONDS.to_string());
        add("--data-dir", &data.to_string_lossy());
        if !host.locality.is_empty() {
            add("--locality", &host.locality);
        }
        if let Some(workload) = &host.workload {
            add("--workload", &workload.name);
        }
        let text = |pointer: &str| self.deployment.as_ref().and_then(|d| d.pointer(pointer)?.as_str());
        if let Some(account) = text("/spec/template/spec/serviceAccountName") {
            add("--service-account", account);
        }
        add("--engine", options.engine.name());
        if let (Engine::Envoy, Some(envoy)) = (options.engine, &options.envoy) {
            add("--envoy", &envoy.to_string_lossy());
        }
        args
    }

    /// Waits until its proxy has its configuration.
    pub async fn wait_for_proxy(&self) -> Result<(), Trouble> {
        let Some(proxy) = &self.proxy else { return Ok(()) };
        let url = Uri::try_from(format!("http://127.0.0.1:{PORT_READINESS}/healthz/ready"));
        let url = url.unwrap_or_default();
        wait_until(proxy, START, || {
            let ready = ask(&self.machine, url.clone(), Method::GET);
            async move { ready.await.map(drop) }
        })
        .await
    }

    /// Starts its app, if it has one.
    pub async fn start_app(&mut self, options: &Options, directory: &RunDirectory) -> Result<(), Trouble> {
        let Some(app) = self.host.app.clone() else { return Ok(()) };
        let label = format!("{}/app", self.host.name);
        let spec = ProcessSpec {
            program: options.hello.clone(),
            args: self.app_args(&app),
            env: app.env.into_iter().collect(),
            log: directory.log(&label)?,
            label,
        };
        self.app = Some(self.start(spec).await?);
        Ok(())
    }

    fn app_args(&self, app: &App) -> Vec<String> {
        let run = APP_KINDS.iter().find(|(_, kind)| *kind == app.run).map_or("hello", |(name, _)| *name);
        let mut args = vec!["--run".to_owned(), run.to_owned()];
        args.extend(["--version".to_owned(), app.version.clone(), "--port".to_owned(), app.port.to_string()]);
        args.extend(app.name.iter().flat_map(|name| ["--name".to_owned(), name.clone()]));
        // Through a proxy beside it the app may be reached at another address than its own.
        let address = self.host.addresses.first().filter(|_| app.run == AppKind::Hello);
        args.extend(address.iter().flat_map(|address| ["--address".to_owned(), address.to_string()]));
        args
    }

    /// Waits until its app takes connections.
    pub async fn wait_for_app(&self) -> Result<(), Trouble> {
        let (Some(process), Some(app)) = (&self.app, &self.host.app) else { return Ok(()) };
        let port = app.port;
        wait_until(process, START, || {
            let connected = self.machine.call(move || async move {
                TcpStream::connect(("127.0.0.1", port)).await.map(drop).map_err(|e| e.to_string())
            });
            async move { connected.await.unwrap_or_else(|gone| Err(gone.to_string())) }
        })
        .await
    }

    async fn start(&self, spec: ProcessSpec) -> Result<Process, Trouble> {
        let label = spec.label.clone();
        let started = Process::start(&self.machine, spec).await;
        started.map_err(|problem| Trouble::NotStarted { label, problem })
    }

    /// Ends its app, then its proxy, each gracefully; returns who had to be killed.
    pub async fn stop(&mut self) -> Vec<String> {
        let mut killed = Vec::new();
        for (process, grace) in [(self.app.take(), APP_GRACE), (self.proxy.take(), PROXY_GRACE)] {
            let Some(process) = process else { continue };
            if !process.stop(grace).await {
                killed.push(process.label().to_owned());
            }
        }
        self.state = State::Down;
        killed
    }

    /// Kills all that runs on it.
    pub async fn kill(&mut self) {
        for process in [self.app.take(), self.proxy.take()].into_iter().flatten() {
            process.kill().await;
        }
        self.state = State::Killed;
    }

    /// What runs on it, in words.
    pub fn plays(&self) -> String {
        let mut words = match &self.host.app {
            Some(app) => {
                let run = APP_KINDS.iter().find(|(_, kind)| *kind == app.run).map_or("", |(name, _)| *name);
                format!("{run} {} on {}", app.version, app.port)
            }
            None if self.host.kind == HostKind::Gateway => "gateway".to_owned(),
            None => "nothing".to_owned(),
        };
        if self.host.meshed {
            words.push_str(", meshed");
        }
        words
    }
}
