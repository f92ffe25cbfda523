//! The service over a real socket, with the stubs that are generated from Envoy's API.

use std::sync::Arc;
use std::time::Duration;

use outrigger_proto::envoy::config::core::v3::Node;
use outrigger_proto::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient;
use outrigger_proto::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DeltaDiscoveryResponse, DiscoveryRequest, DiscoveryResponse,
};
use outrigger_proto::google::rpc;
use outrigger_proto::type_url::{CLUSTER, LISTENER};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use crate::test_support::{Publisher, Served, assets, eventually};
use crate::{Assets, Event};

type Stub = AggregatedDiscoveryServiceClient<tonic::transport::Channel>;

fn node() -> Option<Node> {
    Some(Node { id: "sidecar~10.0.0.1~a.b~b.svc.cluster.local".into(), ..Default::default() })
}

async fn stub(served: &Served) -> Stub {
    Stub::connect(format!("http://{}", served.address)).await.unwrap()
}

fn one(version: u64, cluster: &str) -> Arc<Assets> {
    assets(version, [&[cluster], &[], &["l@1"], &[]])
}

struct Stream<Request, Response> {
    requests: mpsc::Sender<Request>,
    responses: Streaming<Response>,
}

impl<Request, Response> Stream<Request, Response> {
    async fn next(&mut self) -> Result<Response, Status> {
        let message = timeout(Duration::from_secs(5), self.responses.message()).await.unwrap()?;
        message.ok_or_else(|| Status::ok("the stream ended"))
    }

    async fn send(&self, request: Request) {
        assert!(self.requests.send(request).await.is_ok());
    }
}

async fn sotw(served: &Served) -> Stream<DiscoveryRequest, DiscoveryResponse> {
    let (requests, queue) = mpsc::channel(8);
    let responses = stub(served).await.stream_aggregated_resources(ReceiverStream::new(queue)).await;
    Stream { requests, responses: responses.unwrap().into_inner() }
}

async fn delta(served: &Served) -> Stream<DeltaDiscoveryRequest, DeltaDiscoveryResponse> {
    let (requests, queue) = mpsc::channel(8);
    let responses = stub(served).await.delta_aggregated_resources(ReceiverStream::new(queue)).await;
    Stream { requests, responses: responses.unwrap().into_inner() }
}

#[tokio::test]
async fn a_stock_client_is_served_in_the_state_of_the_world() {
    let publisher = Publisher::new(one(1, "a@1"));
    let served = Served::start(publisher.clone(), "127.0.0.1:0").await;
    let mut stream = sotw(&served).await;
    let ask = DiscoveryRequest { node: node(), type_url: CLUSTER.into(), ..Default::default() };
    stream.send(ask.clone()).await;
    let first = stream.next().await.unwrap();
    assert_eq!(first.resources[0].value, b"a@1");
    let ack = DiscoveryRequest {
        version_info: first.version_info.clone(),
        response_nonce: first.nonce.clone(),
        node: None,
        ..ask.clone()
    };
    stream.send(ack.clone()).await;
    publisher.assets.send_replace(one(2, "a@2"));
    let second = stream.next().await.unwrap();
    assert_eq!(second.resources[0].value, b"a@2");
    assert_ne!(second.version_info, first.version_info);
    let error = rpc::Status { message: "a: no good".into(), ..Default::default() };
    let nack = DiscoveryRequest { response_nonce: second.nonce, error_detail: Some(error), ..ack };
    stream.send(nack).await;
    eventually("the refusal is reported", || {
        publisher.count(|event| matches!(event, Event::Nacked { error, .. } if error == "a: no good")) == 1
    })
    .await;
    drop(stream);
    eventually("the end is reported", || publisher.count(|event| matches!(event, Event::Disconnected)) == 1)
        .await;
    served.stop().await;
}

