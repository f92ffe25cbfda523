//! The upstream's end of HTTP/2: connections that carry many requests at once.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::body::{Incoming, Outgoing, PROTOCOL, stream_error};
use super::convert;
use crate::http::head::{BodyLength, RequestHead, ResponseHead};
use crate::http::headers::Headers;
use crate::http::stream::{Filled, Sink, Source, StreamError};
use crate::upstream;

/// What one stream and one connection may receive before it is consumed.
pub const STREAM_WINDOW: u32 = 512 * 1024;
/// See [`STREAM_WINDOW`].
pub const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// What is kept for a stream until the socket takes it.
pub const SEND_BUFFER: usize = 256 * 1024;
/// Bytes of a response's head.
const MAX_HEADER_LIST: u32 = 60 * 1024;

/// A connection; its own task drives it until the last user is gone.
pub struct Http2Connection {
    sender: SendRequest<Bytes>,
    /// Its own address.
    pub local: SocketAddr,
    /// When it was opened.
    pub opened: Instant,
    /// When the last stream ended.
    pub idle_since: Cell<Instant>,
    /// Streams that were opened.
    pub streams: Cell<u32>,
    active: Cell<usize>,
    closed: Rc<Cell<bool>>,
    retired: Cell<bool>,
    freed: Rc<Notify>,
}

impl Http2Connection {
    /// Speaks the preface on a fresh connection.
    pub async fn handshake(
        connection: upstream::Connection,
        freed: Rc<Notify>,
    ) -> Result<Rc<Http2Connection>, StreamError> {
        let upstream::Connection { stream, local, guard } = connection;
        let (sender, driver) = h2::client::Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buffer_size(SEND_BUFFER)
            .max_header_list_size(MAX_HEADER_LIST)
            .enable_push(false)
            .handshake(stream)
            .await
            .map_err(|error| stream_error(&error))?;
        let closed = Rc::new(Cell::new(false));
        let gone = closed.clone();
        let woken = freed.clone();
        tokio::task::spawn_local(async move {
            if let Err(error) = driver.await {
                tracing::debug!(%error, "an upstream HTTP/2 connection ended");
            }
            drop(guard);
            gone.set(true);
            woken.notify_waiters();
        });
        let now = Instant::now();
        Ok(Rc::new(Http2Connection {
            sender,
            local,
            opened: now,
            idle_since: Cell::new(now),
            streams: Cell::new(0),
            active: Cell::new(0),
            closed,
            retired: Cell::new(false),
            freed,
        }))
    }

    /// Whether it can never carry another stream.
    pub fn is_closed(&self) -> bool {
        self.closed.get() || self.retired.get()
    }

    /// Takes no further streams; those under way go on.
    pub fn retire(&self) {
        self.retired.set(true);
    }

    /// Streams under way.
    pub fn active(&self) -> usize {
        self.active.get()
    }

    /// Whether the peer and `most` allow a further stream.
    pub fn has_room(&self, most: Option<u32>) -> bool {
        let most = most.map_or(usize::MAX, |most| most as usize);
        self.active.get() < most.min(self.sender.current_max_send_streams())
    }

    /// Counts a stream as under way until the lease is dropped.
    pub fn lease(self: &Rc<Self>) -> Lease {
        self.active.set(self.active.get() + 1);
        self.streams.set(self.streams.get() + 1);
        Lease(self.clone())
    }
}

/// The right to a stream of a connection.
pub struct Lease(Rc<Http2Connection>);

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.active.set(self.0.active.get() - 1);
        self.0.idle_since.set(Instant::now());
        self.0.freed.notify_one();
    }
}

enum Receiving {
    Nothing,
    Head(ResponseFuture),
    Body(Incoming),
}

/// A stream to an upstream.
pub struct Http2Upstream {
    lease: Lease,
    sending: Option<Outgoing>,
    receiving: Receiving,
    no_trailers: Headers,
}

impl Http2Upstream {
    /// A stream that nothing was sent on.
    pub fn new(lease: Lease) -> Http2Upstream {
        Http2Upstream { lease, sending: None, receiving: Receiving::Nothing, no_trailers: Headers::default() }
    }

    /// The connection.
    pub fn connection(&self) -> &Http2Connection {
        &self.lease.0
    }

    /// Begins a request. Waits only if the connection is about to fail.
    pub async fn start(&mut self, head: &RequestHead) -> Result<(), StreamError> {
        let request = convert::request(head).ok_or(PROTOCOL)?;
        let mut sender = self.lease.0.sender.clone();
        let ready = poll_fn(|cx| sender.poll_ready(cx)).await;
        let ended = head.body == BodyLength::Empty;
        let sent = ready.and_then(|()| sender.send_request(request, ended));
        let (response, stream) = sent.map_err(|_| {
            // Nothing was sent: whatever it is, another connection may do.
            self.lease.0.retire();
            StreamError::Refused
        })?;
        self.sending = Some(Outgoing::new(stream, ended));
        self.receiving = Receiving::Head(response);
        Ok(())
    }

    /// Reads a response's head, which may be an interim one; then it is to be called again.
    pub fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        head: &mut ResponseHead,
    ) -> Poll<Result<(), StreamError>> {
        let Receiving::Head(future) = &mut self.receiving else {
            return Poll::Ready(Err(StreamError::Closed));
        };
        head.clear();
        if let Poll::Ready(Some(interim)) = future.poll_informational(cx) {
            let (parts, ()) = interim.map_err(|error| stream_error(&error))?.into_parts();
            convert::load_response(&parts, true, head).map_err(StreamError::Protocol)?;
            return Poll::Ready(Ok(()));
        }
        let response = ready!(Pin::new(future).poll(cx)).map_err(|error| stream_error(&error))?;
        let (parts, body) = response.into_parts();
        convert::load_response(&parts, body.is_end_stream(), head).map_err(StreamError::Protocol)?;
        self.receiving = Receiving::Body(Incoming::new(body));
        Poll::Ready(Ok(()))
    }
}

impl Source for Http2Upstream {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Filled, StreamError>> {
        match &mut self.receiving {
            Receiving::Body(body) => body.poll_fill(cx),
            _ => Poll::Ready(Err(StreamError::Closed)),
        }
    }

    fn data(&self) -> &[u8] {
        if let Receiving::Body(body) = &self.receiving { body.data() } else { &[] }
    }

    fn consume(&mut self, n: usize) {
        if let Receiving::Body(body) = &mut self.receiving {
            body.consume(n);
        }
    }

    fn take(&mut self, n: usize) -> Bytes {
        match &mut self.receiving {
            Receiving::Body(body) => body.take(n),
            _ => Bytes::new(),
        }
    }

    fn ends_after(&self, n: usize) -> bool {
        matches!(&self.receiving, Receiving::Body(body) if body.ends_after(n))
    }

    fn trailers(&self) -> &Headers {
        if let Receiving::Body(body) = &self.receiving { body.trailers() } else { &self.no_trailers }
    }
}

impl Sink for Http2Upstream {
    fn poll_send<S: Source>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut S,
    ) -> Poll<Result<usize, StreamError>> {
        match &mut self.sending {
            Some(sending) => sending.poll_send(cx, source),
            None => Poll::Ready(Err(StreamError::Closed)),
        }
    }

    fn finish(&mut self, trailers: &Headers) -> Result<(), StreamError> {
        self.sending.as_mut().map_or(Err(StreamError::Closed), |sending| sending.finish(trailers))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        Poll::Ready(Ok(()))
    }
}
