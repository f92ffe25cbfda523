//! The client's end of HTTP/1: reads requests from a connection, one after the other, and has each
//! served.

use std::future::poll_fn;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::drain::Phase;
use crate::http::caller::Caller;
use crate::http::context::Context;
use crate::http::drain::Seat;
use crate::http::head::{BodyLength, RequestHead, ResponseHead};
use crate::http::headers::Headers;
use crate::http::http1::connection::Connection;
use crate::http::http1::encode::{self, ResponseOptions};
use crate::http::http1::parse::{self, RequestLine};
use crate::http::pipeline::{self, Slot};
use crate::http::reply::Reply;
use crate::http::stream::{Filled, Sink, Source, StreamError};
use crate::http::syntax::Malformed;
use crate::http::timer::earlier;
use crate::telemetry::Protocol;

/// How long a kept connection may be idle in a drain. A client that is busy has asked again by then and
/// was told to close; closing one that is not keeps idle pools from holding up the end.
const DRAIN_PATIENCE: Duration = Duration::from_secs(1);
/// How long a client may take to read the answer to a request that it is still sending.
const LINGER: Duration = Duration::from_secs(1);
/// How much of such a request is read and dropped.
const LINGER_BYTES: usize = 1024 * 1024;

/// What the start of a connection turned out to be, or why there is no further request.
enum Next {
    Request(RequestLine),
    Refused(Malformed),
    TooSlow,
    End,
}

/// Serves a connection until it ends.
pub async fn serve(context: &Context, connection: Connection) {
    let mut caller = Http1Caller::new(connection, context);
    let mut slot = Slot::default();
    loop {
        let line = match next(context, &mut caller, &mut slot).await {
            Next::Request(line) => line,
            Next::Refused(error) => {
                caller.begin(None, BodyLength::Empty);
                pipeline::refuse(context, &mut caller, &mut slot, Reply::malformed(error)).await;
                return caller.linger(&mut slot).await;
            }
            Next::TooSlow => {
                caller.begin(None, BodyLength::Empty);
                let reply = Reply::new(408, None, "request_header_timeout").body("request timeout");
                pipeline::refuse(context, &mut caller, &mut slot, reply).await;
                return;
            }
            Next::End => return,
        };
        caller.begin(Some(line), slot.request.body);
        if context.is_outdated() {
            caller.close_after();
        }
        if slot.request.expects_continue() && !context.manager.proxy_100_continue {
            caller.answer_continue(&mut slot.request);
        }
        pipeline::serve(context, &mut caller, &mut slot).await;
        caller.has_served = true;
        if caller.aborted {
            return;
        }
        if !caller.keep_alive || !caller.connection.has_read_all() {
            return caller.linger(&mut slot).await;
        }
        slot.request.clear();
        slot.response.clear();
    }
}

