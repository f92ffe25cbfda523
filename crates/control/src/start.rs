//! Starts a control plane and stops it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use outrigger_base::{Code, Diagnostic, Severity};
use outrigger_sources::{Directory, Load, SourceError};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::{error, info};

use crate::admin;
use crate::command::Command;
use crate::config::{Config, StartError};
use crate::door::Door;
use crate::feeds::Feeds;
use crate::mesh_file::{MeshFile, Settings};
use crate::shared::Shared;
use crate::writer::Writer;

/// The namespace of objects that name none.
const DEFAULT_NAMESPACE: &str = "default";

/// How long connections may take to close when the control plane stops.
const CLOSING: Duration = Duration::from_secs(2);

/// A running control plane. Dropping it stops it, too, without waiting.
pub struct ControlPlane {
    xds: SocketAddr,
    admin: SocketAddr,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    /// The two servers; they end when told.
    servers: JoinSet<()>,
    /// Those that listen to the sources; they never end by themselves.
    feeds: JoinSet<()>,
    writer: Option<JoinHandle<()>>,
}

/// Reads the sources, and serves what they say. Everything that was there at the call is in force
/// when this returns.
pub async fn start(config: Config) -> Result<ControlPlane, StartError> {
    let xds = listen("xDS", config.xds).await?;
    let admin = listen("admin", config.admin).await?;
    let addresses = (address(&xds, config.xds), address(&admin, config.admin));
    let (loaded, config) = blocking(move || (load(&config), config)).await;
    let Loaded { directories, settings_file, writer } = loaded?;

    let (commands, received) = mpsc::unbounded_channel();
    let shared = Arc::new(Shared::new(config.cluster.clone(), writer.published(), commands));
    let (stop, stopped) = watch::channel(false);
    let (mut listening, mut servers) = (JoinSet::new(), JoinSet::new());
    let feeds = Feeds::start(directories, settings_file, &shared, &mut listening);
    let thread = {
        let shared = shared.clone();
        let run = move || writer.run(received, &shared);
        std::thread::Builder::new().name("writer".into()).spawn(run).map_err(StartError::Thread)?
    };
    let service = outrigger_xds::server(Arc::new(Door(shared.clone()))).with_timing(config.timing.clone());
    servers.spawn({
        let stopped = until(stopped.clone());
        async move {
            if let Err(error) = outrigger_xds::serve(xds, service, stopped).await {
                error!(%error, "xDS is not served any more");
            }
        }
    });
    servers.spawn(admin::serve(admin, shared.clone(), feeds, until(stopped)));
    info!(xds = %addresses.0, admin = %addresses.1, "control plane started");
    let (xds, admin) = addresses;
    Ok(ControlPlane { xds, admin, shared, stop, servers, feeds: listening, writer: Some(thread) })
}

impl ControlPlane {
    /// Where xDS is served.
    pub fn xds(&self) -> SocketAddr {
        self.xds
    }

    /// Where admin is served.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Everything that is wrong or has no effect now.
    pub fn diagnostics(&self) -> Arc<[Diagnostic]> {
        self.shared.state.load().diagnostics.clone()
    }

    /// Ends the streams, closes the sockets and waits, for a short while, until all is closed.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let closed = async { while self.servers.join_next().await.is_some() {} };
        if tokio::time::timeout(CLOSING, closed).await.is_err() {
            info!("some connections did not close in time");
        }
        self.servers.shutdown().await;
        self.feeds.shutdown().await;
        self.shared.tell(Command::Stop);
        if let Some(writer) = self.writer.take() {
            blocking(move || {
                // A panic there was printed by the thread itself.
                let _ = writer.join();
            })
            .await;
        }
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.shared.tell(Command::Stop);
    }
}

struct Loaded {
    directories: Vec<Directory>,
    settings_file: Option<MeshFile>,
    writer: Writer,
}

/// Reads everything for the first time.
fn load(config: &Config) -> Result<Loaded, StartError> {
    let (settings_file, settings) = match &config.mesh_config {
        None => (None, Settings::default()),
        Some(path) => {
            let opened = MeshFile::open(path);
            let (file, settings) = opened.map_err(|error| StartError::Read { path: path.clone(), error })?;
            (Some(file), settings)
        }
    };
    let mut directories = Vec::new();
    let mut loads: Vec<Load> = Vec::new();
    for path in &config.directories {
        let mut directory = Directory::open(path, DEFAULT_NAMESPACE).map_err(|error| match error {
            SourceError::Unreadable { path, error } => StartError::Read { path, error },
            SourceError::Thread { error, .. } => StartError::Thread(error),
        })?;
        loads.push(directory.initial());
        directories.push(directory);
    }
    let mut writer = Writer::new(config, settings);
    let diagnostics = writer.start(loads).diagnostics;
    let security = |d: &&Diagnostic| d.code == Code::SECURITY_NOT_ENFORCED && d.severity == Severity::Error;
    let diagnostics: Vec<_> = diagnostics.iter().filter(security).cloned().collect();
    if !diagnostics.is_empty() && !config.allow_unenforced {
        return Err(StartError::SecurityNotEnforced { diagnostics });
    }
    Ok(Loaded { directories, settings_file, writer })
}

async fn listen(purpose: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| StartError::Listen { purpose, address, error })
}

fn address(listener: &TcpListener, wanted: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(wanted)
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // An error says that the control plane was dropped.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Runs something long without holding up the runtime.
async fn blocking<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
