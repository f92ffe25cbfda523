//! A node: everything started, joined and ended in the right order.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use outrigger_proxy::{Options, Proxy};
use outrigger_xds::client;
use thiserror::Error;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::admin;
use crate::config::NodeConfig;
use crate::disk;
use crate::engine::{Engine, SharedEngine};
use crate::metadata;
use crate::serve::{self, Answer, HttpServer};
use crate::sink::EngineSink;
use crate::state::{NodeState, Readiness};

/// Changes are written to disk this long after the first of them.
const DEBOUNCE: Duration = Duration::from_millis(300);
/// What could not be written is tried again after this long.
const RETRY: Duration = Duration::from_secs(2);
/// Time that access logs have to be written when the node ends.
const FLUSH: Duration = Duration::from_secs(1);

/// Why a node does not start.
#[derive(Debug, Error)]
pub enum NodeError {
    /// The proxy could not be started.
    #[error("cannot start the proxy: {0}")]
    Proxy(#[source] io::Error),
    /// An address of its own is taken.
    #[error("cannot listen on {address} for {what}: {source}")]
    Bind {
        /// What for.
        what: &'static str,
        /// Which address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
}

/// A running data plane. Dropping it ends it at once; [`Node::drain`] ends it gently.
pub struct Node {
    state: Arc<NodeState>,
    servers: Servers,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Servers {
    admin: Option<HttpServer>,
    readiness: Option<HttpServer>,
    metrics: Option<HttpServer>,
}

impl Node {
    /// Starts a node on the current runtime. It returns at once; [`Node::readiness`] tells when it
    /// serves. With a last good configuration on disk that is at once, too.
    pub async fn start(config: NodeConfig) -> Result<Node, NodeError> {
        let options = Options {
            workers: config.workers,
            pin: config.pin_workers,
            local: metadata::local_node(&config),
            mark: config.mark,
            capture: config.capture,
            drain_time: config.drain_time,
            peer_metadata: Arc::new(metadata::Exchange::new(&config)),
        };
        let engine = Arc::new(Engine::new(Proxy::start(options).map_err(NodeError::Proxy)?));
        restore(&config, &engine);
        let state = Arc::new(NodeState::new(config, engine));
        let servers = start_servers(&state).await?;
        let retrying = state.clone();
        let retry = async move { retrying.engine.retry().await };
        let mut tasks = vec![tokio::spawn(follow(state.clone())), tokio::spawn(retry)];
        if let Some(folder) = state.config.data_dir.clone() {
            tasks.push(tokio::spawn(keep(state.clone(), folder)));
        }
        Ok(Node { state, servers, tasks })
    }

    /// How far it is.
    pub fn readiness(&self) -> Readiness {
        self.state.readiness()
    }

    /// Where the admin interface is.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.servers.admin.as_ref().map(|server| server.address)
    }

    /// Where readiness is told.
    pub fn readiness_address(&self) -> Option<SocketAddr> {
        self.servers.readiness.as_ref().map(|server| server.address)
    }

    /// Where metrics are read.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.servers.metrics.as_ref().map(|server| server.address)
    }

    /// The listening sockets of the proxy.
    pub fn listeners(&self) -> Vec<outrigger_proxy::BoundListener> {
        self.state.engine.proxy.listeners()
    }

    /// Returns when someone asks through the admin interface that the node end (/quitquitquit).
    pub async fn asked_to_quit(&self) {
        self.state.quit.notified().await;
    }

    /// Lets go of traffic without breaking any: connections are asked to end, listeners close at the
    /// end of the drain time or once nothing is left. Returns when that is done and logs are written.
    pub async fn drain(&self) {
        self.state.drain();
        self.state.engine.proxy.drained().await;
        if let Some(folder) = self.state.config.data_dir.clone()
            && let Err(error) = store(&self.state, folder).await
        {
            tracing::warn!(%error, "cannot keep the configuration on disk");
        }
        // A log that nobody reads blocks for ever, so this is a thread that no runtime waits for.
        let (done, flushed) = oneshot::channel();
        let engine = self.state.engine.clone();
        let flush = std::thread::Builder::new().name("flush".into()).spawn(move || {
            engine.proxy.telemetry().flush_logs();
            let _ = done.send(());
        });
        if flush.is_ok() {
            let _ = tokio::time::timeout(FLUSH, flushed).await;
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

fn restore(config: &NodeConfig, engine: &SharedEngine) {
    let Some(folder) = &config.data_dir else { return };
    match disk::load(folder, &config.id) {
        Ok(Some(kept)) => engine.restore(kept),
        Ok(None) => {}
        Err(reason) => tracing::warn!(%reason, "the last good configuration is not used"),
    }
}

async fn start_servers(state: &Arc<NodeState>) -> Result<Servers, NodeError> {
    let mut servers = Servers::default();
    let bind_error = |what, address| move |source| NodeError::Bind { what, address, source };
    if let Some(address) = state.config.admin {
        let state = state.clone();
        let server = serve::serve(address, move |question| admin::answer(&state, &question)).await;
        servers.admin = Some(server.map_err(bind_error("admin", address))?);
    }
    if let Some(address) = state.config.readiness {
        let state = state.clone();
        let server = serve::serve(address, move |question| match question.path {
            "/healthz/ready" => match state.readiness() {
                Readiness::Live => Answer::text(200, ""),
                Readiness::Initializing | Readiness::Draining => Answer::text(503, "not ready\n"),
            },
            _ => Answer::text(404, "not found\n"),
        });
        servers.readiness = Some(server.await.map_err(bind_error("readiness", address))?);
    }
    if let Some(address) = state.config.metrics {
        let state = state.clone();
        let server = serve::serve(address, move |question| match question.path {
            "/stats/prometheus" | "/metrics" => admin::prometheus(&state),
            _ => Answer::text(404, "not found\n"),
        });
        servers.metrics = Some(server.await.map_err(bind_error("metrics", address))?);
    }
    Ok(servers)
}

/// Follows the control plane for ever.
async fn follow(state: Arc<NodeState>) {
    let mut config = client::Config::new(&state.config.control_plane, metadata::xds_node(&state.config));
    config.mark = state.config.mark;
    let Err(error) = client::run(config, EngineSink(state.engine.clone())).await;
    tracing::error!(%error, "the control plane cannot be reached, now or ever");
}

/// Keeps what is held on disk.
async fn keep(state: Arc<NodeState>, folder: PathBuf) {
    let mut has_failed = false;
    loop {
        if has_failed {
            tokio::time::sleep(RETRY).await;
        } else {
            state.engine.changed.notified().await;
            tokio::time::sleep(DEBOUNCE).await;
        }
        let stored = store(&state, folder.clone()).await;
        match &stored {
            Err(error) if !has_failed => {
                tracing::warn!(%error, "cannot keep the configuration on disk, trying again");
            }
            Ok(()) if has_failed => tracing::info!("the configuration is kept on disk again"),
            _ => {}
        }
        has_failed = stored.is_err();
    }
}

async fn store(state: &NodeState, folder: PathBuf) -> io::Result<()> {
    let kept = {
        let assembly = state.engine.assembly();
        if !assembly.is_started() {
            return Ok(());
        }
        assembly.kept()
    };
    let id = state.config.id.clone();
    tokio::task::spawn_blocking(move || disk::store(&folder, &id, kept)).await.map_err(io::Error::other)?
}
