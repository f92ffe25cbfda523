//! From one version of HTTP to the other, and HTTP/2's own limits.

use http::HeaderMap;
use outrigger_testkit::{Backend, Engine, reply};
use outrigger_tests::{TO_APP, loopback, service};

use crate::two::{Server, ask, block_on, connect, request};
use crate::{World, two};

/// `app.example` speaks HTTP/2.
fn to_http2(engine: Engine, server: &Server) -> World {
    let routes = "  - route: [{destination: {host: two.example}}]";
    World::start(engine, routes, &[], &[service("two.example", "HTTP2", 80, &[server.port])])
}

#[test]
fn a_client_of_http1_reaches_an_upstream_of_http2() {
    for engine in Engine::available("a_client_of_http1_reaches_an_upstream_of_http2") {
        let server = Server::start(100, 1);
        let world = to_http2(engine, &server);
        let mut connection = world.connect();
        for path in ["/one", "/two?x=y"] {
            let answer = connection
                .ask(&format!(
                    "POST {path} HTTP/1.1\r\nhost: app.example\r\nconnection: keep-alive\r\n\
                     transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
                ))
                .unwrap();
            assert_eq!((answer.status(), answer.body.as_str()), (200, "abcde"), "{engine:?}");
            let seen = format!("POST http://app.example{path} te=- connection=- host=-");
            assert_eq!(answer.header("x-seen"), Some(seen.as_str()), "{engine:?}");
        }
        assert_eq!(server.connections(), 1, "{engine:?}");
    }
}

#[test]
fn a_client_of_http2_reaches_an_upstream_of_http1() {
    for engine in Engine::available("a_client_of_http2_reaches_an_upstream_of_http1") {
        let backend = Backend::start(|request, connection| match request.target() {
            "/chunks" => {
                let sent = connection.send(
                    "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\nkeep-alive: timeout=5\r\n\
                     transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
                );
                sent.map_or(outrigger_testkit::Then::Close, |()| outrigger_testkit::Then::Keep)
            }
            _ => reply(connection, 200, &request.body),
        });
        let world = World::start(engine, TO_APP, &[backend.port()], &[]);
        block_on(async {
            let sender = connect(loopback(world.port)).await;
            let answer = ask(&sender, request("GET", "/chunks"), None, None).await.unwrap();
            assert_eq!(answer.head.status(), 200, "{engine:?}");
            assert_eq!(answer.body, b"abc", "{engine:?}");
            for gone in ["connection", "keep-alive", "transfer-encoding"] {
                assert_eq!(answer.header(gone), None, "{engine:?}");
            }
            let body = vec![b'x'; 300_000];
            let answer = ask(&sender, request("POST", "/echo"), Some(body.clone()), None).await.unwrap();
            assert!(answer.body == body, "{engine:?}: {} bytes", answer.body.len());
        });
        let [chunks, echo] = &backend.requests()[..] else { panic!("two requests") };
        assert_eq!(chunks.start, "GET /chunks HTTP/1.1", "{engine:?}");
        assert_eq!(chunks.header("host"), Some("app.example"), "{engine:?}");
        assert_eq!(echo.header("transfer-encoding"), Some("chunked"), "{engine:?}");
    }
}

#[test]
fn cookies_that_http2_splits_are_one_header_for_http1() {
    for engine in Engine::available("cookies_that_http2_splits_are_one_header_for_http1") {
        let backend = Backend::saying("ok");
        let world = World::start(engine, TO_APP, &[backend.port()], &[]);
        block_on(async {
            let sender = connect(loopback(world.port)).await;
            let mut request = request("GET", "/");
            request.headers_mut().append("cookie", "a=1".parse().unwrap());
            request.headers_mut().append("cookie", "b=2".parse().unwrap());
            assert_eq!(ask(&sender, request, None, None).await.unwrap().head.status(), 200, "{engine:?}");
        });
        let received = &backend.requests()[0];
        assert_eq!(received.header("cookie"), Some("a=1; b=2"), "{engine:?}");
        assert_eq!(received.count("cookie"), 1, "{engine:?}");
    }
}

#[test]
fn bodies_and_trailers_pass_from_http2_to_http2() {
    for engine in Engine::available("bodies_and_trailers_pass_from_http2_to_http2") {
        let server = Server::start(100, 1);
        let world = to_http2(engine, &server);
        block_on(async {
            let sender = connect(loopback(world.port)).await;
            let mut trailers = HeaderMap::new();
            trailers.insert("x-sum", "17".parse().unwrap());
            let body = vec![b'x'; 1_000_000];
            let asked = request("POST", "/echo");
            let answer = ask(&sender, asked, Some(body.clone()), Some(trailers.clone())).await.unwrap();
            assert!(answer.body == body, "{engine:?}: {} bytes", answer.body.len());
            assert_eq!(answer.trailers, Some(trailers), "{engine:?}");
        });
    }
}

#[test]
fn beyond_the_upstreams_stream_limit_further_connections_are_opened() {
    for engine in Engine::available("beyond_the_upstreams_stream_limit_further_connections_are_opened") {
        let server = Server::start(2, 6);
        let world = to_http2(engine, &server);
        block_on(async {
            let sender = connect(loopback(world.port)).await;
            // The limit is known once the first connection is up.
            ask(&sender, request("GET", "/first"), None, None).await.unwrap();
            let ask = || two::ask(&sender, request("GET", "/together"), None, None);
            let answers = tokio::join!(ask(), ask(), ask(), ask(), ask(), ask());
            let all = [answers.0, answers.1, answers.2, answers.3, answers.4, answers.5];
            for answer in all {
                assert_eq!(answer.unwrap().head.status(), 200, "{engine:?}");
            }
        });
        assert_eq!(server.connections(), 3, "{engine:?}");
    }
}

#[test]
fn many_streams_share_one_connection() {
    for engine in Engine::available("many_streams_share_one_connection") {
        let server = Server::start(100, 6);
        let world = to_http2(engine, &server);
        block_on(async {
            let sender = connect(loopback(world.port)).await;
            ask(&sender, request("GET", "/first"), None, None).await.unwrap();
            let ask = || two::ask(&sender, request("GET", "/together"), None, None);
            let answers = tokio::join!(ask(), ask(), ask(), ask(), ask(), ask());
            for answer in [answers.0, answers.1, answers.2, answers.3, answers.4, answers.5] {
                assert_eq!(answer.unwrap().head.status(), 200, "{engine:?}");
            }
        });
        assert_eq!(server.connections(), 1, "{engine:?}");
    }
}