#[tokio::test]
async fn a_stock_client_is_served_in_delta_form() {
    let publisher = Publisher::new(one(1, "a@1"));
    let served = Served::start(publisher.clone(), "127.0.0.1:0").await;
    let mut stream = delta(&served).await;
    let ask = |url: &str| DeltaDiscoveryRequest { node: node(), type_url: url.into(), ..Default::default() };
    stream.send(ask(CLUSTER)).await;
    let first = stream.next().await.unwrap();
    assert_eq!((&*first.resources[0].name, &*first.resources[0].version), ("a", "1"));
    stream.send(DeltaDiscoveryRequest { response_nonce: first.nonce, ..ask(CLUSTER) }).await;
    stream.send(ask(LISTENER)).await;
    let listeners = stream.next().await.unwrap();
    assert_eq!(listeners.resources[0].resource.as_ref().unwrap().value, b"l@1");
    stream.send(DeltaDiscoveryRequest { response_nonce: listeners.nonce, ..ask(LISTENER) }).await;
    publisher.assets.send_replace(one(2, "b@1"));
    let added = stream.next().await.unwrap();
    assert_eq!(&*added.resources[0].name, "b");
    assert!(added.removed_resources.is_empty());
    stream.send(DeltaDiscoveryRequest { response_nonce: added.nonce, ..ask(CLUSTER) }).await;
    let removed = stream.next().await.unwrap();
    assert_eq!(removed.removed_resources, ["a"]);
    assert!(removed.resources.is_empty());
    served.stop().await;
}

#[tokio::test]
async fn a_node_that_is_refused_or_missing_ends_the_stream_with_the_reason() {
    let served = Served::start(Publisher::new(one(1, "a@1")), "127.0.0.1:0").await;
    let mut stream = sotw(&served).await;
    let nobody = Some(Node { id: "nobody".into(), ..Default::default() });
    stream.send(DiscoveryRequest { node: nobody, type_url: CLUSTER.into(), ..Default::default() }).await;
    let status = stream.next().await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "who is nobody?"));
    let mut stream = delta(&served).await;
    stream.send(DeltaDiscoveryRequest { type_url: CLUSTER.into(), ..Default::default() }).await;
    assert_eq!(stream.next().await.unwrap_err().code(), Code::InvalidArgument);
    served.stop().await;
}

#[tokio::test]
async fn stopping_ends_the_streams() {
    let served = Served::start(Publisher::new(one(1, "a@1")), "127.0.0.1:0").await;
    let mut stream = sotw(&served).await;
    stream.send(DiscoveryRequest { node: node(), type_url: CLUSTER.into(), ..Default::default() }).await;
    stream.next().await.unwrap();
    served.stop().await;
    assert_eq!(stream.next().await.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn other_methods_are_unimplemented() {
    let served = Served::start(Publisher::new(one(1, "a@1")), "127.0.0.1:0").await;
    let channel = stub(&served).await;
    drop(channel);
    let url = format!("http://{}", served.address);
    let channel = tonic::transport::Endpoint::from_shared(url).unwrap().connect().await.unwrap();
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.unwrap();
    let codec = crate::codec::ClientCodec::<DiscoveryRequest, DiscoveryResponse>::default();
    let path =
        tonic::codegen::http::uri::PathAndQuery::from_static("/envoy.service.discovery.v3.Other/Fetch");
    let answer = grpc.unary(tonic::Request::new(DiscoveryRequest::default()), path, codec).await;
    assert_eq!(answer.unwrap_err().code(), Code::Unimplemented);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_clients_get_one_update_each() {
    let publisher = Publisher::new(one(1, "a@1"));
    let served = Served::start(publisher.clone(), "127.0.0.1:0").await;
    let mut clients = Vec::new();
    for _ in 0..200 {
        let mut stream = delta(&served).await;
        clients.push(tokio::spawn(async move {
            let ask = |nonce: String| DeltaDiscoveryRequest {
                node: node(),
                type_url: CLUSTER.into(),
                response_nonce: nonce,
                ..Default::default()
            };
            stream.send(ask(String::new())).await;
            loop {
                let response = stream.next().await.unwrap();
                let version = response.resources[0].version.clone();
                stream.send(ask(response.nonce)).await;
                if version == "2" {
                    return stream;
                }
            }
        }));
    }
    eventually("all have the first state", || {
        publisher.count(|event| matches!(event, Event::Acked { .. })) == 200
    })
    .await;
    publisher.assets.send_replace(one(2, "a@2"));
    let mut streams = Vec::new();
    for client in clients {
        streams.push(client.await.unwrap());
    }
    eventually("all settle", || publisher.settled().values().filter(|v| **v == Some(2)).count() == 200).await;
    assert_eq!(publisher.count(|event| matches!(event, Event::Sent { .. })), 400);
    drop(streams);
    served.stop().await;
}
