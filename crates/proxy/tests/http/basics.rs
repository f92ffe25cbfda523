//! Requests that go well, and what is changed in them on their way.

use std::sync::Arc;

use outrigger_proxy::{Peer, PeerMetadata};
use outrigger_traffic::{
    Action, DirectResponse, Direction, HeaderMutation, HeaderMutations, PathRewrite, Redirect, RedirectPath,
};

use crate::support::{Backend, Setup, cluster, forward, reply, route, say, to};

#[test]
fn a_request_and_its_answer_pass() {
    let upstream = Backend::saying("hello");
    let proxy = Setup::to(upstream.address).start();
    let answer = proxy.get("/a/../b?c=d");
    assert_eq!((answer.status, answer.text()), (200, "hello"));
    assert_eq!(answer.header("server"), Some("outrigger"));
    assert!(answer.header("date").is_some());
    assert!(answer.header("x-envoy-upstream-service-time").is_some());
    let request = &upstream.requests()[0];
    assert_eq!(request.path(), "/b?c=d");
    assert_eq!(request.header("host"), Some("a"));
    assert_eq!(request.header("x-forwarded-proto"), Some("http"));
    assert_eq!(request.header("x-request-id").map(str::len), Some(36));
    proxy.wait_for_metric(&["response_code=\"200\"", "response_flags=\"-\"", "request_protocol=\"http\""]);
}

#[test]
fn many_requests_share_one_connection_on_both_sides() {
    let upstream = Backend::saying("x");
    let proxy = Setup::to(upstream.address).start();
    let mut client = proxy.client();
    for _ in 0..50 {
        assert_eq!(client.ask("GET / HTTP/1.1\r\nhost: a\r\n\r\n").status, 200);
    }
    assert!(upstream.requests().iter().all(|request| request.connection == 0));
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let upstream = Backend::start(|request, stream| reply(stream, request.path()));
    let proxy = Setup::to(upstream.address).start();
    let mut client = proxy.client();
    let one = |path: &str| format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc");
    client.send((one("/1") + &one("/2") + &one("/3")).as_bytes());
    for path in ["/1", "/2", "/3"] {
        assert_eq!(client.answer(false).text(), path);
    }
}

#[test]
fn headers_of_one_connection_stay_on_it() {
    let upstream = Backend::start(|_, stream| {
        say(
            stream,
            "HTTP/1.1 200 OK\r\nConnection: x-hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nX-End: 2\r\n\
             content-length: 0\r\n\r\n",
        )
    });
    let proxy = Setup::to(upstream.address).start();
    let answer = proxy.client().ask(
        "GET / HTTP/1.1\r\nhost: a\r\nConnection: X-Hop\r\nX-Hop: 1\r\nTE: gzip\r\nProxy-Connection: close\r\n\
         X-End: 2\r\n\r\n",
    );
    assert_eq!(answer.header("x-hop"), None);
    assert_eq!(answer.header("connection"), None);
    assert_eq!(answer.header("x-end"), Some("2"));
    let request = &upstream.requests()[0];
    for gone in ["x-hop", "te", "proxy-connection", "connection"] {
        assert_eq!(request.header(gone), None, "{gone}");
    }
    assert_eq!(request.header("x-end"), Some("2"));
}

#[test]
fn a_gateway_believes_no_outside_caller() {
    let upstream = Backend::saying("x");
    let proxy = Setup::to(upstream.address).manager(|m| m.use_remote_address = true).start();
    proxy.client().ask(
        "GET / HTTP/1.1\r\nhost: a\r\nx-envoy-retry-on: 5xx\r\nx-forwarded-for: 9.9.9.9\r\n\
         x-forwarded-proto: https\r\nx-request-id: forged\r\n\r\n",
    );
    let request = &upstream.requests()[0];
    assert_eq!(request.header("x-envoy-retry-on"), None);
    assert_eq!(request.header("x-forwarded-for"), Some("9.9.9.9,127.0.0.1"));
    assert_eq!(request.header("x-forwarded-proto"), Some("http"));
    assert_eq!(request.header("x-envoy-external-address"), Some("127.0.0.1"));
    assert_ne!(request.header("x-request-id"), Some("forged"));
}

