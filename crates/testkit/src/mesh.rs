use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::process::{Process, binary, environment, free_ports, wait_until};
use crate::raw::get;

/// Long enough for a loaded CI machine; a healthy start takes a fraction of it.
const START: Duration = Duration::from_secs(30);

/// Which data plane a gateway runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Outrigger's own.
    Native,
    /// A supervised Envoy; `OUTRIGGER_ENVOY` names the binary.
    Envoy,
}

impl Engine {
    /// The engines that can run here; prints a skip for Envoy where there is no binary.
    pub fn available(test: &str) -> Vec<Engine> {
        let mut engines = vec![Engine::Native];
        if environment(&format!("{test} (envoy)"), "OUTRIGGER_ENVOY").is_some() {
            engines.push(Engine::Envoy);
        }
        engines
    }
}

/// A control plane on loopback with a folder of manifests.
#[derive(Debug)]
pub struct Mesh {
    folder: TempDir,
    control: Option<Process>,
    xds: u16,
    admin: u16,
}

impl Mesh {
    /// Starts `outrigger up` on these manifests, one file each: (name, text).
    pub fn start(manifests: &[(&str, &str)]) -> Mesh {
        Mesh::start_configured("", manifests)
    }

    /// The same with a MeshConfig, as YAML.
    pub fn start_configured(config: &str, manifests: &[(&str, &str)]) -> Mesh {
        let folder = tempfile::tempdir().expect("temporary folders can be made");
        std::fs::create_dir(folder.path().join("manifests")).expect("a fresh folder is empty");
        let ports = free_ports(2);
        let mut mesh = Mesh { folder, control: None, xds: ports[0], admin: ports[1] };
        for (name, text) in manifests {
            mesh.write(name, text);
        }
        std::fs::write(mesh.config(), config).expect("the folder is writable");
        mesh.start_control();
        mesh
    }

    /// Starts the control plane, again if it was stopped; same ports, same folder.
    pub fn start_control(&mut self) {
        let mut command = Command::new(binary("outrigger"));
        command
            .arg("up")
            .arg("-f")
            .arg(self.manifests())
            .arg("--mesh-config")
            .arg(self.config())
            .args(["--xds", &format!("127.0.0.1:{}", self.xds)])
            .args(["--admin", &format!("127.0.0.1:{}", self.admin)]);
        self.control = Some(Process::start(command, &self.folder.path().join("control.log")));
        let admin = self.admin();
        wait_until("the control plane's readiness", START, || {
            get(admin, "admin", "/ready").ok().filter(|a| a.status == 200)
        });
    }

    /// Writes a manifest file atomically.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.manifests().join(name);
        let temporary = self.folder.path().join("writing");
        std::fs::write(&temporary, text).expect("the folder is writable");
        std::fs::rename(&temporary, &path).expect("both lie in one file system");
    }

    /// Removes a manifest file.
    pub fn remove(&self, name: &str) {
        std::fs::remove_file(self.manifests().join(name)).expect("the file exists");
    }

    /// The folder that the control plane reads.
    pub fn manifests(&self) -> PathBuf {
        self.folder.path().join("manifests")
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("mesh-config.yaml")
    }

    /// A folder for the test's own files.
    pub fn scratch(&self) -> &Path {
        self.folder.path()
    }

    /// The control plane's admin address.
    pub fn admin(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.admin).into()
    }

    /// The control plane's xDS address.
    pub fn xds(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.xds).into()
    }

    /// The control plane's process.
    pub fn control(&mut self) -> &mut Process {
        self.control.as_mut().expect("the control plane runs")
    }

    /// Kills the control plane without warning.
    pub fn kill_control(&mut self) {
        self.control = None;
    }

    /// Starts a gateway (labels `istio: ingressgateway`, namespace istio-system) and waits until it
    /// is ready.
    pub fn gateway(&self, name: &str, engine: Engine) -> Gateway {
        self.gateway_with(name, engine, &[])
    }

    /// The same with further arguments.
    pub fn gateway_with(&self, name: &str, engine: Engine, arguments: &[&str]) -> Gateway {
        let ports = free_ports(3);
        let mut gateway = Gateway {
            name: name.to_string(),
            engine,
            xds: self.xds(),
            ports: [ports[0], ports[1], ports[2]],
            folder: self.folder.path().join(name),
            arguments: arguments.iter().map(|a| a.to_string()).collect(),
            process: None,
        };
        std::fs::create_dir_all(&gateway.folder).expect("the folder is writable");
        gateway.start();
        gateway
    }
}

/// A gateway on loopback.
#[derive(Debug)]
pub struct Gateway {
    name: String,
    engine: Engine,
    xds: SocketAddr,
    ports: [u16; 3],
    folder: PathBuf,
    arguments: Vec<String>,
    process: Option<Process>,
}

impl Gateway {
    /// Starts it, again if it was stopped, and waits until it is ready.
    pub fn start(&mut self) {
        self.spawn();
        self.wait_ready();
    }

    /// Starts it without waiting.
    pub fn spawn(&mut self) {
        let [admin, readiness, metrics] = self.ports.map(|p| p.to_string());
        let mut command = Command::new(binary("outrigger-proxy"));
        command
            .args(["run", "--role", "gateway", "--namespace", "istio-system", "--address", "127.0.0.1"])
            .args(["--labels", "istio=ingressgateway", "--workers", "1", "--name", &self.name])
            .args(["--control-plane", &self.xds.to_string(), "--admin-port", &admin])
            .args(["--readiness-port", &readiness, "--metrics-port", &metrics])
            .args(["--engine", if self.engine == Engine::Native { "native" } else { "envoy" }])
            .arg("--data-dir")
            .arg(self.folder.join("data"))
            .args(&self.arguments);
        self.process = Some(Process::start(command, &self.folder.join("log")));
    }

    /// Waits until it says that it is ready.
    pub fn wait_ready(&mut self) {
        let readiness = SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports[1]));
        wait_until("the gateway's readiness", START, || {
            assert!(self.process().is_alive(), "the gateway ended: {}", self.process().output());
            get(readiness, "readiness", "/healthz/ready").ok().filter(|a| a.status == 200)
        });
    }

    /// Its process: the agent, which for Envoy is not the data plane itself.
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("the gateway runs")
    }

    /// Its admin address.
    pub fn admin(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports[0]).into()
    }

    /// The address of its metrics.
    pub fn metrics(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports[2]).into()
    }
}
