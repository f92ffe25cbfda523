//! HTTP/2 on either side, and from one to the other.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, Response};
use outrigger_traffic::UpstreamProtocol;
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Backend, LONG, Setup, TestProxy, cluster, reply, route, say, to};

async fn connect(address: SocketAddr) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn get(path: &str) -> Request<()> {
    Request::get(format!("http://a{path}")).body(()).unwrap()
}

/// Sends a request with a body and reads the whole answer.
async fn ask(
    sender: &SendRequest<Bytes>,
    request: Request<()>,
    body: Option<&[u8]>,
) -> Result<(Response<()>, Vec<u8>, Option<HeaderMap>), h2::Error> {
    let mut sender = sender.clone().ready().await?;
    let (response, mut stream) = sender.send_request(request, body.is_none())?;
    if let Some(body) = body {
        stream.send_data(Bytes::copy_from_slice(body), true)?;
    }
    let (parts, mut stream) = tokio::time::timeout(LONG, response).await.expect("an answer")?.into_parts();
    let (bytes, trailers) = read(&mut stream).await?;
    Ok((Response::from_parts(parts, ()), bytes, trailers))
}

async fn read(stream: &mut RecvStream) -> Result<(Vec<u8>, Option<HeaderMap>), h2::Error> {
    let mut bytes = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data?;
        stream.flow_control().release_capacity(data.len())?;
        bytes.extend_from_slice(&data);
    }
    Ok((bytes, stream.trailers().await?))
}

async fn send(mut stream: SendStream<Bytes>, mut body: Bytes, trailers: Option<HeaderMap>) {
    while !body.is_empty() {
        stream.reserve_capacity(body.len());
        let Some(Ok(room)) = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await else { return };
        let piece = body.split_to(room.min(body.len()));
        if stream.send_data(piece, body.is_empty() && trailers.is_none()).is_err() {
            return;
        }
    }
    if let Some(trailers) = trailers {
        let _ = stream.send_trailers(trailers);
    }
}

/// An HTTP/2 server: answers with what it got, waits a little, and sends gRPC's trailers.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

async fn server(max_streams: u32, pause: Duration) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut builder = h2::server::Builder::new();
                builder.max_concurrent_streams(max_streams);
                let mut connection = builder.handshake::<_, Bytes>(stream).await.unwrap();
                while let Some(Ok((request, respond))) = connection.accept().await {
                    tokio::spawn(echo(request, respond, pause));
                }
            });
        }
    });
    Server { address, connections }
}

async fn echo(request: Request<RecvStream>, mut respond: h2::server::SendResponse<Bytes>, pause: Duration) {
    let (parts, mut body) = request.into_parts();
    let Ok((bytes, trailers)) = read(&mut body).await else { return };
    tokio::time::sleep(pause).await;
    let path = parts.uri.path().to_owned();
    let seen = format!("{} {} te={:?}", parts.method, parts.uri, parts.headers.get("te"));
    let mut response = Response::builder().header("x-seen", seen).header("content-type", "application/grpc");
    if path == "/only" {
        let _ = respond.send_response(response.header("grpc-status", "5").body(()).unwrap(), true);
        return;
    }
    if let Some(sum) = trailers.as_ref().and_then(|map| map.get("x-up")) {
        response = response.header("x-up", sum);
    }
    let stream = respond.send_response(response.body(()).unwrap(), false).unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    send(stream, bytes.into(), Some(trailers)).await;
}

fn http2_to(address: SocketAddr) -> TestProxy {
    let http2 = UpstreamProtocol::Http2 { max_concurrent_streams: None };
    Setup::new(vec![route("/", to("c"))], vec![cluster("c", &[address]).with(|c| c.protocol = http2)]).start()
}

