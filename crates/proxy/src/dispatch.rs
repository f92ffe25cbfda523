//! The way of an accepted connection to the filter chain that serves it. Every decision is made in
//! `traffic`; what is done here is finding out what it needs to know.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use outrigger_traffic::{ConnectionFacts, Filter, Listener, NoTrace, Transport};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::capture;
use crate::downstream::{Downstream, DownstreamFacts, DownstreamGuard, TlsFacts};
use crate::inspect::{Found, Inspector, Verdict};
use crate::worker::Worker;
use crate::{http, tcp};

/// The first bytes may take this long at most, whatever a listener says; then it is plain TCP.
const MAX_INSPECT_TIME: Duration = Duration::from_secs(5);

/// Room for one read of the first bytes.
const READ_SIZE: usize = 4096;

/// Serves a connection from its acceptance to its end.
pub async fn serve(mut stream: TcpStream, peer: SocketAddr, listener: Arc<str>, worker: Rc<Worker>) {
    let snapshot = worker.snapshot();
    let Some(accepting) = snapshot.listener(&listener) else { return };
    // An error here means that the peer is gone already.
    let Ok(local) = stream.local_addr().map(capture::canonical) else { return };
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let mut original_dst = None;
    if accepting.restores_original_dst && worker.options.capture {
        original_dst = capture::original_dst(&stream, local);
    }
    let target = match original_dst {
        Some(original) => snapshot.capture_target(original, accepting, &mut NoTrace),
        None => accepting,
    };
    let stats = worker.telemetry.listener(target);
    let token = worker.connections.open();
    let id = token.id;
    let guard = DownstreamGuard::new(token, stats.clone());

    let local = original_dst.unwrap_or(local);
    let mut read_ahead = BytesMut::new();
    let found = match inspect(&mut stream, &mut read_ahead, target, local.port()).await {
        Inspected::Found(found) => found,
        Inspected::TimedOut(Some(found)) => {
            stats.pre_cx_timeout.inc();
            found
        }
        Inspected::TimedOut(None) => {
            stats.pre_cx_timeout.inc();
            return;
        }
        Inspected::Gone => return,
    };
    let Some(chain) = select(target, local, peer, &found) else {
        stats.no_filter_chain_match.inc();
        tracing::debug!(listener = %target.name, %peer, %local, flag = "NR", "no filter chain takes it");
        return;
    };
    let facts = DownstreamFacts {
        id,
        peer,
        local,
        original_dst,
        listener: target.clone(),
        chain: chain.name.clone(),
        tls: tls_facts(&found),
        application_protocols: found.application_protocols,
        checked: Cell::new((0, false)),
    };
    let downstream = Downstream { stream, read_ahead, facts: Rc::new(facts), guard };
    let filter = chain.filter.clone();
    drop(snapshot);
    match filter {
        Filter::Http(manager) => http::serve(downstream, manager, worker).await,
        Filter::Tcp(proxy) => tcp::serve(downstream, proxy, worker).await,
    }
}

fn select<'a>(
    listener: &'a Listener,
    destination: SocketAddr,
    source: SocketAddr,
    found: &Found,
) -> Option<&'a outrigger_traffic::FilterChain> {
    let protocols: smallvec::SmallVec<[&str; 4]> =
        found.application_protocols.iter().map(|name| &**name).collect();
    let facts = ConnectionFacts {
        destination,
        source,
        transport: found.transport,
        server_name: found.sni.as_deref(),
        application_protocols: &protocols,
    };
    listener.select_chain(&facts, &mut NoTrace)
}

fn tls_facts(found: &Found) -> TlsFacts {
    let is_tls = found.transport == Transport::Tls;
    TlsFacts {
        is_tls,
        sni: found.sni.clone(),
        alpn: if is_tls { found.application_protocols.clone() } else { Vec::new() },
    }
}

enum Inspected {
    Found(Found),
    /// With what to go on with, if the listener wants to.
    TimedOut(Option<Found>),
    Gone,
}

async fn inspect(
    stream: &mut TcpStream,
    read_ahead: &mut BytesMut,
    listener: &Listener,
    port: u16,
) -> Inspected {
    let inspector = Inspector::new(listener, port);
    if inspector.is_idle() {
        return Inspected::Found(Found::default());
    }
    let time = listener.inspect.timeout.unwrap_or(MAX_INSPECT_TIME).min(MAX_INSPECT_TIME);
    let reading = async {
        loop {
            read_ahead.reserve(READ_SIZE);
            match stream.read_buf(read_ahead).await {
                Err(_) => return Inspected::Gone,
                // It may still want to hear what the server says.
                Ok(0) => return Inspected::Found(Found::default()),
                Ok(_) => {}
            }
            if let Verdict::Done(found) = inspector.feed(read_ahead) {
                return Inspected::Found(found);
            }
        }
    };
    match tokio::time::timeout(time, reading).await {
        Ok(inspected) => inspected,
        Err(_) => Inspected::TimedOut(listener.inspect.continue_on_timeout.then(Found::default)),
    }
}
