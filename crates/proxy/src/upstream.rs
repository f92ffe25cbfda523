//! Clusters as one worker sees them at run time: hosts with their connections and load, limits, and
//! the way to a new connection. Which host is taken is decided in `traffic`.
//!
//! Everything here but [`Shared`] belongs to one worker and is not `Send`.

mod cluster;
mod connect;
mod host;
mod limits;
mod shared;

pub use cluster::Cluster;
pub use connect::{ConnectError, ConnectOptions, Connection, ConnectionGuard};
pub use host::{ActiveRequest, Host};
pub use limits::{Limit, Permit};
pub use shared::{ClusterTotals, Shared};
