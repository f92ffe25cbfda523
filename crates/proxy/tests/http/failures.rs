//! Upstreams that fail, are slow or missing; retries and limits; clients that go away.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use outrigger_traffic::{Action, Limits};

use crate::support::{Backend, Setup, Then, cluster, forward, reply, retry, route, say, to};

/// An address that refuses connections.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

const PREFIX: &str = "upstream connect error or disconnect/reset before headers. reset reason: ";

#[test]
fn each_failure_has_its_status_body_and_flag() {
    let upstream = Backend::start(|request, stream| match request.path() {
        "/reset" => Then::Reset,
        "/close" => Then::Close,
        "/bad" => say(stream, "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n"),
        "/nonsense" => say(stream, "SMTP ready\r\n\r\n"),
        _ => {
            std::thread::sleep(Duration::from_millis(600));
            reply(stream, "late")
        }
    });
    let mut slow = forward("c");
    slow.timeout = Some(Duration::from_millis(100));
    let mut missing = forward("nowhere");
    missing.cluster_not_found_status = 503;
    let proxy = Setup::new(
        vec![
            route("/slow", Action::Forward(Box::new(slow))),
            route("/missing", Action::Forward(Box::new(missing))),
            route("/empty", to("empty")),
            route("/refused", to("refused")),
            route("/", to("c")),
        ],
        vec![cluster("c", &[upstream.address]), cluster("empty", &[]), cluster("refused", &[nobody()])],
    )
    .start();
    let cases = [
        ("/reset", 503, format!("{PREFIX}connection termination"), "UC"),
        ("/close", 503, format!("{PREFIX}connection termination"), "UC"),
        ("/bad", 502, format!("{PREFIX}protocol error"), "UPE"),
        ("/nonsense", 502, format!("{PREFIX}protocol error"), "UPE"),
        ("/slow", 504, "upstream request timeout".to_owned(), "UT"),
        ("/missing", 503, String::new(), "NC"),
        ("/empty", 503, "no healthy upstream".to_owned(), "UH"),
        ("/refused", 503, format!("{PREFIX}remote connection failure"), "UF"),
    ];
    for (path, status, body, flag) in cases {
        let answer = proxy.get(path);
        assert_eq!((answer.status, answer.text()), (status, &*body), "{path}");
        proxy.wait_for_metric(&[
            &format!("response_code=\"{status}\""),
            &format!("response_flags=\"{flag}\""),
        ]);
    }
    let mut client = proxy.client();
    let answer = client.ask(
        "POST /empty HTTP/1.1\r\nhost: a\r\ncontent-type: application/grpc\r\ncontent-length: 0\r\n\r\n",
    );
    assert_eq!((answer.status, answer.header("grpc-status")), (200, Some("14")));
    assert_eq!(answer.header("grpc-message"), Some("no healthy upstream"));
}

#[test]
fn a_failed_connection_is_retried_on_another_host() {
    let upstream = Backend::saying("ok");
    let mut retrying = forward("c");
    retrying.retry = retry("connect-failure", 2);
    let proxy = Setup::new(
        vec![route("/", Action::Forward(Box::new(retrying)))],
        vec![cluster("c", &[nobody(), upstream.address])],
    )
    .start();
    let mut client = proxy.client();
    for _ in 0..10 {
        assert_eq!(client.ask("GET / HTTP/1.1\r\nhost: a\r\n\r\n").status, 200);
    }
}

#[test]
fn a_status_is_retried_with_the_body_and_the_last_answer_passes() {
    let upstream = Backend::start(|_, stream| {
        say(stream, "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nbusy")
    });
    let mut retrying = forward("c");
    retrying.retry = retry("retriable-status-codes", 2);
    let proxy = Setup::new(
        vec![route("/", Action::Forward(Box::new(retrying)))],
        vec![cluster("c", &[upstream.address])],
    )
    .start();
    let answer = proxy.client().ask("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc");
    assert_eq!((answer.status, answer.text()), (503, "busy"));
    let bodies: Vec<Vec<u8>> = upstream.requests().into_iter().map(|request| request.body).collect();
    assert_eq!(bodies, [b"abc", b"abc", b"abc"]);
    assert_eq!(
        upstream.connections.load(Ordering::SeqCst),
        1,
        "an answer that is not passed on costs no connection"
    );
    proxy.wait_for_metric(&["response_code=\"503\"", "response_flags=\"URX\""]);
}

