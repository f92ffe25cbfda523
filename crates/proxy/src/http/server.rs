//! The clients' ends of connections: they read requests and have each served.

pub mod http1;
pub mod http2;
