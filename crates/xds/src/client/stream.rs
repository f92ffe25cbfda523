use std::collections::{BTreeMap, BTreeSet};

use outrigger_proto::envoy::config::core::v3::Node;
use outrigger_proto::envoy::service::discovery::v3::DeltaDiscoveryRequest;
use outrigger_proto::google::rpc;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tracing::info;

use super::sink::{Connection, Received, Rejected, Sink, Wanted};
use crate::codec::{ClientCodec, MAX_MESSAGE};
use crate::message::DeltaResponse;
use crate::server::DELTA_PATH;

/// Responses larger than this are handed to the sink on a blocking thread.
const LARGE: usize = 64 * 1024;

/// The longest text that a refusal carries; enough for dozens of names.
const MAX_ERROR: usize = 16 * 1024;

/// How many requests may wait for the transport. A response causes at most two per type.
const REQUEST_QUEUE: usize = 32;

/// `google.rpc.Code.INVALID_ARGUMENT`.
const INVALID_ARGUMENT: i32 = 3;

/// What outlives a stream: the sink and what it holds.
pub(super) struct State<S> {
    node: Node,
    types: Vec<Held>,
    /// `None` only while an update runs on a blocking thread.
    sink: Option<S>,
    /// Whether the latest stream ever brought a response.
    pub heard: bool,
}

/// One type, as the client stands with it.
struct Held {
    type_url: &'static str,
    /// Versions of what the sink accepted.
    versions: BTreeMap<String, String>,
    /// What was asked for on this stream; `None`: nothing yet.
    asked: Option<Wanted>,
}

impl<S: Sink> State<S> {
    pub fn new(node: Node, types: Vec<&'static str>, sink: S) -> Self {
        let types = types
            .into_iter()
            .map(|type_url| Held {
                type_url,
                versions: sink.known(type_url).into_iter().collect(),
                asked: None,
            })
            .collect();
        State { node, types, sink: Some(sink), heard: false }
    }

    /// The connection is gone.
    pub fn lost(&mut self, reason: String) {
        if let Some(sink) = &mut self.sink {
            sink.connection(Connection::Down(reason));
        }
    }

    /// Serves one stream until it ends; says why it ended.
    pub async fn follow(&mut self, channel: Channel) -> String {
        self.heard = false;
        for held in &mut self.types {
            held.asked = None;
        }
        match self.stream(channel).await {
            Ok(()) => "the control plane closed the stream".into(),
            Err(status) => super::describe(&status),
        }
    }

    async fn stream(&mut self, channel: Channel) -> Result<(), Status> {
        let (requests, queue) = mpsc::channel(REQUEST_QUEUE);
        let mut node = Some(self.node.clone());
        // The first requests are queued before the stream opens: servers may want to see one before
        // they send headers.
        for mut request in self.subscriptions()? {
            request.node = node.take();
            requests.try_send(request).map_err(|_| Status::internal("too many types"))?;
        }
        let mut grpc = tonic::client::Grpc::new(channel).max_decoding_message_size(MAX_MESSAGE);
        grpc.ready().await.map_err(|error| Status::unavailable(super::describe(&error)))?;
        let codec = ClientCodec::<DeltaDiscoveryRequest, DeltaResponse>::default();
        let request = tonic::Request::new(ReceiverStream::new(queue));
        let path = PathAndQuery::from_static(DELTA_PATH);
        let mut responses = grpc.streaming(request, path, codec).await?.into_inner();
        while let Some(response) = responses.message().await? {
            if !self.heard {
                self.heard = true;
                info!("the control plane answers");
                self.sink()?.connection(Connection::Up);
            }
            for request in self.receive(response).await? {
                requests.send(request).await.map_err(|_| Status::unavailable("the stream is gone"))?;
            }
        }
        Ok(())
    }