#[tokio::test]
async fn a_client_of_http2_reaches_an_upstream_of_http1() {
    let upstream = Backend::start(|request, stream| match request.path() {
        "/chunked" => say(
            stream,
            "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nx-end: 1\r\n\r\n",
        ),
        _ => reply(stream, std::str::from_utf8(&request.body).unwrap()),
    });
    let proxy = Setup::to(upstream.address).start();
    let sender = connect(proxy.address).await;
    let request =
        Request::post("http://a/x").header("cookie", "a=1").header("cookie", "b=2").body(()).unwrap();
    let (response, body, _) = ask(&sender, request, Some(b"hello")).await.unwrap();
    assert_eq!((response.status().as_u16(), &body[..]), (200, &b"hello"[..]));
    assert_eq!(response.headers()["server"], "outrigger");
    let received = &upstream.requests()[0];
    assert_eq!((received.header("host"), received.header("cookie")), (Some("a"), Some("a=1; b=2")));
    let (_, body, trailers) = ask(&sender, get("/chunked"), None).await.unwrap();
    assert_eq!((&body[..], &trailers.unwrap()["x-end"]), (&b"ab"[..], &"1".parse().unwrap()));
}

#[tokio::test]
async fn a_client_of_http1_reaches_an_upstream_of_http2() {
    let server = server(100, Duration::ZERO).await;
    let proxy = http2_to(server.address);
    let (first, second) = tokio::task::spawn_blocking(move || {
        let mut client = proxy.client();
        let request =
            "POST /p?q HTTP/1.1\r\nhost: h\r\nte: trailers\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-up: 7\r\n\r\n";
        let answers = (client.ask(request), client.ask("GET / HTTP/1.1\r\nhost: h\r\n\r\n"));
        proxy.wait_for_metric(&["grpc_response_status=\"0\"", "request_protocol=\"http\""]);
        answers
    })
    .await
    .unwrap();
    assert_eq!(first.text(), "abcgrpc-status: 0\n");
    assert_eq!(first.header("x-seen"), Some("POST http://h/p?q te=Some(\"trailers\")"));
    assert_eq!(first.header("x-up"), Some("7"), "trailers of the request arrived");
    assert_eq!(second.status, 200);
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn grpc_statuses_pass_and_count() {
    let server = server(100, Duration::ZERO).await;
    let proxy = http2_to(server.address);
    let sender = connect(proxy.address).await;
    let grpc = |path: &str| {
        let request = Request::post(format!("http://a{path}"));
        request.header("content-type", "application/grpc").header("te", "trailers").body(()).unwrap()
    };
    let (response, body, trailers) = ask(&sender, grpc("/call"), Some(b"ping")).await.unwrap();
    assert_eq!((&body[..], &trailers.unwrap()["grpc-status"]), (&b"ping"[..], &"0".parse().unwrap()));
    assert!(response.headers()["x-seen"].to_str().unwrap().ends_with("te=Some(\"trailers\")"));
    let (response, _, _) = ask(&sender, grpc("/only"), Some(b"")).await.unwrap();
    assert_eq!(response.headers()["grpc-status"], "5");
    tokio::task::spawn_blocking(move || {
        proxy.wait_for_metric(&["request_protocol=\"grpc\"", "grpc_response_status=\"0\""]);
        proxy.wait_for_metric(&["request_protocol=\"grpc\"", "grpc_response_status=\"5\""]);
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_grpc_client_is_told_of_a_missing_upstream_by_grpc_status() {
    let proxy = Setup::new(vec![route("/", to("c"))], vec![cluster("c", &[])]).start();
    let sender = connect(proxy.address).await;
    let request = Request::post("http://a/s").header("content-type", "application/grpc").body(()).unwrap();
    let (response, body, _) = ask(&sender, request, Some(b"x")).await.unwrap();
    assert_eq!((response.status().as_u16(), body.len()), (200, 0));
    assert_eq!(response.headers()["grpc-status"], "14");
    assert_eq!(response.headers()["grpc-message"], "no healthy upstream");
}

#[tokio::test]
async fn at_the_peers_stream_limit_a_further_connection_is_opened() {
    let server = server(10, Duration::from_millis(200)).await;
    let proxy = http2_to(server.address);
    let sender = connect(proxy.address).await;
    // The first request lets the proxy learn the limit.
    ask(&sender, get("/"), None).await.unwrap();
    let requests: Vec<_> = (0..35)
        .map(|n| {
            let sender = sender.clone();
            tokio::spawn(async move { ask(&sender, get(&format!("/{n}")), None).await })
        })
        .collect();
    for request in requests {
        assert_eq!(request.await.unwrap().unwrap().0.status(), 200);
    }
    let opened = server.connections.load(Ordering::SeqCst);
    assert!((4..=5).contains(&opened), "{opened} connections");
}

#[tokio::test]
async fn large_bodies_pass_the_windows_of_both_sides() {
    let server = server(100, Duration::ZERO).await;
    let proxy = http2_to(server.address);
    let sender = connect(proxy.address).await;
    let body: Bytes = (0..3_000_000u32).map(|n| (n % 251) as u8).collect::<Vec<_>>().into();
    let (response, stream) = sender
        .ready()
        .await
        .unwrap()
        .send_request(Request::post("http://a/").body(()).unwrap(), false)
        .unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("x-up", "1".parse().unwrap());
    tokio::spawn(send(stream, body.clone(), Some(trailers)));
    let (parts, mut stream) = tokio::time::timeout(LONG, response).await.unwrap().unwrap().into_parts();
    let (echoed, _) = tokio::time::timeout(LONG, read(&mut stream)).await.unwrap().unwrap();
    assert_eq!(parts.headers["x-up"], "1");
    assert!(echoed == body);
}

#[tokio::test]
async fn a_client_that_resets_its_stream_is_noticed() {
    let server = server(100, Duration::from_secs(5)).await;
    let proxy = http2_to(server.address);
    let mut sender = connect(proxy.address).await.ready().await.unwrap();
    let (response, mut stream) = sender.send_request(get("/"), true).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    stream.send_reset(h2::Reason::CANCEL);
    drop(response);
    tokio::task::spawn_blocking(move || proxy.wait_for_metric(&["response_flags=\"DC\""])).await.unwrap();
}

#[tokio::test]
async fn a_goaway_of_the_upstream_costs_no_request() {
    // Each connection serves a few requests and then says goodbye in the middle of others.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                let mut served = 0;
                while let Some(Ok((request, respond))) = connection.accept().await {
                    tokio::spawn(echo(request, respond, Duration::from_millis(1)));
                    served += 1;
                    if served == 5 {
                        connection.graceful_shutdown();
                    }
                }
            });
        }
    });
    let proxy = http2_to(address);
    let sender = connect(proxy.address).await;
    for round in 0..20 {
        let requests: Vec<_> = (0..8)
            .map(|_| {
                let sender = sender.clone();
                tokio::spawn(async move { ask(&sender, get("/"), None).await })
            })
            .collect();
        for request in requests {
            assert_eq!(request.await.unwrap().unwrap().0.status(), 200, "round {round}");
        }
    }
}

#[tokio::test]
async fn a_drain_says_goaway_and_lets_streams_end() {
    let server = server(100, Duration::from_millis(300)).await;
    let proxy = http2_to(server.address);
    let stream = TcpStream::connect(proxy.address).await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    let ended = tokio::spawn(connection);
    let under_way = {
        let sender = sender.clone();
        tokio::spawn(async move { ask(&sender, get("/"), None).await })
    };
    tokio::time::sleep(Duration::from_millis(50)).await;
    proxy.proxy.drain();
    assert_eq!(under_way.await.unwrap().unwrap().0.status(), 200);
    drop(sender);
    tokio::time::timeout(LONG, ended).await.expect("the connection ends").unwrap().unwrap();
}
