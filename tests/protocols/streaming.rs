//! Bodies and heads on their way.

use std::sync::Mutex;
use std::sync::mpsc::channel;

use outrigger_testkit::{Backend, Engine, Then, reply};
use outrigger_tests::{PATIENCE, TO_APP};

use crate::World;

#[test]
fn a_chunked_upload_reaches_the_upstream_while_it_is_sent() {
    for engine in Engine::available("a_chunked_upload_reaches_the_upstream_while_it_is_sent") {
        let (told, seen) = channel();
        let told = Mutex::new(told);
        let backend = Backend::raw(move |mut connection| {
            let Ok(_) = connection.head() else { return };
            while let Ok(chunk) = connection.chunk() {
                let end = chunk.is_empty();
                let _ = told.lock().unwrap().send(chunk);
                if end {
                    let _ = connection.fields();
                    reply(&mut connection, 200, "all of it");
                    return;
                }
            }
        });
        let world = World::start(engine, TO_APP, &[backend.port()], &[]);
        let mut client = world.connect();
        client.send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
        for chunk in ["one", "two", "three"] {
            client.send(format!("{:x}\r\n{chunk}\r\n", chunk.len())).unwrap();
            assert_eq!(seen.recv_timeout(PATIENCE).unwrap(), chunk, "{engine:?}");
        }
        client.send("0\r\n\r\n").unwrap();
        assert_eq!(seen.recv_timeout(PATIENCE).unwrap(), "", "{engine:?}");
        assert_eq!(client.response(false).unwrap().body, "all of it", "{engine:?}");
    }
}

#[test]
fn an_answer_reaches_the_client_while_it_is_sent() {
    for engine in Engine::available("an_answer_reaches_the_client_while_it_is_sent") {
        let (go, next) = channel::<&str>();
        let next = Mutex::new(next);
        let backend = Backend::start(move |_, connection| {
            let _ = connection.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
            while let Ok(chunk) = next.lock().unwrap().recv_timeout(PATIENCE) {
                let _ = connection.send(format!("{:x}\r\n{chunk}\r\n", chunk.len()));
                if chunk.is_empty() {
                    return Then::Keep;
                }
            }
            Then::Close
        });
        let world = World::start(engine, TO_APP, &[backend.port()], &[]);
        let mut client = world.connect();
        client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
        assert_eq!(client.head().unwrap().status(), 200, "{engine:?}");
        for chunk in ["one", "two", ""] {
            go.send(chunk).unwrap();
            assert_eq!(client.chunk().unwrap(), chunk, "{engine:?}");
        }
    }
}

#[test]
fn a_body_waits_for_the_upstreams_100_continue() {
    for engine in Engine::available("a_body_waits_for_the_upstreams_100_continue") {
        let backend = Backend::raw(|mut connection| {
            let Ok(head) = connection.head() else { return };
            if head.header("expect") != Some("100-continue") {
                reply(&mut connection, 400, "nothing is expected");
            } else if head.target() == "/refused" {
                reply(&mut connection, 417, "no");
            } else {
                let _ = connection.send("HTTP/1.1 100 Continue\r\n\r\n");
                let body = connection.bytes(5).unwrap_or_default();
                reply(&mut connection, 200, &String::from_utf8_lossy(&body));
            }
        });
        let world = World::start(engine, TO_APP, &[backend.port()], &[]);
        let mut client = world.connect();
        let head = "HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";
        client.send(format!("POST /wanted {head}")).unwrap();
        assert_eq!(client.response(false).unwrap().status(), 100, "{engine:?}");
        client.send("hello").unwrap();
        let answer = client.response(false).unwrap();
        assert_eq!((answer.status(), answer.body.as_str()), (200, "hello"), "{engine:?}");

        let mut client = world.connect();
        client.send(format!("POST /refused {head}")).unwrap();
        assert_eq!(client.response(false).unwrap().status(), 417, "{engine:?}");
    }
}

#[test]
fn answers_without_a_body_leave_the_connection_in_step() {
    for engine in Engine::available("answers_without_a_body_leave_the_connection_in_step") {
        let backend = Backend::start(|request, connection| {
            let sent = match request.target() {
                "/head" => connection.send("HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n"),
                "/head-chunked" => connection.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
                "/204" => connection.send("HTTP/1.1 204 No Content\r\n\r\n"),
                "/304" => connection.send("HTTP/1.1 304 Not Modified\r\ncontent-length: 12\r\n\r\n"),
                _ => return reply(connection, 200, "a body"),
            };
            sent.map_or(Then::Close, |()| Then::Keep)
        });
        let world = World::start(engine, TO_APP, &[backend.port()], &[]);
        let mut client = world.connect();
        let mut ask =
            |what: &str| client.ask(&format!("{what} HTTP/1.1\r\nhost: app.example\r\n\r\n")).unwrap();
        for (what, status) in
            [("HEAD /head", 200), ("HEAD /head-chunked", 200), ("GET /204", 204), ("GET /304", 304)]
        {
            assert_eq!(ask(what).status(), status, "{engine:?} {what}");
            assert_eq!(ask("GET /next").body, "a body", "{engine:?} after {what}");
        }
        assert_eq!(ask("HEAD /head").header("content-length"), Some("12"), "{engine:?}");
        assert_eq!(backend.connections(), 1, "{engine:?}");
    }
}

/// Envoy drops trailers of HTTP/1 unless its listener is told to keep them, which Istio does not do.
#[test]
fn trailers_of_http1_pass_the_native_proxy_and_are_dropped_by_envoy() {
    for engine in Engine::available("trailers_of_http1_pass_the_native_proxy_and_are_dropped_by_envoy") {
        let backend = Backend::start(|request, connection| {
            let up = request.trailers.iter().map(|(n, v)| format!("{n}={v}")).collect::<String>();
            let sent = connection.send(format!(
                "HTTP/1.1 200 OK\r\nx-up: {up}\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-down: 1\r\n\r\n"
            ));
            sent.map_or(Then::Close, |()| Then::Keep)
        });
        let world = World::start(engine, TO_APP, &[backend.port()], &[]);
        let mut client = world.connect();
        for _ in 0..2 {
            let answer = client
                .ask(
                    "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nx-sum: 2\r\n\r\n",
                )
                .unwrap();
            let passes = engine == Engine::Native;
            assert_eq!(answer.body, "abc", "{engine:?}");
            assert_eq!(answer.header("x-up"), Some(if passes { "x-sum=2" } else { "" }), "{engine:?}");
            let down = answer.trailers.first().map(|(name, value)| (name.as_str(), value.as_str()));
            assert_eq!(down, passes.then_some(("x-down", "1")), "{engine:?}");
        }
    }
}
