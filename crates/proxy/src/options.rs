//! What the caller decides about a proxy.

use std::sync::Arc;
use std::time::Duration;

use outrigger_traffic::WorkloadRef;

/// How a proxy runs.
#[derive(Clone)]
pub struct Options {
    /// Worker threads, each with sockets, pools and balancers of its own; 0: one per core.
    pub workers: usize,
    /// Pins worker n to the n-th core that this process may use.
    pub pin: bool,
    /// Who reports telemetry.
    pub local: LocalNode,
    /// SO_MARK of upstream connections, so that capture lets them through. Needs CAP_NET_ADMIN.
    pub mark: Option<u32>,
    /// Reads the original destination of captured connections.
    pub capture: bool,
    /// Time from [`crate::Proxy::drain`] until listeners close and what is left is cut off.
    pub drain_time: Duration,
    /// Reads and writes the peer metadata headers.
    pub peer_metadata: Arc<dyn PeerMetadata>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            workers: 1,
            pin: false,
            local: LocalNode::default(),
            mark: None,
            capture: false,
            drain_time: Duration::from_secs(5),
            peer_metadata: Arc::new(NoPeerMetadata),
        }
    }
}

/// The workload that this proxy stands beside, as telemetry names it.
#[derive(Debug, Clone, Default)]
pub struct LocalNode {
    /// Node id, e.g. `sidecar~10.0.0.1~name.ns~ns.svc.cluster.local`.
    pub id: Arc<str>,
    /// Name, canonical service and so on.
    pub workload: WorkloadRef,
    /// The name in `%HOSTNAME%`.
    pub hostname: Arc<str>,
}

/// The workload at the other end, as far as it says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Peer {
    /// Name, canonical service and so on; `principal` is empty without authentication.
    pub workload: WorkloadRef,
}

/// The header that carries a peer's node id.
pub const HEADER_PEER_METADATA_ID: &str = "x-envoy-peer-metadata-id";
/// The header that carries a peer's metadata.
pub const HEADER_PEER_METADATA: &str = "x-envoy-peer-metadata";

/// Writes and reads the metadata that proxies of a mesh exchange in headers. It is protobuf inside,
/// which this crate does not speak; node implements it.
pub trait PeerMetadata: Send + Sync {
    /// Values of the two headers that say who this proxy is: node id and encoded metadata.
    /// `None`: nothing is said.
    fn own(&self) -> Option<(&str, &str)>;

    /// Who the peer says it is. `None` if the value makes no sense.
    fn decode(&self, metadata: &[u8]) -> Option<Peer>;
}

/// Says nothing and understands nothing.
pub struct NoPeerMetadata;

impl PeerMetadata for NoPeerMetadata {
    fn own(&self) -> Option<(&str, &str)> {
        None
    }

    fn decode(&self, _: &[u8]) -> Option<Peer> {
        None
    }
}
