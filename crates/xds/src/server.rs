//! The gRPC service: both forms of ADS on one path each, and the socket options that xDS needs.

mod stream;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use outrigger_proto::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_stream::{StreamExt, adapters::Map};
use tonic::codegen::{Body, BoxFuture, Service, StdError, http};
use tonic::{Status, Streaming};

use crate::codec::{MAX_MESSAGE, ServerCodec};
use crate::message::{Form, Response};
use crate::provider::Provider;
use crate::session::Timing;

use stream::Incoming;

pub(crate) const SOTW_PATH: &str =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";
pub(crate) const DELTA_PATH: &str =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";

/// The aggregated discovery service, in state-of-the-world and delta form, as a tonic service.
pub struct Server<P> {
    provider: Arc<P>,
    timing: Timing,
    /// Streams end when it says so, or when its other half is gone.
    stop: Option<watch::Receiver<bool>>,
}

impl<P> Clone for Server<P> {
    fn clone(&self) -> Self {
        Server { provider: self.provider.clone(), timing: self.timing.clone(), stop: self.stop.clone() }
    }
}

/// The service for what a provider offers, with the usual timing.
pub fn server<P: Provider>(provider: Arc<P>) -> Server<P> {
    Server { provider, timing: Timing::default(), stop: None }
}

impl<P: Provider> Server<P> {
    /// With other waits.
    #[must_use]
    pub fn with_timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    fn open<S>(&self, form: Form, peer: Option<SocketAddr>, requests: S) -> Responses
    where
        S: StreamExt<Item = Result<Incoming, Status>> + Send + Unpin + 'static,
    {
        // One response of room: the next one is made only when the transport has taken this one.
        let (sender, responses) = mpsc::channel(1);
        let (provider, timing, stop) = (self.provider.clone(), self.timing.clone(), self.stop.clone());
        tokio::spawn(async move {
            let serve = stream::serve(provider, form, timing, peer, requests, &sender);
            let stopped = async {
                match stop {
                    // An error says that the other half is gone.
                    Some(mut stop) => drop(stop.wait_for(|stop| *stop).await),
                    None => std::future::pending().await,
                }
            };
            let result = tokio::select! {
                result = serve => result,
                () = stopped => Err(Status::unavailable("the control plane is stopping")),
            };
            if let Err(status) = result {
                // Nobody listens any more if this fails.
                let _ = sender.send(Err(status)).await;
            }
        });
        ReceiverStream::new(responses)
    }
}

type Responses = ReceiverStream<Result<Response, Status>>;

/// Serves the service on a listener until `shutdown`; then streams are ended, and connections closed
/// when they have nothing left to say.
pub async fn serve<P: Provider>(
    listener: TcpListener,
    mut service: Server<P>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    let (stop, stopped) = watch::channel(false);
    service.stop = Some(stopped);
    let incoming = TcpListenerStream::new(listener).map(|stream| {
        stream.inspect(|stream| {
            // Without it small responses wait for acknowledgements of TCP; it works without, too.
            let _ = stream.set_nodelay(true);
        })
    });
    tonic::transport::Server::builder()
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        .add_service(service)
        .serve_with_incoming_shutdown(incoming, async {
            shutdown.await;
            stop.send_replace(true);
        })
        .await
}

impl<P> tonic::server::NamedService for Server<P> {
    const NAME: &'static str = "envoy.service.discovery.v3.AggregatedDiscoveryService";
}

impl<P, B> Service<http::Request<B>> for Server<P>
where
    P: Provider,
    B: Body + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
{
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let server = self.clone();
        Box::pin(async move {
            Ok(match request.uri().path() {
                SOTW_PATH => {
                    let codec = ServerCodec::<DiscoveryRequest>::default();
                    let mut grpc = tonic::server::Grpc::new(codec).max_decoding_message_size(MAX_MESSAGE);
                    grpc.streaming(Method(server), request).await
                }
                DELTA_PATH => {
                    let codec = ServerCodec::<DeltaDiscoveryRequest>::default();
                    let mut grpc = tonic::server::Grpc::new(codec).max_decoding_message_size(MAX_MESSAGE);
                    grpc.streaming(Method(server), request).await
                }
                path => Status::unimplemented(format!("there is no method {path} here")).into_http(),
            })
        })
    }
}

/// The server as one of its two methods, told apart by the type of the request.
struct Method<P>(Server<P>);

impl<P: Provider> tonic::server::StreamingService<DiscoveryRequest> for Method<P> {
    type Response = Response;
    type ResponseStream = Responses;
    type Future = BoxFuture<tonic::Response<Responses>, Status>;

    fn call(&mut self, request: tonic::Request<Streaming<DiscoveryRequest>>) -> Self::Future {
        let peer = request.remote_addr();
        let requests: Map<_, _> = request.into_inner().map(|message| message.map(Incoming::from));
        let responses = self.0.open(Form::Sotw, peer, requests);
        Box::pin(async move { Ok(tonic::Response::new(responses)) })
    }
}

impl<P: Provider> tonic::server::StreamingService<DeltaDiscoveryRequest> for Method<P> {
    type Response = Response;
    type ResponseStream = Responses;
    type Future = BoxFuture<tonic::Response<Responses>, Status>;

    fn call(&mut self, request: tonic::Request<Streaming<DeltaDiscoveryRequest>>) -> Self::Future {
        let peer = request.remote_addr();
        let requests: Map<_, _> = request.into_inner().map(|message| message.map(Incoming::from));
        let responses = self.0.open(Form::Delta, peer, requests);
        Box::pin(async move { Ok(tonic::Response::new(responses)) })
    }
}
