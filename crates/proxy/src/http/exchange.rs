//! One request between its client and one upstream at a time. Both directions are carried by the
//! one task that polls this: the request's body upstream, then the response's head and body back,
//! while deadlines run and the client may go.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::caller::Caller;
use super::context::Context;
use super::head::{BodyLength, RequestHead, ResponseHead, grpc_status};
use super::replay::{Kept, Replay};
use super::story::Story;
use super::stream::{Pump, PumpError, Source, StreamError};
use super::syntax::Malformed;
use super::timer::{Timer, earlier};
use super::upstream::Upstream;

/// Interim responses (1xx) that are passed on. They pile up before a client that does not read, and
/// nothing else bounds them.
const MAX_INTERIM: u32 = 64;

/// Why an attempt gave no response, or a response broke off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The upstream failed.
    Upstream(StreamError),
    /// The client is gone.
    Gone,
    /// The rest of the request is malformed.
    Malformed(Malformed),
    /// A deadline passed.
    Late(Late),
}

impl From<PumpError> for Ended {
    fn from(error: PumpError) -> Ended {
        match error {
            PumpError::Source(error) => Ended::Upstream(error),
            PumpError::Sink(_) => Ended::Gone,
        }
    }
}

/// Which deadline passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// That of the whole response.
    Response,
    /// That of one attempt.
    PerTry,
    /// Nothing was carried for too long.
    Idle,
    /// The request did not arrive in time.
    Arrival,
}

/// Times that count from moments which are not known at the start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timeouts {
    /// From the request's end to the response's end.
    pub response: Option<Duration>,
    /// From the request's end or the attempt's start to the response's head.
    pub per_try: Option<Duration>,
    /// Between two signs of life.
    pub idle: Option<Duration>,
}

#[derive(Debug, Default)]
struct Deadlines {
    response: Option<Instant>,
    per_try: Option<Instant>,
    idle: Option<Instant>,
    arrival: Option<Instant>,
}

/// One request under way.
pub struct Exchange<'a, 's, C> {
    /// The connection it came on.
    pub context: &'a Context,
    /// Its client.
    pub caller: &'a mut C,
    /// Its head.
    pub request: &'a mut RequestHead,
    /// The response's head, once there is one.
    pub response: &'a mut ResponseHead,
    /// What happened.
    pub story: Story<'s>,
    /// The beginning of its body.
    pub kept: Kept,
    timer: &'a mut Timer,
    timeouts: Timeouts,
    deadlines: Deadlines,
    sending: Pump,
    sending_failed: bool,
    interim: u32,
}

impl<'a, 's, C: Caller> Exchange<'a, 's, C> {
    /// A request whose head has been read and nothing else.
    pub fn new(
        context: &'a Context,
        caller: &'a mut C,
        request: &'a mut RequestHead,
        response: &'a mut ResponseHead,
        timer: &'a mut Timer,
    ) -> Exchange<'a, 's, C> {
        let story = Story::new(caller.protocol(), request);
        let timeouts = Timeouts { idle: context.manager.stream_idle_timeout, ..Timeouts::default() };
        let mut exchange = Exchange {
            deadlines: Deadlines {
                arrival: context.manager.request_timeout.map(|timeout| story.started + timeout),
                ..Deadlines::default()
            },
            context,
            caller,
            request,
            response,
            story,
            kept: Kept::default(),
            timer,
            timeouts,
            sending: Pump::default(),
            sending_failed: false,
            interim: 0,
        };
        exchange.stir(exchange.story.started);
        if exchange.request.body == BodyLength::Empty {
            exchange.request_complete(exchange.story.started);
        }
        exchange
    }

    /// Sets the route's times.
    pub fn set_timeouts(&mut self, timeouts: Timeouts) {
        self.timeouts = timeouts;
        self.deadlines.idle = timeouts.idle.map(|timeout| self.story.started + timeout);
        if let Some(finished) = self.story.request_finished {
            self.deadlines.response = timeouts.response.map(|timeout| finished + timeout);
        }
    }

    /// Whether the whole request has been read.
    pub fn has_read_all(&self) -> bool {
        self.story.request_finished.is_some()
    }

    /// Whether anything of the request was handed to the upstream of the last attempt.
    pub fn upstream_took_all(&self) -> bool {
        self.sending.done && !self.sending_failed
    }

    /// Sends the request and waits for the head of a final response, which is then in `response`.
    pub async fn attempt(&mut self, upstream: &mut Upstream) -> Result<(), Ended> {
        self.kept.rewind();
        self.sending = Pump::default();
        self.sending_failed = false;
        self.response.clear();
        self.start_try();
        upstream.start(self.request).await.map_err(Ended::Upstream)?;
        poll_fn(|cx| self.poll_head(cx, upstream)).await
    }

    /// Carries the response's body to the client, whose head has been sent, and the rest of the
    /// request's upstream. In a tunnel it ends when either side has.
    pub async fn carry(&mut self, upstream: &mut Upstream, tunnel: bool) -> Result<(), Ended> {
        if tunnel {
            self.sending = Pump::default();
            self.sending_failed = false;
            self.deadlines.response = None;
        }
        self.end_try();
        self.deadlines.arrival = None;
        let mut receiving = Pump::default();
        let result = poll_fn(|cx| self.poll_carry(cx, upstream, &mut receiving, tunnel)).await;
        self.story.bytes_sent += receiving.bytes;
        if matches!(result, Err(Ended::Upstream(_))) {
            // What did arrive is the client's, as far as it goes out without waiting.
            poll_fn(|cx| Poll::Ready(self.caller.poll_flush(cx).is_ready())).await;
        }
        if result.is_ok()
            && let Some(status) = grpc_status(upstream.trailers())
        {
            self.story.grpc_status = Some(status);
        }
        result
    }