#[test]
fn a_long_body_is_sent_once_only() {
    let upstream = Backend::start(|_, stream| {
        say(stream, "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")
    });
    let mut retrying = forward("c");
    retrying.retry = retry("5xx", 2);
    let proxy = Setup::new(
        vec![route("/", Action::Forward(Box::new(retrying)))],
        vec![cluster("c", &[upstream.address])],
    )
    .start();
    let body = "x".repeat(200_000);
    let request = format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    assert_eq!(proxy.client().ask(&request).status, 503);
    assert_eq!(upstream.requests().len(), 1);
}

#[test]
fn a_kept_connection_that_the_upstream_closes_costs_no_request() {
    // Every connection serves one request and is closed a moment later, without saying so.
    let upstream = Backend::start(|_, stream| {
        reply(stream, "ok");
        std::thread::sleep(Duration::from_millis(2));
        Then::Close
    });
    let proxy = Setup::to(upstream.address).start();
    let mut client = proxy.client();
    for round in 0u64..200 {
        std::thread::sleep(Duration::from_micros(round * 97 % 4000));
        assert_eq!(client.ask("GET / HTTP/1.1\r\nhost: a\r\n\r\n").status, 200, "round {round}");
    }
}

#[test]
fn an_upstream_that_asks_for_it_gets_a_new_connection_each_time() {
    let upstream = Backend::start(|_, stream| {
        say(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\ncontent-length: 0\r\n\r\n")
    });
    let proxy = Setup::to(upstream.address).start();
    let mut client = proxy.client();
    for _ in 0..3 {
        assert_eq!(client.ask("GET / HTTP/1.1\r\nhost: a\r\n\r\n").status, 200);
    }
    assert_eq!(upstream.connections.load(Ordering::SeqCst), 3);
}

#[test]
fn a_connection_carries_no_more_requests_than_allowed() {
    let upstream = Backend::saying("x");
    let proxy = Setup::new(
        vec![route("/", to("c"))],
        vec![cluster("c", &[upstream.address]).with(|c| c.max_requests_per_connection = Some(2))],
    )
    .start();
    let mut client = proxy.client();
    for _ in 0..6 {
        client.ask("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    }
    let used: Vec<usize> = upstream.requests().iter().map(|request| request.connection).collect();
    assert_eq!(used, [0, 0, 1, 1, 2, 2]);
}

#[test]
fn requests_beyond_a_limit_are_refused_at_once() {
    let upstream = Backend::start(|_, stream| {
        std::thread::sleep(Duration::from_millis(300));
        reply(stream, "ok")
    });
    let limits = Limits { max_requests: 1, ..Limits::default() };
    let proxy = Setup::new(
        vec![route("/", to("c"))],
        vec![cluster("c", &[upstream.address]).with(|c| c.limits = limits)],
    )
    .start();
    let mut first = proxy.client();
    first.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    while upstream.requests().is_empty() {
        std::thread::yield_now();
    }
    let refused = proxy.get("/");
    assert_eq!((refused.status, refused.header("x-envoy-overloaded")), (503, Some("true")));
    assert_eq!(refused.text(), format!("{PREFIX}overflow"));
    assert_eq!(first.answer(false).status, 200);
    proxy.wait_for_metric(&["response_flags=\"UO\""]);
}

#[test]
fn at_the_limit_of_connections_a_request_waits_for_one() {
    let upstream = Backend::start(|_, stream| {
        std::thread::sleep(Duration::from_millis(50));
        reply(stream, "ok")
    });
    let limits = Limits { max_connections: 1, ..Limits::default() };
    let proxy = Setup::new(
        vec![route("/", to("c"))],
        vec![cluster("c", &[upstream.address]).with(|c| c.limits = limits)],
    )
    .start();
    let mut clients: Vec<_> = (0..4).map(|_| proxy.client()).collect();
    clients.iter_mut().for_each(|client| client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
    for client in &mut clients {
        assert_eq!(client.answer(false).status, 200);
    }
    assert_eq!(upstream.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn a_host_without_connections_gets_one_even_at_the_limit() {
    let (one, two) = (Backend::saying("1"), Backend::saying("2"));
    let limits = Limits { max_connections: 1, ..Limits::default() };
    let proxy = Setup::new(
        vec![route("/", to("c"))],
        vec![cluster("c", &[one.address, two.address]).with(|c| c.limits = limits)],
    )
    .start();
    let mut client = proxy.client();
    let answers: Vec<_> = (0..4).map(|_| client.ask("GET / HTTP/1.1\r\nhost: a\r\n\r\n").body).collect();
    assert!(answers.contains(&b"1".to_vec()) && answers.contains(&b"2".to_vec()));
}

#[test]
fn a_client_that_goes_is_noticed_and_the_upstream_told() {
    let closed = Arc::new(AtomicUsize::new(0));
    let seen = closed.clone();
    let upstream = Backend::start(move |_, stream| {
        let mut byte = [0];
        if std::io::Read::read(stream, &mut byte).is_ok_and(|n| n == 0) {
            seen.fetch_add(1, Ordering::SeqCst);
        }
        Then::Close
    });
    let proxy = Setup::to(upstream.address).start();
    let mut client = proxy.client();
    client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    while upstream.requests().is_empty() {
        std::thread::yield_now();
    }
    drop(client);
    proxy.wait_for_metric(&["response_code=\"0\"", "response_flags=\"DC\""]);
    while closed.load(Ordering::SeqCst) == 0 {
        std::thread::yield_now();
    }
}

#[test]
fn a_stream_that_carries_nothing_is_ended() {
    let upstream = Backend::start(|_, stream| {
        std::thread::sleep(Duration::from_secs(2));
        reply(stream, "late")
    });
    let proxy = Setup::to(upstream.address)
        .manager(|m| m.stream_idle_timeout = Some(Duration::from_millis(100)))
        .start();
    let answer = proxy.get("/");
    assert_eq!((answer.status, answer.text()), (504, "stream timeout"));
    proxy.wait_for_metric(&["response_flags=\"SI\""]);
    let mut client = proxy.client();
    client.send(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nab");
    assert_eq!(client.answer(false).status, 408);
    assert!(client.is_closed());
}

#[test]
fn slow_heads_and_idle_connections_are_ended() {
    let upstream = Backend::saying("x");
    let proxy = Setup::to(upstream.address)
        .manager(|m| {
            m.request_headers_timeout = Some(Duration::from_millis(100));
            m.idle_timeout = Some(Duration::from_millis(300));
        })
        .start();
    let mut slow = proxy.client();
    slow.send(b"GET / HTTP/1.1\r\nhost");
    assert_eq!(slow.answer(false).status, 408);
    assert!(slow.is_closed());
    let mut idle = proxy.client();
    assert_eq!(idle.ask("GET / HTTP/1.1\r\nhost: a\r\n\r\n").status, 200);
    assert!(idle.is_closed());
}

#[test]
fn each_attempt_has_its_own_time() {
    let upstream = Backend::start(|request, stream| {
        if request.connection == 0 {
            std::thread::sleep(Duration::from_secs(1));
        }
        reply(stream, "ok")
    });
    let mut retrying = forward("c");
    let mut policy = (*retry("gateway-error", 1).unwrap()).clone();
    policy.per_try_timeout = Some(Duration::from_millis(100));
    retrying.retry = Some(Arc::new(policy));
    let proxy = Setup::new(
        vec![route("/", Action::Forward(Box::new(retrying)))],
        vec![cluster("c", &[upstream.address])],
    )
    .start();
    assert_eq!(proxy.get("/").status, 200);
    assert_eq!(upstream.requests().len(), 2);
}
