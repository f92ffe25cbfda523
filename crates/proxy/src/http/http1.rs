//! HTTP/1: a codec of our own. Parsing and writing know no sockets; [`connection`] puts them on one;
//! [`client`] is the upstream's end, `server::http1` the client's.
//!
//! Strictness is the point (RFC 9112): what two readers could understand in two ways is refused, and
//! what is passed on is written anew from what was understood.

pub mod body;
pub mod client;
pub mod connection;
pub mod encode;
pub mod parse;
mod target;
