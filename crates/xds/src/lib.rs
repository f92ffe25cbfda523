//! The xDS protocol alone: an ADS server in both of its forms (state of the world and delta) and a
//! delta client, generic over what is served.
//!
//! The server asks a [`Provider`] who a client is and what it may have, and tells it what became of
//! it. What a client may have comes as [`Assets`] on a watch channel, which merges by itself: a slow
//! client skips states and never has more than one push waiting. Bodies of resources are shared
//! bytes; a push copies them once, into the buffer that goes to the socket.
//!
//! The rules of the protocol live in `session`, which does no input or output and is told the time;
//! `server` moves its messages. The client side is [`client::run`] with a [`client::Sink`].
//!
//! Specification: <https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol>.

pub mod client;
mod codec;
mod message;
mod provider;
mod resource;
mod server;
mod session;
#[cfg(test)]
mod test_support;

pub use provider::{ClientId, Event, Provider, Subscription};
pub use resource::{Assets, Resource, ResourceMap};
pub use server::{Server, serve, server};
pub use session::Timing;
