//! The upstream's end of HTTP/1: a connection that requests are sent on, one at a time.

use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::time::Instant;

use super::connection::Connection;
use super::encode::{self, Encoder};
use super::parse;
use crate::http::buffer::LARGE;
use crate::http::head::{BodyLength, Method, RequestHead, ResponseHead};
use crate::http::headers::Headers;
use crate::http::stream::{Filled, Sink, Source, StreamError};
use crate::http::syntax::Limits;
use crate::upstream::ConnectionGuard;

/// Bytes and fields of a response's head.
const LIMITS: Limits = Limits { bytes: 60 * 1024, fields: 200, http_10: true };

/// A connection to an upstream.
pub struct Http1Upstream {
    connection: Connection,
    /// Its own address.
    pub local: SocketAddr,
    /// When it was opened.
    pub opened: Instant,
    /// Requests that were sent on it.
    pub requests: u32,
    _guard: ConnectionGuard,
    keep_alive: bool,
    method: Method,
    upgrading: bool,
    heard: bool,
}

impl Http1Upstream {
    /// Takes over a fresh connection.
    pub fn new(connection: crate::upstream::Connection) -> Http1Upstream {
        Http1Upstream {
            connection: Connection::new(connection.stream),
            local: connection.local,
            opened: Instant::now(),
            requests: 0,
            _guard: connection.guard,
            keep_alive: true,
            method: Method::Get,
            upgrading: false,
            heard: false,
        }
    }

    /// Whether it served a request before this one.
    pub fn is_reused(&self) -> bool {
        self.requests > 1
    }

    /// Whether anything of the response to the request under way has arrived.
    pub fn has_heard(&self) -> bool {
        self.heard || !self.connection.input.is_empty()
    }

    /// Whether the peer is still there, as far as this side has been told. A connection on which
    /// something arrives that nobody asked for counts as gone.
    pub fn is_alive(&self) -> bool {
        let mut byte = [0];
        let nothing = self.connection.stream().try_read(&mut byte);
        matches!(nothing, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    }

    /// The same, but asks the kernel.
    pub fn is_alive_now(&self) -> bool {
        let mut byte = [std::mem::MaybeUninit::uninit()];
        let nothing = socket2::SockRef::from(self.connection.stream()).peek(&mut byte);
        matches!(nothing, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    }

    /// Begins a request.
    pub fn start(&mut self, head: &RequestHead) {
        self.requests += 1;
        self.keep_alive = true;
        self.heard = false;
        self.method = head.method;
        self.upgrading = head.upgrade.is_some();
        self.connection.start_writing(|out| encode::request(head, out));
    }

    /// Reads a response's head, which may be an interim one; then it is to be called again.
    pub fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        head: &mut ResponseHead,
    ) -> Poll<Result<(), StreamError>> {
        loop {
            head.clear();
            let input = &mut self.connection.input;
            if !input.is_empty() {
                let line = parse::response(input.data(), LIMITS, self.method, self.upgrading, head)
                    .map_err(StreamError::Protocol)?;
                if let Some(line) = line {
                    input.consume(line.length);
                    self.heard = true;
                    if head.status < 200 && !line.upgraded {
                        return Poll::Ready(Ok(()));
                    }
                    self.keep_alive = line.keep_alive;
                    self.connection.start_reading(head.body);
                    return Poll::Ready(Ok(()));
                }
            }
            match ready!(self.connection.poll_read(cx, LARGE)) {
                Ok(0) | Err(_) => return Poll::Ready(Err(StreamError::Closed)),
                Ok(_) => {}
            }
        }
    }

    /// Whether a further request may be sent on it: both messages are complete, nothing is left over.
    pub fn is_reusable(&self) -> bool {
        self.keep_alive
            && self.connection.has_read_all()
            && self.connection.has_written_all()
            && self.connection.input.is_empty()
    }

    /// Both directions carry plain bytes from here on.
    pub fn tunnel(&mut self) {
        self.connection.start_reading(BodyLength::UntilClose);
        self.connection.start_writing(|_| Encoder::Plain);
    }

    /// Gives memory back while it waits for a request.
    pub fn rest(&mut self) {
        self.connection.rest();
    }
}

impl Source for Http1Upstream {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Filled, StreamError>> {
        self.connection.poll_fill(cx)
    }

    fn data(&self) -> &[u8] {
        self.connection.data()
    }

    fn consume(&mut self, n: usize) {
        self.connection.consume(n);
    }

    fn take(&mut self, n: usize) -> Bytes {
        self.connection.take(n)
    }

    fn ends_after(&self, n: usize) -> bool {
        self.connection.ends_after(n)
    }

    fn trailers(&self) -> &Headers {
        self.connection.trailers()
    }
}

impl Sink for Http1Upstream {
    fn poll_send<S: Source>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut S,
    ) -> Poll<Result<usize, StreamError>> {
        self.connection.poll_send(cx, source)
    }

    fn finish(&mut self, trailers: &Headers) -> Result<(), StreamError> {
        self.connection.finish(trailers)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        self.connection.poll_flush(cx)
    }
}