/// Waits for the next request's head.
async fn next(context: &Context, caller: &mut Http1Caller, slot: &mut Slot) -> Next {
    let idle = context.manager.idle_timeout.map(|timeout| Instant::now() + timeout);
    let mut head_deadline = None;
    let mut drain_deadline = None;
    // Bytes that were looked at in vain.
    let mut seen = 0;
    poll_fn(|cx| {
        loop {
            let input = &mut caller.connection.input;
            while seen == 0 && input.data().starts_with(b"\r\n") {
                // RFC 9112, 2.2: empty lines before a request are ignored.
                input.consume(2);
            }
            if worth_parsing(input.data(), seen, context.limits.bytes) {
                slot.request.clear();
                match parse::request(input.data(), context.limits, &mut slot.request) {
                    Ok(Some(line)) => {
                        input.consume(line.length);
                        return Poll::Ready(Next::Request(line));
                    }
                    Ok(None) => {}
                    Err(error) => return Poll::Ready(Next::Refused(error)),
                }
            }
            seen = input.len();
            if seen > 0 && head_deadline.is_none() {
                head_deadline = context.manager.request_headers_timeout.map(|t| Instant::now() + t);
            }
            match caller.connection.poll_read(cx, context.limits.bytes + 1) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Next::End),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => break,
            }
        }
        if seen == 0 {
            slot.rest();
            caller.connection.rest();
            // A new connection's first request may be on its way; it is still served.
            match caller.seat.watch(cx.waker()) {
                Phase::Closing if caller.has_served => return Poll::Ready(Next::End),
                Phase::Draining if caller.has_served => {
                    drain_deadline.get_or_insert_with(|| Instant::now() + DRAIN_PATIENCE);
                }
                _ => {}
            }
        }
        let drained = if seen == 0 { drain_deadline } else { None };
        let deadline = earlier(earlier(idle, head_deadline), drained);
        match slot.timer.poll_until(cx, deadline) {
            Poll::Ready(()) if deadline == head_deadline => Poll::Ready(Next::TooSlow),
            Poll::Ready(()) => Poll::Ready(Next::End),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Parsing an incomplete head again and again would cost a slow sender's square; it is only done when
/// a line has ended since the last time, or nothing was looked at yet, to refuse nonsense early.
fn worth_parsing(data: &[u8], seen: usize, limit: usize) -> bool {
    data.len() > seen && (seen == 0 || memchr::memchr(b'\n', &data[seen..]).is_some() || data.len() > limit)
}

/// A client on an HTTP/1 connection.
pub struct Http1Caller {
    connection: Connection,
    seat: Seat,
    http_10: bool,
    keep_alive: bool,
    has_served: bool,
    aborted: bool,
}

impl Http1Caller {
    fn new(connection: Connection, context: &Context) -> Http1Caller {
        Http1Caller {
            connection,
            seat: context.drain.join(),
            http_10: false,
            keep_alive: true,
            has_served: false,
            aborted: false,
        }
    }

    /// A request begins; `None`: one that could not be read.
    fn begin(&mut self, line: Option<RequestLine>, body: BodyLength) {
        self.http_10 = line.is_some_and(|line| line.http_10);
        self.keep_alive = line.is_some_and(|line| line.keep_alive);
        self.connection.start_reading(body);
    }

    /// Asks for the body at once, since the upstream is not to be asked.
    fn answer_continue(&mut self, request: &mut RequestHead) {
        request.headers.drop_known(crate::http::names::Known::Expect);
        let head = ResponseHead { status: 100, ..ResponseHead::default() };
        // That the client is gone is noticed when its body is read.
        let _ = self.send_informational(&head);
    }

    /// Ends a connection whose client may still be sending: closing at once would destroy what it has
    /// not read yet (RFC 9112, 9.6).
    async fn linger(&mut self, slot: &mut Slot) {
        if self.connection.has_read_all() && self.connection.input.is_empty() {
            return;
        }
        self.connection.shutdown();
        let deadline = Instant::now() + LINGER;
        let mut dropped = 0;
        poll_fn(|cx| {
            while dropped < LINGER_BYTES {
                let waiting = self.connection.input.len();
                self.connection.input.consume(waiting);
                match self.connection.poll_read(cx, crate::http::buffer::LARGE) {
                    Poll::Ready(Ok(n)) if n > 0 => dropped += n,
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending => return slot.timer.poll_until(cx, Some(deadline)),
                }
            }
            Poll::Ready(())
        })
        .await;
    }
}

impl Caller for Http1Caller {
    fn protocol(&self) -> Protocol {
        if self.http_10 { Protocol::Http10 } else { Protocol::Http11 }
    }

    fn poll_gone(&mut self, cx: &mut TaskContext<'_>) -> Poll<()> {
        if !self.connection.has_read_all() {
            // Whoever reads the body notices.
            return Poll::Pending;
        }
        // A client that has sent its next request already is there; it is not read further ahead.
        while self.connection.input.is_empty() {
            match self.connection.poll_read(cx, crate::http::buffer::SMALL) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Pending
    }

    fn send_informational(&mut self, head: &ResponseHead) -> Result<(), StreamError> {
        if !self.http_10 {
            self.connection.insert_head(|out| encode::informational(head, out));
        }
        Ok(())
    }

    fn send_head(&mut self, head: &mut ResponseHead) -> Result<(), StreamError> {
        if head.body == BodyLength::UntilClose && head.status != 101 {
            head.body = BodyLength::Open;
        }
        let unbounded = self.http_10 && head.body == BodyLength::Open;
        if unbounded || self.seat.phase() >= Phase::Draining {
            self.keep_alive = false;
        }
        let options = ResponseOptions { http_10: self.http_10, keep_alive: self.keep_alive };
        self.connection.start_writing(|out| encode::response(head, options, out));
        Ok(())
    }

    fn close_after(&mut self) {
        self.keep_alive = false;
    }

    fn tunnel(&mut self) {
        self.connection.start_reading(BodyLength::UntilClose);
    }

    fn abort(&mut self) {
        self.aborted = true;
    }
}

impl Source for Http1Caller {
    fn poll_fill(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<Filled, StreamError>> {
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

impl Sink for Http1Caller {
    fn poll_send<S: Source>(
        &mut self,
        cx: &mut TaskContext<'_>,
        source: &mut S,
    ) -> Poll<Result<usize, StreamError>> {
        self.connection.poll_send(cx, source)
    }

    fn finish(&mut self, trailers: &Headers) -> Result<(), StreamError> {
        self.connection.finish(trailers)
    }

    fn poll_flush(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), StreamError>> {
        self.connection.poll_flush(cx)
    }
}
