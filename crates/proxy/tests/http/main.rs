//! The HTTP path of a whole proxy, over real sockets on loopback.

mod basics;
mod failures;
mod framing;
mod http2;
mod streaming;
mod support;
