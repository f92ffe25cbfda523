//! The client's end of HTTP/2: accepts streams of a connection and serves each in a task of its own.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use http::Request;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use crate::drain::Phase;
use crate::http::caller::Caller;
use crate::http::context::Context;
use crate::http::head::{BodyLength, ResponseHead};
use crate::http::headers::Headers;
use crate::http::http2::body::{Incoming, Outgoing, stream_error};
use crate::http::http2::client::{CONNECTION_WINDOW, SEND_BUFFER, STREAM_WINDOW};
use crate::http::http2::convert;
use crate::http::pipeline::{self, Slot};
use crate::http::reply::Reply;
use crate::http::stream::{Filled, Sink, Source, StreamError};
use crate::http::timer::Timer;
use crate::telemetry::Protocol;

/// Streams that a client may have open, unless configured. (envoy: 1024 by default since 1.35)
const MAX_STREAMS: u32 = 1024;
/// What a connection keeps for its next streams.
const KEEP_SLOTS: usize = 8;

/// A stream that its client resets before this and unanswered costs more than it is worth.
const EARLY: Duration = Duration::from_secs(1);
/// Such streams close a connection when they are half of all, or of this many. (envoy:
/// `overload.premature_reset_total_stream_count`, after CVE-2023-44487)
const RESETS_FROM: u32 = 500;

/// What the streams of a connection share.
struct Shared {
    context: Context,
    slots: RefCell<Vec<Slot>>,
    /// Streams that ended.
    streams: Cell<u32>,
    /// Those of them that were reset early.
    resets: Cell<u32>,
}

impl Shared {
    fn count(&self, reset_early: bool) {
        self.streams.set(self.streams.get().saturating_add(1));
        self.resets.set(self.resets.get().saturating_add(u32::from(reset_early)));
    }

    fn is_flooded(&self) -> bool {
        self.resets.get() >= self.streams.get().max(RESETS_FROM) / 2
    }
}

