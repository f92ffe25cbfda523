//! Copies bytes both ways between two sockets until both ends are done, with half-close.
//!
//! An idle connection holds no buffer: bytes are read into the worker's scratch space and written on
//! at once; only what the other side does not take at once is kept, and until it is taken nothing
//! more is read. So a slow reader holds at most one scratch space of bytes here.

use std::future::poll_fn;
use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use crate::scratch::Scratch;
use crate::stats::Counter;

/// Reads of one direction in a row before other connections get their turn.
const TURN: usize = 8;

/// The two ends.
#[derive(Clone, Copy)]
pub struct Pair<'a> {
    pub downstream: &'a TcpStream,
    pub upstream: &'a TcpStream,
}

/// Counts bytes as they flow, so that long connections show in metrics before they end.
#[derive(Clone, Copy)]
pub struct Counters<'a> {
    pub received: &'a Counter,
    pub sent: &'a Counter,
}

/// What was carried.
#[derive(Debug, Clone, Copy, Default)]
pub struct Copied {
    /// From downstream.
    pub received: u64,
    /// To downstream.
    pub sent: u64,
    /// It ended because nothing was carried for too long.
    pub idle: bool,
}

/// Copies until both directions have ended, one fails, or nothing was carried for `idle`.
/// `first` are bytes that were read from downstream already.
pub async fn run(
    pair: Pair<'_>,
    first: BytesMut,
    idle: Option<Duration>,
    counters: Counters<'_>,
    scratch: &Scratch,
) -> Copied {
    let mut up = Half::new(first);
    let mut down = Half::new(BytesMut::new());
    let mut timer = idle.map(IdleTimer::new);
    let mut is_idle = false;
    poll_fn(|cx| {
        let before = (up.carried, down.carried);
        let scratch = &mut *scratch.borrow();
        let result_up = up.poll(cx, pair.downstream, pair.upstream, scratch);
        let result_down = down.poll(cx, pair.upstream, pair.downstream, scratch);
        counters.received.add(up.carried - before.0);
        counters.sent.add(down.carried - before.1);
        match (result_up, result_down) {
            (Poll::Ready(Err(_)), _) | (_, Poll::Ready(Err(_))) => return Poll::Ready(()),
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => return Poll::Ready(()),
            _ => {}
        }
        if let Some(timer) = &mut timer {
            ready!(timer.poll(cx, before != (up.carried, down.carried)));
            is_idle = true;
            return Poll::Ready(());
        }
        Poll::Pending
    })
    .await;
    Copied { received: up.carried, sent: down.carried, idle: is_idle }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Bytes may still come.
    Open,
    /// The sender is done; what is pending is still to be written.
    Ending,
    /// The receiver was told that no more comes.
    Ended,
}

/// One direction.
struct Half {
    state: State,
    pending: BytesMut,
    carried: u64,
}

impl Half {
    fn new(pending: BytesMut) -> Half {
        Half { state: State::Open, pending, carried: 0 }
    }

    /// Ready once the direction has ended.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &TcpStream,
        to: &TcpStream,
        scratch: &mut [u8],
    ) -> Poll<io::Result<()>> {
        for _ in 0..TURN {
            if self.state == State::Ended {
                return Poll::Ready(Ok(()));
            }
            ready!(self.flush(cx, to))?;
            if self.state == State::Ending {
                // The receiver may be gone already; then there is nobody to tell.
                let _ = SockRef::from(to).shutdown(Shutdown::Write);
                self.state = State::Ended;
                return Poll::Ready(Ok(()));
            }
            let count = ready!(poll_read(cx, from, scratch))?;
            if count == 0 {
                self.state = State::Ending;
                continue;
            }
            let written = match to.try_write(&scratch[..count]) {
                Ok(written) => written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                Err(error) => return Poll::Ready(Err(error)),
            };
            self.carried += written as u64;
            self.pending.extend_from_slice(&scratch[written..count]);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn flush(&mut self, cx: &mut Context<'_>, to: &TcpStream) -> Poll<io::Result<()>> {
        if self.pending.capacity() == 0 {
            return Poll::Ready(Ok(()));
        }
        while !self.pending.is_empty() {
            ready!(to.poll_write_ready(cx))?;
            match to.try_write(&self.pending) {
                Ok(written) => {
                    self.carried += written as u64;
                    self.pending.advance(written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        self.pending = BytesMut::new();
        Poll::Ready(Ok(()))
    }
}

fn poll_read(cx: &mut Context<'_>, from: &TcpStream, into: &mut [u8]) -> Poll<io::Result<usize>> {
    loop {
        ready!(from.poll_read_ready(cx))?;
        match from.try_read(into) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return Poll::Ready(result),
        }
    }
}

/// Fires after a time without activity. Activity only notes the time; the timer itself is moved when
/// it fires too early, so that a busy connection does not touch the timer wheel.
struct IdleTimer {
    after: Duration,
    active: Instant,
    sleep: Pin<Box<Sleep>>,
}

impl IdleTimer {
    fn new(after: Duration) -> IdleTimer {
        IdleTimer { after, active: Instant::now(), sleep: Box::pin(tokio::time::sleep(after)) }
    }

    fn poll(&mut self, cx: &mut Context<'_>, was_active: bool) -> Poll<()> {
        if was_active {
            self.active = Instant::now();
        }
        loop {
            ready!(self.sleep.as_mut().poll(cx));
            let due = self.active + self.after;
            if due <= Instant::now() {
                return Poll::Ready(());
            }
            self.sleep.as_mut().reset(due);
        }
    }
}
