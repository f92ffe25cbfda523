//! The upstream's side of an exchange, in whichever HTTP it is spoken.

use std::net::SocketAddr;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::head::{RequestHead, ResponseHead};
use super::headers::Headers;
use super::http1::client::Http1Upstream;
use super::http2::client::Http2Upstream;
use super::stream::{Filled, Sink, Source, StreamError};

/// Where one request is sent and its response comes from.
pub enum Upstream {
    /// A whole connection.
    Http1(Box<Http1Upstream>),
    /// A stream of one.
    Http2(Box<Http2Upstream>),
}

macro_rules! either {
    ($self:expr, $upstream:ident => $call:expr) => {
        match $self {
            Upstream::Http1($upstream) => $call,
            Upstream::Http2($upstream) => $call,
        }
    };
}

impl Upstream {
    /// The socket's own address.
    pub fn local(&self) -> SocketAddr {
        match self {
            Upstream::Http1(upstream) => upstream.local,
            Upstream::Http2(upstream) => upstream.connection().local,
        }
    }

    /// Begins a request.
    pub async fn start(&mut self, head: &RequestHead) -> Result<(), StreamError> {
        match self {
            Upstream::Http1(upstream) => {
                upstream.start(head);
                Ok(())
            }
            Upstream::Http2(upstream) => upstream.start(head).await,
        }
    }

    /// Reads a response's head, which may be an interim one; then it is to be called again.
    pub fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        head: &mut ResponseHead,
    ) -> Poll<Result<(), StreamError>> {
        either!(self, upstream => upstream.poll_head(cx, head))
    }

    /// Whether the connection had served another request and ended before this one was answered: it
    /// was probably closed for idleness while the request was on its way.
    pub fn was_stale(&self) -> bool {
        match self {
            Upstream::Http1(upstream) => upstream.is_reused() && !upstream.has_heard(),
            Upstream::Http2(_) => false,
        }
    }

    /// Both directions carry plain bytes from here on (101 was received).
    pub fn tunnel(&mut self) {
        if let Upstream::Http1(upstream) = self {
            upstream.tunnel();
        }
    }
}

impl Source for Upstream {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Filled, StreamError>> {
        either!(self, upstream => upstream.poll_fill(cx))
    }

    fn data(&self) -> &[u8] {
        either!(self, upstream => upstream.data())
    }

    fn consume(&mut self, n: usize) {
        either!(self, upstream => upstream.consume(n));
    }

    fn take(&mut self, n: usize) -> Bytes {
        either!(self, upstream => upstream.take(n))
    }

    fn ends_after(&self, n: usize) -> bool {
        either!(self, upstream => upstream.ends_after(n))
    }

    fn trailers(&self) -> &Headers {
        either!(self, upstream => upstream.trailers())
    }
}

impl Sink for Upstream {
    fn poll_send<S: Source>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut S,
    ) -> Poll<Result<usize, StreamError>> {
        either!(self, upstream => upstream.poll_send(cx, source))
    }

    fn finish(&mut self, trailers: &Headers) -> Result<(), StreamError> {
        either!(self, upstream => upstream.finish(trailers))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        either!(self, upstream => upstream.poll_flush(cx))
    }
}
