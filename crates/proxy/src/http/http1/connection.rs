//! A socket that carries HTTP/1 messages, one after the other in each direction.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;

use super::body::{Decoded, Decoder};
use super::encode::{self, Encoder};
use crate::http::buffer::{Input, LARGE, Pooled};
use crate::http::head::BodyLength;
use crate::http::headers::Headers;
use crate::http::stream::{Filled, Sink, Source, StreamError};

/// Data up to this size is copied behind what is waiting to be written, so that a head and a small
/// body are one write; longer data is written from where it was read.
const COALESCE: usize = 4 * 1024;

/// The socket with what was read and not used, and what is to be written.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    /// What was read and not used.
    pub input: Input,
    decoder: Decoder,
    ready: usize,
    trailers: Headers,
    output: Pooled,
    written: usize,
    encoder: Encoder,
}

impl Connection {
    /// A connection on which nothing is under way.
    pub fn new(stream: TcpStream) -> Connection {
        Connection {
            stream,
            input: Input::default(),
            decoder: Decoder::Done,
            ready: 0,
            trailers: Headers::default(),
            output: Pooled::default(),
            written: 0,
            encoder: Encoder::Done,
        }
    }

    /// The socket and what was read from it and not used.
    pub fn into_parts(self) -> (TcpStream, Bytes) {
        let first = Bytes::copy_from_slice(self.input.data());
        (self.stream, first)
    }

    /// The socket.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Reads once. `Ok(0)`: the peer has ended. Not to be called with `most` bytes there already.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<usize>> {
        let Some(space) = self.input.space(most) else {
            return Poll::Ready(Err(io::ErrorKind::OutOfMemory.into()));
        };
        let result = pin!(self.stream.read_buf(space)).poll(cx);
        if result.is_pending() {
            self.input.release();
        }
        result
    }

    /// Begins to read a body.
    pub fn start_reading(&mut self, length: BodyLength) {
        self.decoder = Decoder::new(length);
        self.ready = 0;
        self.trailers.clear();
    }

    /// Whether the body that is being read has ended.
    pub fn has_read_all(&self) -> bool {
        self.decoder.is_done()
    }

    /// Begins to write a message: `write` appends its head and says how its body goes on.
    pub fn start_writing(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Encoder) {
        self.encoder = write(self.output.ready());
    }

    /// Writes a head that has no body, before that of the message under way.
    pub fn insert_head(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        write(self.output.ready());
    }

    /// Tells the peer that nothing more is coming.
    pub fn shutdown(&self) {
        // That it is gone already is no matter.
        let _ = socket2::SockRef::from(&self.stream).shutdown(std::net::Shutdown::Write);
    }

    /// Whether everything was handed to the kernel.
    pub fn is_flushed(&self) -> bool {
        self.output.is_empty()
    }

    /// Whether the message that is being written is complete, or at least nobody waits for more.
    pub fn has_written_all(&self) -> bool {
        self.encoder == Encoder::Done && self.is_flushed()
    }

    /// Gives memory back while nothing is under way.
    pub fn rest(&mut self) {
        self.input.release();
        self.trailers.release();
        if self.output.is_empty() {
            self.output.release();
        }
    }

    /// Writes what is waiting and some of `data`; says how much of `data`, which must not be empty.
    fn poll_write_with(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, StreamError>> {
        loop {
            let waiting = &self.output[self.written..];
            let slices = [IoSlice::new(waiting), IoSlice::new(data)];
            let slices = if waiting.is_empty() { &slices[1..] } else { &slices[..] };
            let sent = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices));
            let sent = sent.map_err(|_| StreamError::Closed)?;
            if sent == 0 {
                return Poll::Ready(Err(StreamError::Closed));
            }
            if sent < waiting.len() {
                self.written += sent;
                continue;
            }
            let of_data = sent - waiting.len();
            self.output.clear();
            self.written = 0;
            if of_data > 0 {
                return Poll::Ready(Ok(of_data));
            }
        }
    }

    fn poll_chunk(
        &mut self,
        cx: &mut Context<'_>,
        data: &[u8],
        left: usize,
    ) -> Poll<Result<usize, StreamError>> {
        let mut left = left;
        if left == 0 {
            encode::chunk_size(data.len(), self.output.ready());
            left = data.len();
            self.encoder = Encoder::Chunked { left };
        }
        let take = left.min(data.len());
        let sent = if self.output.len() + take <= COALESCE {
            self.output.ready().extend_from_slice(&data[..take]);
            take
        } else {
            ready!(self.poll_write_with(cx, &data[..take]))?
        };
        left -= sent;
        self.encoder = Encoder::Chunked { left };
        if left == 0 {
            self.output.ready().extend_from_slice(b"\r\n");
        }
        Poll::Ready(Ok(sent))
    }
}

impl Source for Connection {
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Filled, StreamError>> {
        loop {
            match self.decoder.decode(&mut self.input, &mut self.trailers) {
                Err(error) => return Poll::Ready(Err(StreamError::Protocol(error))),
                Ok(Decoded::Data(ready)) => {
                    self.ready = ready;
                    return Poll::Ready(Ok(Filled::Data));
                }
                Ok(Decoded::End) => return Poll::Ready(Ok(Filled::End)),
                Ok(Decoded::More) => match ready!(self.poll_read(cx, LARGE)) {
                    Ok(0) if self.decoder.closed() => return Poll::Ready(Ok(Filled::End)),
                    Ok(0) | Err(_) => return Poll::Ready(Err(StreamError::Closed)),
                    Ok(_) => {}
                },
            }
        }
    }

    fn data(&self) -> &[u8] {
        &self.input.data()[..self.ready]
    }

    fn consume(&mut self, n: usize) {
        self.input.consume(n);
        self.decoder.consumed(n);
        self.ready -= n;
    }

    fn ends_after(&self, n: usize) -> bool {
        self.decoder == Decoder::Length(n as u64)
    }

    fn trailers(&self) -> &Headers {
        &self.trailers
    }
}

impl Sink for Connection {
    fn poll_send<S: Source>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut S,
    ) -> Poll<Result<usize, StreamError>> {
        let data = source.data();
        let sent = match self.encoder {
            // A body that the head ruled out (an answer to HEAD) goes nowhere.
            Encoder::Done => data.len(),
            Encoder::Plain if self.output.len() + data.len() <= COALESCE => {
                self.output.ready().extend_from_slice(data);
                data.len()
            }
            Encoder::Plain => ready!(self.poll_write_with(cx, data))?,
            Encoder::Chunked { left } => ready!(self.poll_chunk(cx, data, left))?,
        };
        source.consume(sent);
        Poll::Ready(Ok(sent))
    }

    fn finish(&mut self, trailers: &Headers) -> Result<(), StreamError> {
        if matches!(self.encoder, Encoder::Chunked { .. }) {
            encode::last_chunk(trailers, self.output.ready());
        }
        self.encoder = Encoder::Done;
        Ok(())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamError>> {
        while self.written < self.output.len() {
            let waiting = &self.output[self.written..];
            let sent = ready!(Pin::new(&mut self.stream).poll_write(cx, waiting));
            match sent {
                Ok(sent) if sent > 0 => self.written += sent,
                _ => return Poll::Ready(Err(StreamError::Closed)),
            }
        }
        self.output.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}
