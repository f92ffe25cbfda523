//! A request's body on its way upstream, of which the beginning is kept as long as another attempt
//! may need it.

use std::task::{Context, Poll};

use bytes::Bytes;

use super::caller::Caller;
use super::headers::Headers;
use super::stream::{Filled, Source, StreamError};

/// Longest body that is kept; a longer one is sent once only.
pub const LIMIT: usize = 64 * 1024;

/// The beginning of a body.
#[derive(Debug)]
pub struct Kept {
    bytes: Vec<u8>,
    /// How much of it the attempt under way was given.
    given: usize,
    keeping: bool,
    /// Bytes read from the client.
    pub received: u64,
}

impl Default for Kept {
    fn default() -> Self {
        Kept { bytes: Vec::new(), given: 0, keeping: true, received: 0 }
    }
}

impl Kept {
    /// Whether the body can be sent once more from its start.
    pub fn can_replay(&self) -> bool {
        self.keeping
    }

    /// The next attempt starts.
    pub fn rewind(&mut self) {
        self.given = 0;
    }

    /// There will be no other attempt.
    pub fn stop_keeping(&mut self) {
        self.keeping = false;
        if self.given == self.bytes.len() {
            self.bytes = Vec::new();
            self.given = 0;
        }
    }

    fn keep(&mut self, data: &[u8]) {
        self.received += data.len() as u64;
        if !self.keeping {
            return;
        }
        if self.bytes.len() + data.len() > LIMIT {
            self.stop_keeping();
        } else {
            self.bytes.extend_from_slice(data);
            self.given = self.bytes.len();
        }
    }
}

/// A client's body with what was kept of it in front.
pub struct Replay<'a, C> {
    /// Where the rest comes from.
    pub caller: &'a mut C,
    /// What was read of it in earlier attempts.
    pub kept: &'a mut Kept,
}

impl<C: Caller> Source for Replay<'_, C> {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Filled, StreamError>> {
        if self.kept.given < self.kept.bytes.len() {
            return Poll::Ready(Ok(Filled::Data));
        }
        self.caller.poll_fill(cx)
    }

    fn data(&self) -> &[u8] {
        let kept = &self.kept.bytes[self.kept.given..];
        if kept.is_empty() { self.caller.data() } else { kept }
    }

    fn consume(&mut self, n: usize) {
        if self.kept.given < self.kept.bytes.len() {
            self.kept.given += n;
        } else {
            self.kept.keep(&self.caller.data()[..n]);
            self.caller.consume(n);
        }
    }

    fn take(&mut self, n: usize) -> Bytes {
        if self.kept.given < self.kept.bytes.len() {
            let bytes = Bytes::copy_from_slice(&self.kept.bytes[self.kept.given..][..n]);
            self.kept.given += n;
            return bytes;
        }
        self.kept.keep(&self.caller.data()[..n]);
        self.caller.take(n)
    }

    fn ends_after(&self, n: usize) -> bool {
        self.kept.given == self.kept.bytes.len() && self.caller.ends_after(n)
    }

    fn trailers(&self) -> &Headers {
        self.caller.trailers()
    }
}