    /// Waits for something else than the two streams, as long as the client stays and time is left.
    pub async fn wait<F: Future>(&mut self, future: F) -> Result<F::Output, Ended> {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            self.poll_interrupt(cx).map(Err)
        })
        .await
    }

    /// Writes a body that is there already.
    pub async fn write<S: Source>(&mut self, source: &mut S, pump: &mut Pump) -> Result<(), Ended> {
        poll_fn(|cx| {
            let before = pump.bytes;
            if let Poll::Ready(result) = pump.poll(cx, source, self.caller) {
                return Poll::Ready(result.map_err(Ended::from));
            }
            if pump.bytes != before {
                self.stir(Instant::now());
            }
            self.timer.poll_until(cx, self.deadlines.idle).map(|()| Err(Ended::Late(Late::Idle)))
        })
        .await
    }

    /// The time of an attempt begins.
    pub fn start_try(&mut self) {
        self.deadlines.per_try = match (self.has_read_all(), self.timeouts.per_try) {
            (true, Some(timeout)) => Some(Instant::now() + timeout),
            _ => None,
        };
    }

    /// The time of an attempt is over: it failed, or its response has begun.
    pub fn end_try(&mut self) {
        self.deadlines.per_try = None;
    }

    fn poll_head(&mut self, cx: &mut TaskContext<'_>, upstream: &mut Upstream) -> Poll<Result<(), Ended>> {
        self.poll_sending(cx, upstream)?;
        loop {
            match upstream.poll_head(cx, self.response) {
                Poll::Ready(Ok(())) if self.response.status < 200 && self.response.status != 101 => {
                    self.interim += 1;
                    if self.interim <= MAX_INTERIM {
                        self.caller.send_informational(self.response).map_err(|_| Ended::Gone)?;
                    }
                }
                Poll::Ready(Ok(())) => {
                    let now = Instant::now();
                    self.story.response_started = Some(now);
                    self.stir(now);
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Ended::Upstream(error))),
                Poll::Pending => break,
            }
        }
        if let Poll::Ready(Err(_)) = self.caller.poll_flush(cx) {
            return Poll::Ready(Err(Ended::Gone));
        }
        self.poll_interrupt(cx).map(Err)
    }

    fn poll_carry(
        &mut self,
        cx: &mut TaskContext<'_>,
        upstream: &mut Upstream,
        receiving: &mut Pump,
        tunnel: bool,
    ) -> Poll<Result<(), Ended>> {
        self.poll_sending(cx, upstream)?;
        let before = receiving.bytes;
        match receiving.poll(cx, upstream, self.caller) {
            Poll::Ready(Ok(())) => return Poll::Ready(Ok(())),
            Poll::Ready(Err(PumpError::Source(error))) => return Poll::Ready(Err(Ended::Upstream(error))),
            Poll::Ready(Err(PumpError::Sink(_))) => return Poll::Ready(Err(Ended::Gone)),
            Poll::Pending => {}
        }
        if tunnel && (self.sending.done || self.sending_failed) {
            return Poll::Ready(Ok(()));
        }
        if receiving.bytes != before {
            self.stir(Instant::now());
        }
        self.poll_interrupt(cx).map(Err)
    }

    /// Carries the request's body on. That the upstream takes no more is no failure yet: it may have
    /// answered before.
    fn poll_sending(&mut self, cx: &mut TaskContext<'_>, upstream: &mut Upstream) -> Result<(), Ended> {
        if self.sending.done || self.sending_failed {
            return Ok(());
        }
        let before = self.sending.bytes;
        let mut source = Replay { caller: self.caller, kept: &mut self.kept };
        let result = self.sending.poll(cx, &mut source, upstream);
        self.story.bytes_received = self.kept.received;
        match result {
            Poll::Ready(Err(PumpError::Source(StreamError::Protocol(error)))) => {
                return Err(Ended::Malformed(error));
            }
            Poll::Ready(Err(PumpError::Source(_))) => return Err(Ended::Gone),
            Poll::Ready(Err(PumpError::Sink(_))) => self.sending_failed = true,
            Poll::Ready(Ok(())) | Poll::Pending => {}
        }
        if self.sending.ended && self.story.request_finished.is_none() {
            self.request_complete(Instant::now());
            self.start_try();
        }
        if self.sending.bytes != before {
            self.stir(Instant::now());
        }
        Ok(())
    }

    fn request_complete(&mut self, now: Instant) {
        self.story.request_finished = Some(now);
        self.deadlines.arrival = None;
        self.deadlines.response = self.timeouts.response.map(|timeout| now + timeout);
    }

    /// Something was carried.
    fn stir(&mut self, now: Instant) {
        self.deadlines.idle = self.timeouts.idle.map(|timeout| now + timeout);
    }

    fn poll_interrupt(&mut self, cx: &mut TaskContext<'_>) -> Poll<Ended> {
        if self.caller.poll_gone(cx).is_ready() {
            return Poll::Ready(Ended::Gone);
        }
        let Deadlines { response, per_try, idle, arrival } = self.deadlines;
        let first = earlier(earlier(response, per_try), earlier(idle, arrival));
        if self.timer.poll_until(cx, first).is_pending() {
            return Poll::Pending;
        }
        let late = match first {
            _ if first == response => Late::Response,
            _ if first == per_try => Late::PerTry,
            _ if first == arrival => Late::Arrival,
            _ => Late::Idle,
        };
        Poll::Ready(Ended::Late(late))
    }
}
