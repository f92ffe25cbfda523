//! Connections to one host, kept for the next request. They live in the host, so they go when the
//! host goes; each worker has its own.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::task::Poll;
use std::time::Duration;

use outrigger_traffic::UpstreamProtocol;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::http1::client::Http1Upstream;
use super::http2::client::{Http2Connection, Http2Upstream};
use super::stream::drop_rest;
use super::upstream::Upstream;
use crate::telemetry::Protocol;
use crate::upstream::{Cluster, ConnectError, Host, Limit};

/// How often idle connections are looked through.
const REAP_EVERY: Duration = Duration::from_secs(5);

/// The connections to one host that wait for a request (HTTP/1) or have room for one (HTTP/2).
#[derive(Default)]
pub struct HostPools {
    http1: RefCell<Vec<Idle>>,
    http2: RefCell<Vec<Rc<Http2Connection>>>,
    /// Someone is opening an HTTP/2 connection; others wait for it rather than open their own.
    opening: Cell<bool>,
    /// A connection or stream has become free, or went away.
    changed: Rc<Notify>,
    reaping: Cell<bool>,
}

struct Idle {
    upstream: Box<Http1Upstream>,
    since: Instant,
}

/// Which connection a request wants.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// What is spoken.
    pub version: Version,
    /// Not one that was used before.
    pub fresh: bool,
    /// One that the kernel says is alive: the request cannot be sent twice.
    pub careful: bool,
}

/// What is spoken upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, with at most so many streams on a connection.
    Http2(Option<u32>),
}

impl Version {
    /// What a cluster speaks with a client that speaks `downstream`.
    pub fn of(protocol: UpstreamProtocol, downstream: Protocol) -> Version {
        match (protocol, downstream) {
            (UpstreamProtocol::Http1, _) => Version::Http1,
            (UpstreamProtocol::Http2 { max_concurrent_streams }, _) => Version::Http2(max_concurrent_streams),
            (UpstreamProtocol::Downstream, Protocol::Http2) => Version::Http2(None),
            (UpstreamProtocol::Downstream, _) => Version::Http1,
        }
    }
}

/// A connection to a host that is there already.
pub fn ready(cluster: &Rc<Cluster>, host: &Rc<Host>, wish: Wish) -> Option<Upstream> {
    host.extension::<HostPools>().take(cluster, wish)
}

/// Opens a connection to a host, or waits for one to become free.
pub async fn acquire(cluster: &Rc<Cluster>, host: &Rc<Host>, wish: Wish) -> Result<Upstream, ConnectError> {
    let pools: &HostPools = host.extension();
    let _waiting = cluster.admit(Limit::Pending).ok_or(ConnectError::Overflow)?;
    loop {
        let changed = pools.changed.notified();
        let opened = match wish.version {
            Version::Http1 => Some(pools.open_http1(cluster, host).await),
            Version::Http2(_) if pools.opening.get() => None,
            Version::Http2(_) => Some(pools.open_http2(cluster, host).await),
        };
        match opened {
            Some(Ok(upstream)) => return Ok(upstream),
            // At the limit of connections a request waits for one, unless it wants a fresh one.
            Some(Err(ConnectError::Overflow)) if !wish.fresh => {}
            Some(Err(error)) => return Err(error),
            None => {}
        }
        changed.await;
        if let Some(upstream) = pools.take(cluster, wish) {
            return Ok(upstream);
        }
    }
}

/// Gives a connection back after its request. One that may not be used again is closed.
pub fn release(cluster: &Rc<Cluster>, host: &Rc<Host>, upstream: Upstream) {
    let pools: &HostPools = host.extension();
    if let Upstream::Http1(mut upstream) = upstream
        && upstream.is_reusable()
        && !is_spent(cluster, upstream.requests, upstream.opened)
    {
        upstream.rest();
        pools.http1.borrow_mut().push(Idle { upstream, since: Instant::now() });
        pools.reap(cluster, host);
    }
    pools.changed.notify_one();
}

/// Gives a connection back whose response nobody will read, if that has already arrived.
pub async fn release_unread(cluster: &Rc<Cluster>, host: &Rc<Host>, mut upstream: Upstream) {
    if poll_fn(|cx| Poll::Ready(drop_rest(cx, &mut upstream))).await {
        release(cluster, host, upstream);
    } else {
        discard(host, upstream);
    }
}

/// Closes a connection whose request did not end well; a stream is reset.
pub fn discard(host: &Rc<Host>, upstream: Upstream) {
    drop(upstream);
    host.extension::<HostPools>().changed.notify_one();
}

