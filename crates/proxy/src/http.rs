//! Requests: reads them from a downstream connection, routes each, carries it upstream, and its
//! response back.
//!
//! The way of a request: `server` reads a head into a [`pipeline::Slot`]; `pipeline` has it made clean
//! (`sanitize`) and routed (in `traffic`), then has it answered (`answer`) or carried (`forward` →
//! `attempts` → `pool`, `exchange`); at the end `story` tells telemetry. `http1` and `http2` are the
//! codecs, `head` and `stream` what both make of messages.
//!
//! One task serves a connection (HTTP/1) or stream (HTTP/2), both directions of it; nothing is sent
//! between tasks. Heads stand in one block of bytes each, bodies in the buffer that they were read
//! into; buffers go back to the thread's list when a connection falls idle.

mod answer;
mod attempts;
mod buffer;
mod caller;
mod context;
mod drain;
mod exchange;
mod forward;
mod head;
mod headers;
mod http1;
mod http2;
mod mutate;
mod names;
mod path;
mod pipeline;
mod pool;
mod replay;
mod reply;
mod retry;
mod rewind;
mod sanitize;
mod server;
mod story;
mod stream;
mod syntax;
mod timer;
mod upstream;

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use outrigger_traffic::{Codec, HttpManager};
use tokio::time::Instant;

use self::context::Context;
use self::http1::connection::Connection;
use self::rewind::Rewind;
use self::timer::Timer;
use crate::downstream::Downstream;
use crate::worker::Worker;

/// What an HTTP/2 connection starts with (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Serves a connection until it ends.
pub async fn serve(downstream: Downstream, manager: Arc<HttpManager>, worker: Rc<Worker>) {
    let Downstream { stream, read_ahead, facts, guard } = downstream;
    let mut connection = Connection::new(stream);
    connection.input.extend(&read_ahead);
    drop(read_ahead);
    let codec = manager.codec;
    let context = Context::new(worker, manager, facts);
    let is_http2 = match codec {
        Codec::Http1 => Some(false),
        Codec::Http2 => Some(true),
        Codec::Auto => detect(&context, &mut connection).await,
    };
    match is_http2 {
        Some(true) => {
            let (stream, first) = connection.into_parts();
            server::http2::serve(context, Rewind::new(first, stream)).await;
        }
        Some(false) => server::http1::serve(&context, connection).await,
        None => {}
    }
    drop(guard);
}

/// Finds out from the first bytes whether HTTP/2 is spoken. `None`: the connection ended.
async fn detect(context: &Context, connection: &mut Connection) -> Option<bool> {
    let deadline = context.manager.idle_timeout.map(|timeout| Instant::now() + timeout);
    let mut timer = Timer::default();
    poll_fn(|cx| {
        loop {
            let data = connection.input.data();
            if data.starts_with(PREFACE) {
                return Poll::Ready(Some(true));
            }
            if !PREFACE.starts_with(data) {
                return Poll::Ready(Some(false));
            }
            match connection.poll_read(cx, buffer::SMALL) {
                Poll::Ready(Ok(n)) if n > 0 => {}
                Poll::Ready(_) => return Poll::Ready(None),
                Poll::Pending => break,
            }
        }
        // Drains let it be: its first request may be on its way.
        timer.poll_until(cx, deadline).map(|()| None)
    })
    .await
}
