use std::net::SocketAddr;
use std::sync::Arc;

use outrigger_proto::envoy::config::core::v3::Node;
use tokio::sync::watch;

use crate::resource::{Assets, Resource};

/// A connected client; the provider hands them out and never twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u64);

/// What a client that was let in gets.
#[derive(Debug)]
pub struct Subscription {
    /// The name under which it is reported on.
    pub id: ClientId,
    /// What it may have. The stream ends when the sender is dropped.
    pub assets: watch::Receiver<Arc<Assets>>,
}

/// What stands behind the server: who may connect, what each client may have, what became of it.
/// Both methods are called on the runtime that serves the streams and must not block.
pub trait Provider: Send + Sync + 'static {
    /// A client said who it is. An error ends its stream with that status.
    fn connect(&self, node: &Node, peer: Option<SocketAddr>) -> Result<Subscription, tonic::Status>;

    /// Something happened with a client.
    fn report(&self, id: ClientId, event: Event);
}

/// What happened with a client. Versions are those of [`Assets`].
#[derive(Debug, Clone)]
pub enum Event {
    /// It asked for a type for the first time.
    Subscribed {
        /// The type.
        type_url: Arc<str>,
    },
    /// A response went out.
    Sent {
        /// The type.
        type_url: Arc<str>,
        /// The state it belongs to.
        version: u64,
        /// Its number among the responses of this type on this stream.
        nonce: u64,
        /// The resources in it.
        resources: Arc<[Arc<Resource>]>,
        /// Names that it takes away (delta only).
        removed: Arc<[Arc<str>]>,
        /// Its size on the wire.
        bytes: usize,
    },
    /// The client accepted a response.
    Acked {
        /// The type.
        type_url: Arc<str>,
        /// The state the response belonged to.
        version: u64,
        /// Which response.
        nonce: u64,
    },
    /// The client refused a response, or a part of it.
    Nacked {
        /// The type.
        type_url: Arc<str>,
        /// The state the response belonged to.
        version: u64,
        /// Which response.
        nonce: u64,
        /// The resources that were in it.
        resources: Arc<[Arc<Resource>]>,
        /// What the client said; it names the bad ones.
        error: String,
    },
    /// The client has answered everything that it subscribed to of this state. Removals that wait for
    /// their delay do not count.
    Settled {
        /// The state.
        version: u64,
    },
    /// Something is on its way to the client again.
    Unsettled,
    /// Its stream ended.
    Disconnected,
}
