use std::net::SocketAddr;
use std::sync::Arc;

use outrigger_proto::envoy::config::core::v3::Node;
use outrigger_proto::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::{Stream, StreamExt};
use tonic::Status;

use crate::message::{Form, Response};
use crate::provider::{ClientId, Event, Provider};
use crate::session::{Ask, Request, Session, Timing};

/// A request of either form, with the node that only the first one has to carry.
pub(super) struct Incoming {
    node: Option<Node>,
    request: Request,
}

impl From<DiscoveryRequest> for Incoming {
    fn from(message: DiscoveryRequest) -> Self {
        let ask = Ask::Sotw { names: message.resource_names, version: message.version_info };
        let error = message.error_detail.map(|status| status.message);
        Incoming {
            node: message.node,
            request: Request { type_url: message.type_url, nonce: message.response_nonce, error, ask },
        }
    }
}

impl From<DeltaDiscoveryRequest> for Incoming {
    fn from(message: DeltaDiscoveryRequest) -> Self {
        let ask = Ask::Delta {
            subscribe: message.resource_names_subscribe,
            unsubscribe: message.resource_names_unsubscribe,
            initial: message.initial_resource_versions.into_iter().collect(),
        };
        let error = message.error_detail.map(|status| status.message);
        Incoming {
            node: message.node,
            request: Request { type_url: message.type_url, nonce: message.response_nonce, error, ask },
        }
    }
}

/// Reports the end of a stream, however it ends.
struct Connected<P: Provider> {
    provider: Arc<P>,
    id: ClientId,
}

impl<P: Provider> Connected<P> {
    fn report(&self, session: &mut Session) {
        for event in session.events() {
            self.provider.report(self.id, event);
        }
    }
}

impl<P: Provider> Drop for Connected<P> {
    fn drop(&mut self) {
        self.provider.report(self.id, Event::Disconnected);
    }
}

/// Runs one stream until the client leaves (Ok) or has to (the status).
pub(super) async fn serve<P: Provider>(
    provider: Arc<P>,
    form: Form,
    timing: Timing,
    peer: Option<SocketAddr>,
    mut requests: impl Stream<Item = Result<Incoming, Status>> + Unpin,
    responses: &mpsc::Sender<Result<Response, Status>>,
) -> Result<(), Status> {
    let first = tokio::select! {
        first = requests.next() => first,
        () = responses.closed() => None,
    };
    let Some(first) = first.transpose()? else { return Ok(()) };
    let node = first.node.ok_or_else(|| {
        Status::invalid_argument("the first request of a stream must say which node it comes from")
    })?;
    let subscription = provider.connect(&node, peer)?;
    let mut assets = subscription.assets;
    let client = Connected { provider, id: subscription.id };
    let now = Instant::now();
    let mut session = Session::new(form, assets.borrow_and_update().clone(), timing, now);
    session.request(first.request, now);
    loop {
        let full = fill(&mut session, responses);
        client.report(&mut session);
        let deadline = session.deadline(Instant::now());
        let alarm = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            request = requests.next() => {
                let Some(request) = request.transpose()? else { return Ok(()) };
                session.request(request.request, Instant::now());
            }
            changed = assets.changed() => {
                changed.map_err(|_| Status::unavailable("the control plane is stopping"))?;
                let newest = assets.borrow_and_update().clone();
                session.publish(newest, Instant::now());
            }
            permit = responses.reserve(), if full => {
                // Only room was waited for; what is sent is decided above.
                if permit.is_err() {
                    return Ok(());
                }
            }
            () = responses.closed() => return Ok(()),
            () = alarm => {}
        }
    }
}

/// Sends what is to be sent while there is room. Returns whether room is what is missing.
fn fill(session: &mut Session, responses: &mpsc::Sender<Result<Response, Status>>) -> bool {
    loop {
        let Ok(permit) = responses.try_reserve() else { return true };
        match session.response(Instant::now()) {
            Some(response) => permit.send(Ok(response)),
            None => return false,
        }
    }
}
