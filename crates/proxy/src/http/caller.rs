//! The client's side of an exchange: a request's body can be read from it, a response written to it.

use std::task::{Context, Poll};

use super::head::ResponseHead;
use super::stream::{Sink, Source, StreamError};
use crate::telemetry::Protocol;

/// A client that waits for the answer to one request.
pub trait Caller: Source + Sink {
    /// What it speaks.
    fn protocol(&self) -> Protocol;

    /// Ready when the client has gone. While a body is being read only an HTTP/2 stream can tell.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Passes an interim response on, if the client understands it.
    fn send_informational(&mut self, head: &ResponseHead) -> Result<(), StreamError>;

    /// Begins the response. Its body follows, unless the head says that there is none.
    fn send_head(&mut self, head: &mut ResponseHead) -> Result<(), StreamError>;

    /// The connection is not to serve further requests after this response.
    fn close_after(&mut self);

    /// From here on both directions carry plain bytes (101 was sent).
    fn tunnel(&mut self);

    /// What was begun cannot be completed; the client must notice.
    fn abort(&mut self);
}
