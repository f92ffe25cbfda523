//! Where proxies come in: who they are, and what is reported of them.

use std::net::SocketAddr;
use std::sync::Arc;

use outrigger_proto::envoy::config::core::v3::Node;
use outrigger_proto::envoy::config::core::v3::node::UserAgentVersionType;
use outrigger_xds::{ClientId, Event, Provider, Subscription};
use tonic::Status;
use tracing::warn;

use crate::command::Command;
use crate::identity::identify;
use crate::shared::Shared;

/// The xDS server's view of the control plane.
pub struct Door(pub Arc<Shared>);

impl Provider for Door {
    fn connect(&self, node: &Node, peer: Option<SocketAddr>) -> Result<Subscription, Status> {
        let shared = &self.0;
        let proxy = match identify(node, &shared.cluster) {
            Ok(proxy) => Arc::new(proxy),
            Err(error) => {
                shared.metrics.refused_connections.add(1);
                warn!(?peer, %error, "a node is refused");
                return Err(Status::invalid_argument(error.to_string()));
            }
        };
        let subscription = shared.proxies.connect(proxy.clone(), peer, engine(node));
        shared.tell(Command::Connected(subscription.id, proxy));
        Ok(subscription)
    }

    fn report(&self, id: ClientId, event: Event) {
        let left = matches!(event, Event::Disconnected);
        self.0.proxies.report(id, event);
        if left {
            self.0.tell(Command::Left(id));
        }
    }
}

/// What a node says it runs, as `name version`.
fn engine(node: &Node) -> String {
    let version = match &node.user_agent_version_type {
        Some(UserAgentVersionType::UserAgentVersion(version)) => version.clone(),
        Some(UserAgentVersionType::UserAgentBuildVersion(build)) => match &build.version {
            Some(v) => format!("{}.{}.{}", v.major_number, v.minor_number, v.patch),
            None => String::new(),
        },
        None => String::new(),
    };
    format!("{} {version}", node.user_agent_name).trim().to_string()
}
