//! The two directions of an HTTP/2 stream. Flow control is the back-pressure: received data counts
//! against the window until it is consumed, and nothing is handed to `h2` beyond the peer's window.

use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h2::{RecvStream, SendStream};

use super::convert;
use crate::http::headers::Headers;
use crate::http::stream::{Filled, Sink, Source, StreamError};
use crate::http::syntax::Malformed;

/// Most bytes that are handed to `h2` at once.
const PIECE: usize = 64 * 1024;

/// What an error of `h2` means for a stream.
pub fn stream_error(error: &h2::Error) -> StreamError {
    if error.reason() == Some(h2::Reason::REFUSED_STREAM) && error.is_remote() {
        return StreamError::Refused;
    }
    if error.is_go_away() && error.is_remote() {
        // `h2` fails only streams above the last one that the peer has looked at.
        return StreamError::Refused;
    }
    if error.is_reset() && error.is_remote() {
        return StreamError::Reset;
    }
    if error.is_io() { StreamError::Closed } else { PROTOCOL }
}

/// The peer broke the protocol.
pub const PROTOCOL: StreamError =
    StreamError::Protocol(Malformed::Syntax("http2.violation_of_messaging_rule"));

/// A body that is received.
pub struct Incoming {
    stream: RecvStream,
    current: Bytes,
    trailers: Headers,
    ended: bool,
}

impl Incoming {
    /// The body of a message whose head has arrived.
    pub fn new(stream: RecvStream) -> Incoming {
        let ended = stream.is_end_stream();
        Incoming { stream, current: Bytes::new(), trailers: Headers::default(), ended }
    }
}

impl Source for Incoming {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Filled, StreamError>> {
        loop {
            if !self.current.is_empty() {
                return Poll::Ready(Ok(Filled::Data));
            }
            if self.ended {
                return Poll::Ready(Ok(Filled::End));
            }
            match ready!(self.stream.poll_data(cx)) {
                Some(Ok(data)) => self.current = data,
                Some(Err(error)) => return Poll::Ready(Err(stream_error(&error))),
                None => {
                    match ready!(self.stream.poll_trailers(cx)) {
                        Ok(Some(map)) => convert::load_trailers(&map, &mut self.trailers),
                        Ok(None) => {}
                        Err(error) => return Poll::Ready(Err(stream_error(&error))),
                    }
                    self.ended = true;
                }
            }
        }
    }

    fn data(&self) -> &[u8] {
        &self.current
    }

    fn consume(&mut self, n: usize) {
        self.current.advance(n);
        // It fails only if more is released than was received.
        let _ = self.stream.flow_control().release_capacity(n);
    }

    fn take(&mut self, n: usize) -> Bytes {
        let taken = self.current.split_to(n);
        let _ = self.stream.flow_control().release_capacity(n);
        taken
    }

    fn ends_after(&self, n: usize) -> bool {
        n == self.current.len() && self.stream.is_end_stream()
    }

    fn trailers(&self) -> &Headers {
        &self.trailers
    }
}

/// A body that is sent.
pub struct Outgoing {
    stream: SendStream<Bytes>,
    finished: bool,
}

impl Outgoing {
    /// A body, unless the head said that there is none (`finished`).
    pub fn new(stream: SendStream<Bytes>, finished: bool) -> Outgoing {
        Outgoing { stream, finished }
    }

    /// Whether all of it was handed on.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Ready when the peer has reset the stream or gone.
    pub fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<StreamError> {
        match ready!(self.stream.poll_reset(cx)) {
            Ok(h2::Reason::REFUSED_STREAM) => Poll::Ready(StreamError::Refused),
            Ok(_) => Poll::Ready(StreamError::Reset),
            Err(error) => Poll::Ready(stream_error(&error)),
        }
    }

    /// Resets the stream.
    pub fn reset(&mut self, reason: h2::Reason) {
        self.stream.send_reset(reason);
        self.finished = true;
    }

    fn poll_room(&mut self, cx: &mut Context<'_>, want: usize) -> Poll<Result<usize, StreamError>> {
        loop {
            let room = self.stream.capacity().min(want);
            if room > 0 {
                return Poll::Ready(Ok(room));
            }
            self.stream.reserve_capacity(want);
            match ready!(self.stream.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(stream_error(&error))),
                None => return Poll::Ready(Err(StreamError::Closed)),
            }
        }
    }
}

impl Sink for Outgoing {
    fn poll_send<S: Source>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut S,
    ) -> Poll<Result<usize, StreamError>> {
        let want = source.data().len();
        if self.finished {
            source.consume(want);
            return Poll::Ready(Ok(want));
        }
        let room = ready!(self.poll_room(cx, want.min(PIECE)))?;
        let last = source.ends_after(room);
        self.stream.send_data(source.take(room), last).map_err(|error| stream_error(&error))?;
        self.finished = last;
        Poll::Ready(Ok(room))
    }

    fn finish(&mut self, trailers: &Headers) -> Result<(), StreamError> {
        if self.finished {
            return Ok(());
        }
        self.finished = true;
        let result = if trailers.len() > 0 {
            self.stream.send_trailers(convert::trailers(trailers))
        } else {
            self.stream.send_data(Bytes::new(), true)
        };
        result.map_err(|error| stream_error(&error))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        // The connection's own task writes.
        Poll::Ready(Ok(()))
    }
}
