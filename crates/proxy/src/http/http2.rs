//! HTTP/2 through the `h2` crate: streams as sources and sinks, heads from and to header maps.

pub mod body;
pub mod client;
pub mod convert;