    /// Applies a response. What it makes the sink want is asked for before it is acknowledged: the
    /// control plane then knows, at the acknowledgement, what has to be warm before it goes on.
    async fn receive(&mut self, response: DeltaResponse) -> Result<Vec<DeltaDiscoveryRequest>, Status> {
        let DeltaResponse { resources, type_url, nonce, removed_resources: removed, .. } = response;
        let Some(index) = self.types.iter().position(|held| held.type_url == type_url) else {
            return Ok(vec![acknowledgement(type_url, nonce, &[])]);
        };
        let mut changed = Vec::with_capacity(resources.len());
        let mut rejected = Vec::new();
        for resource in resources {
            let name = resource.name;
            if !self.types[index].wants(&name) {
                continue;
            }
            match resource.resource {
                Some(any) if any.type_url == type_url => {
                    changed.push(Received { name, version: resource.version, body: any.value });
                }
                Some(any) => {
                    let reason = format!("it is a {}, not a {type_url}", any.type_url);
                    rejected.push(Rejected { name, reason });
                }
                // A heartbeat: the version says that nothing changed.
                None => {}
            }
        }
        let versions: Vec<_> = changed.iter().map(|r| (r.name.clone(), r.version.clone())).collect();
        rejected.extend(self.update(self.types[index].type_url, changed, removed.clone()).await?);
        let held = &mut self.types[index];
        let refused: BTreeSet<&str> = rejected.iter().map(|r| &*r.name).collect();
        for (name, version) in versions {
            if !refused.contains(&*name) {
                held.versions.insert(name, version);
            }
        }
        for name in &removed {
            held.versions.remove(name);
        }
        let mut requests = self.subscriptions()?;
        requests.push(acknowledgement(type_url, nonce, &rejected));
        Ok(requests)
    }

    async fn update(
        &mut self,
        type_url: &'static str,
        changed: Vec<Received>,
        removed: Vec<String>,
    ) -> Result<Vec<Rejected>, Status> {
        if changed.iter().map(|r| r.body.len()).sum::<usize>() <= LARGE {
            return Ok(self.sink()?.update(type_url, changed, removed));
        }
        let mut sink = self.sink.take().ok_or_else(no_sink)?;
        let work = move || {
            let rejected = sink.update(type_url, changed, removed);
            (sink, rejected)
        };
        let (sink, rejected) =
            tokio::task::spawn_blocking(work).await.map_err(|error| Status::internal(error.to_string()))?;
        self.sink = Some(sink);
        Ok(rejected)
    }

    fn sink(&mut self) -> Result<&mut S, Status> {
        self.sink.as_mut().ok_or_else(no_sink)
    }

    /// Requests for what the sink wants now and this stream was not asked for yet, in the order of the
    /// types.
    fn subscriptions(&mut self) -> Result<Vec<DeltaDiscoveryRequest>, Status> {
        let sink = self.sink.as_ref().ok_or_else(no_sink)?;
        Ok(self.types.iter_mut().filter_map(|held| held.subscribe(sink.wanted(held.type_url))).collect())
    }
}

impl Held {
    fn wants(&self, name: &str) -> bool {
        match &self.asked {
            Some(Wanted::Wildcard) => true,
            Some(Wanted::Names(names)) => names.contains(name),
            None => false,
        }
    }

    fn subscribe(&mut self, wanted: Wanted) -> Option<DeltaDiscoveryRequest> {
        if self.asked.as_ref() == Some(&wanted) {
            return None;
        }
        if let Wanted::Names(names) = &wanted {
            self.versions.retain(|name, _| names.contains(name));
            if self.asked.is_none() && names.is_empty() {
                return None;
            }
        }
        let mut request = DeltaDiscoveryRequest { type_url: self.type_url.into(), ..Default::default() };
        if self.asked.is_none() {
            request.initial_resource_versions = self.versions.clone().into_iter().collect();
        }
        let before = names_of(self.asked.as_ref());
        let after = names_of(Some(&wanted));
        request.resource_names_subscribe = after.difference(&before).cloned().collect();
        request.resource_names_unsubscribe = before.difference(&after).cloned().collect();
        self.asked = Some(wanted);
        Some(request)
    }
}

/// The names that stand for a wish in a request; `*` for everything.
fn names_of(wanted: Option<&Wanted>) -> BTreeSet<String> {
    match wanted {
        None => BTreeSet::new(),
        Some(Wanted::Wildcard) => BTreeSet::from(["*".to_string()]),
        Some(Wanted::Names(names)) => names.clone(),
    }
}

fn acknowledgement(type_url: String, nonce: String, rejected: &[Rejected]) -> DeltaDiscoveryRequest {
    let error_detail = (!rejected.is_empty()).then(|| {
        let mut message = String::new();
        for Rejected { name, reason } in rejected {
            if message.len() + name.len() + reason.len() > MAX_ERROR {
                message.push_str("; and more");
                break;
            }
            let separator = if message.is_empty() { "" } else { "; " };
            message.push_str(&format!("{separator}{name}: {reason}"));
        }
        rpc::Status { code: INVALID_ARGUMENT, message, details: Vec::new() }
    });
    DeltaDiscoveryRequest { type_url, response_nonce: nonce, error_detail, ..Default::default() }
}

fn no_sink() -> Status {
    Status::internal("the sink was lost in an update that panicked")
}
