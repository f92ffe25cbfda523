use std::sync::Arc;
use std::time::Instant;

use outrigger_compile::Proxy;
use outrigger_sources::Load;
use outrigger_xds::ClientId;
use tokio::sync::oneshot;

use crate::mesh_file::Settings;

/// What the writer is told.
pub enum Command {
    /// A source has something to say.
    Load {
        /// Which.
        source: usize,
        /// What.
        load: Load,
        /// When it was noticed.
        since: Instant,
    },
    /// The file of mesh-wide settings changed.
    Settings(Box<Settings>, Instant),
    /// A proxy came.
    Connected(ClientId, Arc<Proxy>),
    /// A proxy left.
    Left(ClientId),
    /// Answer when everything before this was applied.
    Barrier(oneshot::Sender<()>),
    /// End.
    Stop,
}
