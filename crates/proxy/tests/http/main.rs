//! The HTTP path of a whole proxy, over real sockets on loopback.

// Helpers of tests may panic like the tests themselves.
#![allow(clippy::unwrap_used)]

mod basics;
mod failures;
mod framing;
mod hostile;
mod http2;
mod streaming;
mod support;