#[test]
fn a_sidecar_keeps_what_the_application_said() {
    let upstream = Backend::saying("x");
    let proxy = Setup::to(upstream.address).start();
    proxy.client().ask(
        "GET / HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 9.9.9.9\r\nx-forwarded-proto: https\r\nx-request-id: i\r\n\r\n",
    );
    let request = &upstream.requests()[0];
    assert_eq!(request.header("x-forwarded-for"), Some("9.9.9.9"));
    assert_eq!(request.header("x-forwarded-proto"), Some("https"));
    assert_eq!(request.header("x-request-id"), Some("i"));
}

#[test]
fn head_and_statuses_without_a_body_have_none() {
    let upstream = Backend::start(|request, stream| match request.path() {
        "/204" => say(stream, "HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n"),
        "/304" => say(stream, "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n"),
        _ => say(stream, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"),
    });
    let proxy = Setup::to(upstream.address).start();
    let mut client = proxy.client();
    let answer = client.ask("HEAD / HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!((answer.status, answer.header("content-length")), (200, Some("5")));
    assert_eq!(client.ask("GET /204 HTTP/1.1\r\nhost: a\r\n\r\n").header("content-length"), None);
    assert_eq!(client.ask("GET /304 HTTP/1.1\r\nhost: a\r\n\r\n").header("content-length"), Some("5"));
    assert!(
        upstream.requests().iter().all(|request| request.connection == 0),
        "the connection stays in step"
    );
}

#[test]
fn redirects_and_direct_responses_are_answered_here() {
    let mut marked =
        route("/direct", Action::Direct(Box::new(DirectResponse { status: 201, body: b"made"[..].into() })));
    marked.headers = HeaderMutations {
        response: vec![HeaderMutation::Set("x-code".into(), "%RESPONSE_CODE%".into())],
        ..HeaderMutations::default()
    };
    let redirect = Redirect {
        status: 302,
        scheme: None,
        https: true,
        host: Some("other".into()),
        port: None,
        path: RedirectPath::Full("/new".into()),
        strip_query: false,
    };
    let proxy = Setup::new(vec![marked, route("/old", Action::Redirect(Box::new(redirect)))], vec![]).start();
    let mut client = proxy.client();
    let answer = client.ask("GET /direct HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!((answer.status, answer.text(), answer.header("x-code")), (201, "made", Some("201")));
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    let answer = client.ask("HEAD /direct HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!((answer.status, answer.header("content-length")), (201, Some("4")));
    let answer = client.ask("GET /old?a=b HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!((answer.status, answer.header("location")), (302, Some("https://other/new?a=b")));
    let answer = client.ask("GET /none HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!((answer.status, answer.text()), (404, ""));
    proxy.wait_for_metric(&["response_code=\"404\"", "response_flags=\"NR\""]);
}

#[test]
fn a_route_changes_headers_host_and_path() {
    let upstream = Backend::saying("x");
    let mut changed = forward("c");
    changed.path_rewrite = Some(PathRewrite::Prefix("/new".into()));
    changed.host_rewrite = Some("inner".into());
    changed.append_forwarded_host = true;
    let mut changed = route("/", Action::Forward(Box::new(changed)));
    changed.headers = HeaderMutations {
        request: vec![
            HeaderMutation::Remove("x-gone".into()),
            HeaderMutation::Set("x-was".into(), "%REQ(:PATH)%".into()),
            HeaderMutation::Append("x-many".into(), "2".into()),
        ],
        response: vec![
            HeaderMutation::Append("x-added".into(), "y".into()),
            HeaderMutation::Remove("x-drop".into()),
        ],
    };
    let proxy = Setup::new(vec![changed], vec![cluster("c", &[upstream.address])]).start();
    let answer = proxy.client().ask("GET /p?q HTTP/1.1\r\nhost: outer\r\nx-gone: 1\r\nx-many: 1\r\n\r\n");
    assert_eq!(answer.header("x-added"), Some("y"));
    let request = &upstream.requests()[0];
    assert_eq!((request.path(), request.header("host")), ("/newp?q", Some("inner")));
    assert_eq!(request.header("x-forwarded-host"), Some("outer"));
    assert_eq!(request.header("x-envoy-original-path"), Some("/p?q"));
    assert_eq!(request.header("x-was"), Some("/p?q"));
    assert_eq!(request.header("x-gone"), None);
    assert_eq!(request.head.lines().filter(|line| line.starts_with("x-many:")).count(), 2);
}

#[test]
fn http_10_clients_are_told_to_upgrade_unless_accepted() {
    let upstream = Backend::start(|_, stream| {
        say(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n")
    });
    let refusing = Setup::to(upstream.address).start();
    let mut client = refusing.client();
    assert_eq!(client.ask("GET / HTTP/1.0\r\nhost: a\r\n\r\n").status, 426);
    assert!(client.is_closed());
    let accepting = Setup::to(upstream.address).manager(|m| m.accept_http_10 = true).start();
    let mut client = accepting.client();
    let answer = client.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!((answer.status, answer.text()), (200, "ab"), "no chunks, but the connection's end");
    assert_eq!(answer.header("transfer-encoding"), None);
}

#[test]
fn the_attempt_is_counted_for_the_upstream_where_asked() {
    let upstream = Backend::saying("x");
    let mut setup = Setup::new(vec![route("/", to("c"))], vec![cluster("c", &[upstream.address])]);
    setup.virtual_host = Box::new(|host| host.attempt_count_in_request = true);
    setup.start().get("/");
    assert_eq!(upstream.requests()[0].header("x-envoy-attempt-count"), Some("1"));
}

struct Metadata;

impl PeerMetadata for Metadata {
    fn own(&self) -> Option<(&str, &str)> {
        Some(("me", "mine"))
    }

    fn decode(&self, metadata: &[u8]) -> Option<Peer> {
        let mut peer = Peer::default();
        peer.workload.name = std::str::from_utf8(metadata).ok()?.into();
        Some(peer)
    }
}

fn exchanging(direction: Direction, upstream: &Backend) -> crate::support::TestProxy {
    let mut setup =
        Setup::to(upstream.address).manager(|m| m.peer_metadata = outrigger_traffic::PeerMetadata::Exchange);
    setup.direction = direction;
    setup.metadata = Arc::new(Metadata);
    setup.start()
}

#[test]
fn proxies_tell_each_other_who_they_are_and_applications_do_not_see_it() {
    let upstream = Backend::start(|_, stream| {
        say(stream, "HTTP/1.1 200 OK\r\nx-envoy-peer-metadata: theirs\r\ncontent-length: 0\r\n\r\n")
    });
    let request =
        "GET / HTTP/1.1\r\nhost: a\r\nx-envoy-peer-metadata-id: p\r\nx-envoy-peer-metadata: peer\r\n\r\n";

    let outbound = exchanging(Direction::Outbound, &upstream);
    let answer = outbound.client().ask(request);
    assert_eq!(answer.header("x-envoy-peer-metadata"), None);
    let sent = &upstream.requests()[0];
    assert_eq!(sent.header("x-envoy-peer-metadata"), Some("mine"));
    assert_eq!(sent.header("x-envoy-peer-metadata-id"), Some("me"));

    let inbound = exchanging(Direction::Inbound, &upstream);
    let answer = inbound.client().ask(request);
    assert_eq!(answer.header("x-envoy-peer-metadata"), Some("mine"));
    assert_eq!(upstream.requests()[1].header("x-envoy-peer-metadata"), None);
    inbound.wait_for_metric(&["reporter=\"destination\"", "source_workload=\"peer\""]);
}
