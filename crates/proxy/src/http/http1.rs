//! HTTP/1: a codec of our own. Parsing and writing know no sockets; [`connection`] puts them on one;
//! [`server`] and [`client`] are the two ends.
//!
//! Strictness is the point (RFC 9112): what two readers could understand in two ways is refused, and
//! what is passed on is written anew from what was understood.

pub mod body;
pub mod client;
pub mod connection;
pub mod encode;
pub mod parse;
pub mod server;
pub mod target;

pub use target::{is_valid_authority, is_valid_path};