fn is_spent(cluster: &Cluster, requests: u32, opened: Instant) -> bool {
    let config = cluster.config();
    config.max_requests_per_connection.is_some_and(|most| most > 0 && requests >= most)
        || config.max_connection_duration.is_some_and(|longest| opened.elapsed() >= longest)
}

impl HostPools {
    /// A connection that is there already.
    fn take(&self, cluster: &Rc<Cluster>, wish: Wish) -> Option<Upstream> {
        match wish.version {
            Version::Http1 if wish.fresh => None,
            Version::Http1 => self.take_http1(cluster, wish.careful).map(Upstream::Http1),
            Version::Http2(most) => self.take_http2(cluster, most),
        }
    }

    fn take_http1(&self, cluster: &Rc<Cluster>, careful: bool) -> Option<Box<Http1Upstream>> {
        // The one used last is the likeliest to be alive, and the others may grow old and go.
        loop {
            let idle = self.http1.borrow_mut().pop()?;
            if is_usable(cluster, &idle) && (!careful || idle.upstream.is_alive_now()) {
                return Some(idle.upstream);
            }
        }
    }

    fn take_http2(&self, cluster: &Rc<Cluster>, most: Option<u32>) -> Option<Upstream> {
        let mut connections = self.http2.borrow_mut();
        connections.retain(|connection| {
            if is_spent(cluster, connection.streams.get(), connection.opened) {
                connection.retire();
            }
            !connection.is_closed()
        });
        let connection = connections.iter().find(|connection| connection.has_room(most))?;
        Some(Upstream::Http2(Box::new(Http2Upstream::new(connection.lease()))))
    }

    async fn open_http1(&self, cluster: &Rc<Cluster>, host: &Rc<Host>) -> Result<Upstream, ConnectError> {
        let connection = cluster.connect(host).await?;
        Ok(Upstream::Http1(Box::new(Http1Upstream::new(connection))))
    }

    async fn open_http2(&self, cluster: &Rc<Cluster>, host: &Rc<Host>) -> Result<Upstream, ConnectError> {
        let _opening = Opening::new(self);
        let connection = cluster.connect(host).await?;
        let handshake = Http2Connection::handshake(connection, self.changed.clone());
        let connection = handshake.await.map_err(|_| {
            ConnectError::Io(std::io::Error::new(
                std::io::ErrorKind::ConnectionReset,
                "HTTP/2 handshake failed",
            ))
        })?;
        let upstream = Upstream::Http2(Box::new(Http2Upstream::new(connection.lease())));
        self.http2.borrow_mut().push(connection);
        self.reap(cluster, host);
        Ok(upstream)
    }

    /// Sees to it that idle connections are closed in time, as long as there are any.
    fn reap(&self, cluster: &Rc<Cluster>, host: &Rc<Host>) {
        if !self.reaping.replace(true) {
            tokio::task::spawn_local(reap(Rc::downgrade(cluster), Rc::downgrade(host)));
        }
    }

    /// Closes what is too old or was closed by the peer; says whether anything is left.
    fn sweep(&self, cluster: &Rc<Cluster>) -> bool {
        let mut http1 = self.http1.borrow_mut();
        http1.retain(|idle| is_usable(cluster, idle));
        http1.shrink_to(16);
        let mut http2 = self.http2.borrow_mut();
        http2.retain(|connection| {
            let idle = connection.active() == 0 && is_too_idle(cluster, connection.idle_since.get());
            !connection.is_closed() && !idle
        });
        !http1.is_empty() || !http2.is_empty()
    }
}

fn is_usable(cluster: &Cluster, idle: &Idle) -> bool {
    !is_too_idle(cluster, idle.since)
        && !is_spent(cluster, idle.upstream.requests, idle.upstream.opened)
        && idle.upstream.is_alive()
}

fn is_too_idle(cluster: &Cluster, since: Instant) -> bool {
    cluster.config().idle_timeout.is_some_and(|longest| since.elapsed() >= longest)
}

async fn reap(cluster: Weak<Cluster>, host: Weak<Host>) {
    loop {
        sleep(REAP_EVERY).await;
        // Neither is kept alive by this task: a host that left the cluster takes its pool along.
        let (Some(cluster), Some(host)) = (cluster.upgrade(), host.upgrade()) else { return };
        let pools: &HostPools = host.extension();
        if !pools.sweep(&cluster) {
            pools.reaping.set(false);
            return;
        }
    }
}

/// Marks that an HTTP/2 connection is being opened, until dropped.
struct Opening<'a>(&'a HostPools);

impl<'a> Opening<'a> {
    fn new(pools: &'a HostPools) -> Opening<'a> {
        pools.opening.set(true);
        Opening(pools)
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.0.opening.set(false);
        self.0.changed.notify_waiters();
    }
}
