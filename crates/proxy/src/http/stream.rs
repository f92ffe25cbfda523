//! What the pipeline needs of a message's two halves, whichever HTTP they are spoken in: a source
//! that a body is read from and a sink that it is written to. Everything is polled from the one task
//! of an exchange, so both directions share it without locks, and a side that does not take more
//! stops the other from being read: that is the back-pressure.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use thiserror::Error;

use super::headers::Headers;
use super::syntax::Malformed;

/// Why a message ended before it was complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum StreamError {
    /// The connection ended.
    #[error("connection termination")]
    Closed,
    /// The peer broke the protocol.
    #[error("protocol error")]
    Protocol(Malformed),
    /// The peer reset the stream.
    #[error("remote reset")]
    Reset,
    /// The peer refused the stream before it did anything (REFUSED_STREAM, or GOAWAY before it).
    #[error("remote refused stream reset")]
    Refused,
}

/// What a source has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// [`Source::data`] is not empty.
    Data,
    /// The body has ended; [`Source::trailers`] are there.
    End,
}

/// A body that is read.
pub trait Source {
    /// Waits until there is data or the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Filled, StreamError>>;

    /// The data that is there.
    fn data(&self) -> &[u8];

    /// Drops the first `n` bytes of the data.
    fn consume(&mut self, n: usize);

    /// Takes the first `n` bytes of the data; without a copy if the source can.
    fn take(&mut self, n: usize) -> Bytes {
        let bytes = Bytes::copy_from_slice(&self.data()[..n]);
        self.consume(n);
        bytes
    }

    /// Whether the body is known to end, without trailers, after the first `n` bytes of the data.
    fn ends_after(&self, _n: usize) -> bool {
        false
    }

    /// The trailers, after the end.
    fn trailers(&self) -> &Headers;
}

/// A body that is written.
pub trait Sink {
    /// Takes data from a source that has some; says how much.
    fn poll_send<S: Source>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut S,
    ) -> Poll<Result<usize, StreamError>>;

    /// Ends the body.
    fn finish(&mut self, trailers: &Headers) -> Result<(), StreamError>;

    /// Waits until everything is on its way.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>>;
}

/// On which side a body broke off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PumpError {
    /// Reading failed.
    Source(StreamError),
    /// Writing failed.
    Sink(StreamError),
}

/// A body on its way from a source to a sink.
#[derive(Debug, Default)]
pub struct Pump {
    /// Bytes carried.
    pub bytes: u64,
    /// The source has ended.
    pub ended: bool,
    /// All of it has been handed on.
    pub done: bool,
}

impl Pump {
    /// Carries until neither side goes on; ready when all was written. `bytes` grows with progress.
    pub fn poll<S: Source, K: Sink>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut S,
        sink: &mut K,
    ) -> Poll<Result<(), PumpError>> {
        while !self.ended {
            match source.poll_fill(cx) {
                Poll::Pending => {
                    // Nothing more is coming for now: what was gathered goes out.
                    ready!(sink.poll_flush(cx)).map_err(PumpError::Sink)?;
                    return Poll::Pending;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(PumpError::Source(error))),
                Poll::Ready(Ok(Filled::Data)) => {
                    let sent = ready!(sink.poll_send(cx, source)).map_err(PumpError::Sink)?;
                    self.bytes += sent as u64;
                }
                Poll::Ready(Ok(Filled::End)) => {
                    sink.finish(source.trailers()).map_err(PumpError::Sink)?;
                    self.ended = true;
                }
            }
        }
        ready!(sink.poll_flush(cx)).map_err(PumpError::Sink)?;
        self.done = true;
        Poll::Ready(Ok(()))
    }
}

/// Drops what has already arrived of a body that nobody will read; says whether that was all of it.
pub fn drop_rest<S: Source>(cx: &mut Context<'_>, source: &mut S) -> bool {
    const MOST: usize = 256 * 1024;
    let mut dropped = 0;
    while dropped < MOST {
        match source.poll_fill(cx) {
            Poll::Ready(Ok(Filled::Data)) => {
                let n = source.data().len();
                source.consume(n);
                dropped += n;
            }
            Poll::Ready(Ok(Filled::End)) => return true,
            Poll::Ready(Err(_)) | Poll::Pending => return false,
        }
    }
    false
}
