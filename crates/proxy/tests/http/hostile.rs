//! Peers that mean harm: what they do must stay with them.

use std::future::poll_fn;
use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

use bytes::Bytes;
use http::Request;

use crate::support::{Backend, Setup, Then, reply};

#[test]
fn the_body_of_a_declined_upgrade_does_not_become_a_request() {
    let upstream = Backend::saying("no");
    let proxy = Setup::to(upstream.address).start();
    let mut client = proxy.client();
    let hidden = "GET /hidden HTTP/1.1\r\nhost: a\r\n\r\n";
    let answer = client.ask(&format!(
        "GET /first HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         transfer-encoding: chunked\r\n\r\n{:x}\r\n{hidden}\r\n0\r\n\r\n",
        hidden.len()
    ));
    assert_eq!(answer.status, 200);
    assert_eq!(client.ask("GET /second HTTP/1.1\r\nhost: a\r\n\r\n").status, 200);
    let received = upstream.requests();
    let paths: Vec<_> = received.iter().map(|request| request.path()).collect();
    assert_eq!(paths, ["/first", "/second"]);
    assert_eq!(received[0].body, hidden.as_bytes());
}

#[test]
fn an_endless_row_of_interim_responses_is_cut_short() {
    let upstream = Backend::start(|_, stream| {
        for _ in 0..10_000 {
            if stream.write_all(b"HTTP/1.1 102 Processing\r\n\r\n").is_err() {
                return Then::Close;
            }
        }
        reply(stream, "at last")
    });
    let proxy = Setup::to(upstream.address).start();
    let mut client = proxy.client();
    client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    let mut interim = 0;
    let last = loop {
        let answer = client.answer(false);
        if answer.status >= 200 {
            break answer;
        }
        interim += 1;
    };
    assert_eq!((last.status, last.text()), (200, "at last"));
    assert!((1..100).contains(&interim), "{interim} interim responses");
}

/// A client's end of HTTP/2, to the proxy.
async fn connect(address: std::net::SocketAddr) -> h2::client::SendRequest<Bytes> {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    sender
}

#[tokio::test]
async fn a_client_that_takes_its_requests_back_at_once_loses_its_connection() {
    // It accepts and never answers.
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Setup::to(upstream.local_addr().unwrap()).start();
    let mut sender = connect(proxy.address).await;
    let mut sent = 0;
    let refusal = loop {
        assert!(sent < 5_000, "it goes on for ever");
        let ready = poll_fn(|cx| sender.poll_ready(cx)).await;
        let request = Request::get("http://a/").body(()).unwrap();
        let response = match ready.and_then(|()| sender.send_request(request, true)) {
            Ok((response, _)) => response,
            Err(error) => break error,
        };
        sent += 1;
        // The proxy is to begin with it before it is taken back.
        tokio::time::timeout(Duration::from_micros(200), response).await.ok();
    };
    assert!(sent > 100, "a few are nothing unusual: {sent}");
    assert_eq!(refusal.reason(), Some(h2::Reason::ENHANCE_YOUR_CALM), "{refusal}");
}

#[tokio::test]
async fn a_stream_that_is_reset_while_the_upstream_does_not_read_lets_go_of_it() {
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Setup::to(upstream.local_addr().unwrap()).start();
    let sender = connect(proxy.address).await;
    let request = Request::post("http://a/").body(()).unwrap();
    let (response, mut body) = sender.ready().await.unwrap().send_request(request, false).unwrap();
    let (held, _) = tokio::task::spawn_blocking(move || upstream.accept()).await.unwrap().unwrap();
    // Until every buffer on the way is full.
    loop {
        body.reserve_capacity(64 * 1024);
        let room = poll_fn(|cx| body.poll_capacity(cx));
        let Ok(room) = tokio::time::timeout(Duration::from_millis(300), room).await else { break };
        body.send_data(Bytes::from(vec![b'x'; room.unwrap().unwrap()]), false).unwrap();
    }
    body.send_reset(h2::Reason::CANCEL);
    drop(response);
    // The upstream still does not read, so nothing but the reset can tell.
    let told = tokio::task::spawn_blocking(move || proxy.wait_for_metric(&["response_flags=\"DC\""]));
    told.await.unwrap();
    drop(held);
}
