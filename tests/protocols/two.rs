//! HTTP/2 on both sides of the gateway, in this process.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use h2::client::SendRequest;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use outrigger_tests::PATIENCE;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Barrier, oneshot};

/// Runs what a test does over HTTP/2.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await.expect("an end in time") })
}

/// A server that sends bodies and trailers back and tells in `x-seen` what it saw. Requests of
/// `/together` wait until so many of them are there.
pub struct Server {
    pub port: u16,
    connections: Arc<AtomicUsize>,
    _stop: oneshot::Sender<()>,
}

impl Server {
    pub fn start(most_streams: u32, together: usize) -> Server {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        listener.set_nonblocking(true).unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = connections.clone();
        let barrier = Arc::new(Barrier::new(together));
        let (stop, stopped) = oneshot::channel::<()>();
        let accept = async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, most_streams, barrier.clone()));
            }
        };
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = accept => {}
                    _ = stopped => {}
                }
            });
        });
        Server { port, connections, _stop: stop }
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(stream: TcpStream, most_streams: u32, barrier: Arc<Barrier>) {
    let mut builder = h2::server::Builder::new();
    builder.max_concurrent_streams(most_streams);
    let Ok(mut connection) = builder.handshake::<_, Bytes>(stream).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(echo(request, respond, barrier.clone()));
    }
}

async fn echo(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    barrier: Arc<Barrier>,
) -> Option<()> {
    let (parts, body) = request.into_parts();
    if parts.uri.path() == "/together" {
        barrier.wait().await;
    }
    let header = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or("-");
    let seen = format!(
        "{} {} te={} connection={} host={}",
        parts.method,
        parts.uri,
        header("te"),
        header("connection"),
        header("host")
    );
    let response = Response::builder().header("x-seen", seen).body(()).unwrap();
    let mut stream = respond.send_response(response, false).ok()?;
    let (bytes, trailers) = read(body).await.ok()?;
    let empty = HeaderMap::new();
    send(&mut stream, bytes, Some(trailers.as_ref().unwrap_or(&empty))).await
}

/// A client's connection.
pub async fn connect(address: SocketAddr) -> SendRequest<Bytes> {
    let (sender, connection) =
        h2::client::handshake(TcpStream::connect(address).await.unwrap()).await.unwrap();
    tokio::spawn(connection);
    sender
}

/// Reads a body and its trailers.
pub async fn read(mut body: RecvStream) -> Result<(Vec<u8>, Option<HeaderMap>), h2::Error> {
    let mut bytes = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        bytes.extend_from_slice(&data);
    }
    Ok((bytes, body.trailers().await?))
}

async fn send(stream: &mut SendStream<Bytes>, bytes: Vec<u8>, trailers: Option<&HeaderMap>) -> Option<()> {
    let mut rest = Bytes::from(bytes);
    while !rest.is_empty() {
        stream.reserve_capacity(rest.len());
        let room = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await?.ok()?;
        stream.send_data(rest.split_to(room.min(rest.len())), false).ok()?;
    }
    match trailers {
        Some(trailers) if !trailers.is_empty() => stream.send_trailers(trailers.clone()).ok(),
        _ => stream.send_data(Bytes::new(), true).ok(),
    }
}

/// What came back.
pub struct Answer {
    pub head: Response<()>,
    pub body: Vec<u8>,
    pub trailers: Option<HeaderMap>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.headers().get(name)?.to_str().ok()
    }
}

/// One request with a body (`None`: it ends with its head) and trailers.
pub async fn ask(
    sender: &SendRequest<Bytes>,
    request: Request<()>,
    body: Option<Vec<u8>>,
    trailers: Option<HeaderMap>,
) -> Result<Answer, h2::Error> {
    let mut sender = sender.clone().ready().await?;
    let (response, mut stream) = sender.send_request(request, body.is_none())?;
    let sending = async {
        if let Some(body) = body {
            send(&mut stream, body, trailers.as_ref()).await;
        }
    };
    let receiving = async {
        let (parts, body) = response.await?.into_parts();
        let (body, trailers) = read(body).await?;
        Ok(Answer { head: Response::from_parts(parts, ()), body, trailers })
    };
    tokio::join!(sending, receiving).1
}

/// A request without anything special.
pub fn request(method: &str, path: &str) -> Request<()> {
    let uri = format!("http://app.example{path}");
    Request::builder().method(method).uri(uri).body(()).unwrap()
}
