//! The proxies that are connected: who they are, what they may have, and how they stand with it.
//!
//! Lock discipline: one mutex, held for moments, never while something is computed or awaited. The
//! streams report here; the writer publishes here; admin reads here.

mod convergence;
mod standing;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use outrigger_compile::Proxy;
use outrigger_proto::type_url;
use outrigger_xds::{Assets, ClientId, Event, Subscription};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::metrics::{Metrics, short_type};

use convergence::Convergence;
pub use standing::{Standing, State};

/// Everyone who is connected.
pub struct Proxies {
    next_id: AtomicU64,
    inner: Mutex<Inner>,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Inner {
    connected: BTreeMap<ClientId, Connected>,
    convergence: Convergence,
}

struct Connected {
    proxy: Arc<Proxy>,
    peer: Option<SocketAddr>,
    /// What it says it runs, e.g. Envoy's version.
    engine: String,
    since: SystemTime,
    assets: watch::Sender<Arc<Assets>>,
    types: BTreeMap<Arc<str>, Standing>,
    settled: Option<u64>,
}

/// How one proxy stands, for admin.
pub struct Report {
    /// The stream's id.
    pub id: ClientId,
    /// Who it is.
    pub proxy: Arc<Proxy>,
    /// Where it calls from.
    pub peer: Option<SocketAddr>,
    /// What it says it runs.
    pub engine: String,
    /// Since when it is connected.
    pub since: SystemTime,
    /// What it may have.
    pub assets: Arc<Assets>,
    /// How it stands with each type that it asked for.
    pub types: BTreeMap<Arc<str>, Standing>,
    /// Why it does not have everything yet; `None`: it does.
    pub pending: Option<String>,
}

impl Proxies {
    pub fn new(metrics: Arc<Metrics>) -> Proxies {
        Proxies { next_id: AtomicU64::new(1), inner: Mutex::default(), metrics }
    }

    /// Lets a proxy in. It gets nothing before something is published for it.
    pub fn connect(&self, proxy: Arc<Proxy>, peer: Option<SocketAddr>, engine: String) -> Subscription {
        let id = ClientId(self.next_id.fetch_add(1, Ordering::Relaxed));
        let (sender, assets) = watch::channel(Assets::pending());
        info!(proxy = %proxy.id, ?peer, "proxy connected");
        self.metrics.connections.add(1);
        let connected = Connected {
            proxy,
            peer,
            engine,
            since: SystemTime::now(),
            assets: sender,
            types: BTreeMap::new(),
            settled: None,
        };
        self.lock().connected.insert(id, connected);
        Subscription { id, assets }
    }

    /// Gives these proxies these assets, as the outcome of a change that was noticed at `since`
    /// (`None`: no change, a proxy came).
    pub fn publish(&self, published: &[(ClientId, Arc<Assets>)], since: Option<Instant>) {
        let mut inner = self.lock();
        if let Some(since) = since {
            inner.convergence.begin(since, published.iter().map(|(id, assets)| (*id, assets.version)));
        }
        for (id, assets) in published {
            match inner.connected.get(id) {
                Some(connected) => drop(connected.assets.send_replace(assets.clone())),
                // It left meanwhile.
                None => inner.convergence.leave(*id),
            }
        }
    }

    /// Takes in what became of a stream.
    pub fn report(&self, id: ClientId, event: Event) {
        let mut guard = self.lock();
        let inner = &mut *guard;
        if let Event::Disconnected = event {
            inner.convergence.leave(id);
            if let Some(left) = inner.connected.remove(&id) {
                info!(proxy = %left.proxy.id, "proxy disconnected");
            }
            return;
        }
        let Some(connected) = inner.connected.get_mut(&id) else { return };
        self.count(&event, connected);
        match event {
            Event::Settled { version } => {
                connected.settled = Some(version);
                for time in inner.convergence.settle(id, version) {
                    self.metrics.convergence.observe(time);
                }
            }
            Event::Unsettled => connected.settled = None,
            Event::Disconnected => {}
            Event::Subscribed { type_url } => {
                connected.types.entry(type_url).or_default();
            }
            Event::Sent { type_url, version, nonce, resources, removed, .. } => {
                connected.types.entry(type_url).or_default().sent(version, nonce, resources, removed);
            }
            Event::Acked { type_url, version, nonce } => {
                connected.types.entry(type_url).or_default().acked(version, nonce);
            }
            Event::Nacked { type_url, nonce, resources, error, .. } => {
                connected.types.entry(type_url).or_default().nacked(nonce, &resources, error);
            }
        }
    }

    fn count(&self, event: &Event, connected: &Connected) {
        let metrics = &self.metrics;
        match event {
            Event::Sent { type_url, resources, bytes, .. } => {
                metrics.pushes.add(type_url, 1);
                metrics.push_bytes.add(type_url, *bytes as u64);
                metrics.push_resources.add(type_url, resources.len() as u64);
            }
            Event::Acked { type_url, .. } => metrics.acks.add(type_url, 1),
            Event::Nacked { type_url, error, .. } => {
                metrics.nacks.add(type_url, 1);
                let kind = short_type(type_url);
                warn!(proxy = %connected.proxy.id, r#type = kind, %error, "a proxy refused resources");
            }
            _ => {}
        }
    }

    /// How everyone stands, in the order in which they came.
    pub fn reports(&self) -> Vec<Report> {
        let inner = self.lock();
        let report = |(id, connected): (&ClientId, &Connected)| Report {
            id: *id,
            proxy: connected.proxy.clone(),
            peer: connected.peer,
            engine: connected.engine.clone(),
            since: connected.since,
            assets: connected.assets.borrow().clone(),
            types: connected.types.clone(),
            pending: connected.pending(),
        };
        inner.connected.iter().map(report).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change under the lock is whole in itself: a panic elsewhere left nothing half done.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connected {
    /// Why it does not have everything that it will ask for.
    fn pending(&self) -> Option<String> {
        let version = self.assets.borrow().version;
        if version == 0 {
            return Some("nothing has been computed for it yet".into());
        }
        let asked = |url: &str| self.types.contains_key(url);
        if self.types.is_empty() || asked(type_url::CLUSTER) && !asked(type_url::LISTENER) {
            return Some("it has not asked for listeners yet".into());
        }
        // The protocol gives up on answers after a while; who asks whether all is well does not.
        let waiting = self.types.iter().filter(|(_, standing)| standing.is_waiting());
        let waiting: Vec<&str> = waiting.map(|(url, _)| short_type(url)).collect();
        if !waiting.is_empty() {
            return Some(format!("it has not answered {}", waiting.join(", ")));
        }
        if self.settled != Some(version) {
            return Some(format!("version {version} is on its way"));
        }
        None
    }
}