/// Serves a connection until it ends.
pub async fn serve<T: AsyncRead + AsyncWrite + Unpin>(context: Context, io: T) {
    let limits = context.limits;
    let handshake = h2::server::Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(SEND_BUFFER)
        .max_header_list_size(u32::try_from(limits.bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(context.manager.max_concurrent_streams.unwrap_or(MAX_STREAMS))
        .handshake::<T, Bytes>(io);
    let mut connection = match handshake.await {
        Ok(connection) => connection,
        Err(error) => return tracing::debug!(%error, "a downstream HTTP/2 connection did not begin"),
    };
    let idle_timeout = context.manager.idle_timeout;
    let seat = context.drain.join();
    let shared = Rc::new(Shared {
        context,
        slots: RefCell::default(),
        streams: Cell::default(),
        resets: Cell::default(),
    });
    let mut timer = Timer::default();
    let mut idle_since = Instant::now();
    let mut ending = false;
    loop {
        let accepted = poll_fn(|cx| {
            if seat.watch(cx.waker()) >= Phase::Draining && !ending {
                // GOAWAY; streams under way go on, further ones come on another connection.
                connection.graceful_shutdown();
                ending = true;
            }
            if let Poll::Ready(accepted) = connection.poll_accept(cx) {
                idle_since = Instant::now();
                return Poll::Ready(accepted);
            }
            if connection.has_streams() {
                idle_since = Instant::now();
            }
            if !ending && timer.poll_until(cx, idle_timeout.map(|timeout| idle_since + timeout)).is_ready() {
                connection.graceful_shutdown();
                ending = true;
            }
            Poll::Pending
        });
        match accepted.await {
            Some(Ok((request, respond))) => {
                if shared.is_flooded() {
                    tracing::debug!("a downstream HTTP/2 connection resets too many streams");
                    connection.abrupt_shutdown(h2::Reason::ENHANCE_YOUR_CALM);
                    ending = true;
                    continue;
                }
                if !ending && shared.context.is_outdated() {
                    connection.graceful_shutdown();
                    ending = true;
                }
                tokio::task::spawn_local(stream(shared.clone(), request, respond));
            }
            Some(Err(error)) => {
                tracing::debug!(%error, "a downstream HTTP/2 connection ended");
                return;
            }
            None => return,
        }
    }
}

async fn stream(shared: Rc<Shared>, request: Request<h2::RecvStream>, respond: SendResponse<Bytes>) {
    let mut slot = shared.slots.borrow_mut().pop().unwrap_or_default();
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let loaded = convert::load_request(&parts, body.is_end_stream(), &mut slot.request);
    let too_many = slot.request.headers.len() > shared.context.limits.fields;
    let mut caller = Http2Caller { incoming: Incoming::new(body), respond, outgoing: None, is_gone: false };
    drop(parts);
    match loaded {
        Ok(()) if too_many => {
            let reply = Reply::new(431, None, "http2.too_many_headers");
            pipeline::refuse(&shared.context, &mut caller, &mut slot, reply).await;
        }
        Ok(()) => pipeline::serve(&shared.context, &mut caller, &mut slot).await,
        Err(error) => {
            pipeline::refuse(&shared.context, &mut caller, &mut slot, Reply::malformed(error)).await
        }
    }
    shared.count(caller.is_gone && caller.outgoing.is_none() && started.elapsed() < EARLY);
    drop(caller);
    slot.rest();
    let mut slots = shared.slots.borrow_mut();
    if slots.len() < KEEP_SLOTS {
        slots.push(slot);
    }
}

/// A client on an HTTP/2 stream.
struct Http2Caller {
    incoming: Incoming,
    respond: SendResponse<Bytes>,
    outgoing: Option<Outgoing>,
    is_gone: bool,
}

impl Caller for Http2Caller {
    fn protocol(&self) -> Protocol {
        Protocol::Http2
    }

    fn poll_gone(&mut self, cx: &mut TaskContext<'_>) -> Poll<()> {
        let reset = match &mut self.outgoing {
            Some(outgoing) => outgoing.poll_reset(cx).map(|_| ()),
            None => self.respond.poll_reset(cx).map(|_| ()),
        };
        self.is_gone |= reset.is_ready();
        reset
    }

    fn send_informational(&mut self, head: &ResponseHead) -> Result<(), StreamError> {
        self.respond.send_informational(convert::response(head)).map_err(|error| stream_error(&error))
    }

    fn send_head(&mut self, head: &mut ResponseHead) -> Result<(), StreamError> {
        let ended = head.body == BodyLength::Empty;
        let sent = self.respond.send_response(convert::response(head), ended);
        let stream = sent.map_err(|error| stream_error(&error))?;
        self.outgoing = Some(Outgoing::new(stream, ended));
        Ok(())
    }

    fn close_after(&mut self) {}

    fn tunnel(&mut self) {}

    fn abort(&mut self) {
        match &mut self.outgoing {
            Some(outgoing) if !outgoing.is_finished() => outgoing.reset(h2::Reason::INTERNAL_ERROR),
            Some(_) => {}
            None => self.respond.send_reset(h2::Reason::INTERNAL_ERROR),
        }
    }
}

impl Source for Http2Caller {
    fn poll_fill(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<Filled, StreamError>> {
        let filled = self.incoming.poll_fill(cx);
        self.is_gone |= matches!(filled, Poll::Ready(Err(_)));
        filled
    }

    fn data(&self) -> &[u8] {
        self.incoming.data()
    }

    fn consume(&mut self, n: usize) {
        self.incoming.consume(n);
    }

    fn take(&mut self, n: usize) -> Bytes {
        self.incoming.take(n)
    }

    fn ends_after(&self, n: usize) -> bool {
        self.incoming.ends_after(n)
    }

    fn trailers(&self) -> &Headers {
        self.incoming.trailers()
    }
}

impl Sink for Http2Caller {
    fn poll_send<S: Source>(
        &mut self,
        cx: &mut TaskContext<'_>,
        source: &mut S,
    ) -> Poll<Result<usize, StreamError>> {
        match &mut self.outgoing {
            Some(outgoing) => outgoing.poll_send(cx, source),
            None => Poll::Ready(Err(StreamError::Closed)),
        }
    }

    fn finish(&mut self, trailers: &Headers) -> Result<(), StreamError> {
        self.outgoing.as_mut().map_or(Err(StreamError::Closed), |outgoing| outgoing.finish(trailers))
    }

    fn poll_flush(&mut self, _: &mut TaskContext<'_>) -> Poll<Result<(), StreamError>> {
        Poll::Ready(Ok(()))
    }
}
