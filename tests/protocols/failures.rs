//! How requests fail: the client's status, and the flag in the access log.

use std::time::Duration;

use outrigger_testkit::{Backend, Connection, Engine, Then, free_port, reply, wait_until};
use outrigger_tests::{PATIENCE, TO_APP, loopback, service};

use crate::World;

/// An upstream that does what the path says.
fn scripted() -> Backend {
    Backend::start(|request, connection| match request.target() {
        "/reset" => Then::Reset,
        "/closed" => Then::Close,
        "/half-a-head" => said(connection, "HTTP/1.1 200 OK\r\ncontent-le", Then::Close),
        "/garbage" => said(connection, "garbage\r\n\r\n", Then::Close),
        "/half-a-body" => said(connection, "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", Then::Close),
        "/two-lengths" => said(
            connection,
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc",
            Then::Close,
        ),
        path if path.starts_with("/silent") => {
            // The proxy ends the connection when it, or its client, has waited enough.
            connection.is_closed();
            Then::Close
        }
        _ => reply(connection, 200, "ok"),
    })
}

fn said(connection: &mut Connection, bytes: &str, then: Then) -> Then {
    let _ = connection.send(bytes);
    then
}

const ROUTES: &str = "  - name: refused
    match: [{uri: {prefix: /refused}}]
    route: [{destination: {host: refused.example}}]
    retries: {attempts: 0}
  - name: empty
    match: [{uri: {prefix: /empty}}]
    route: [{destination: {host: empty.example}}]
  - name: missing
    match: [{uri: {prefix: /missing}}]
    route: [{destination: {host: missing.example}}]
  - name: slow
    match: [{uri: {prefix: /silent/timeout}}]
    timeout: 200ms
    route: [{destination: {host: app.example}}]
  - name: local
    match: [{uri: {prefix: /local}}]
    directResponse: {status: 503}
  - name: main
    match: [{uri: {prefix: /}}]
    route: [{destination: {host: app.example}}]";

#[test]
fn each_failure_has_its_status_and_flag() {
    for engine in Engine::available("each_failure_has_its_status_and_flag") {
        let backend = scripted();
        let more = [
            service("refused.example", "HTTP", 80, &[free_port()]),
            service("empty.example", "HTTP", 80, &[]),
        ];
        let mut world = World::start(engine, ROUTES, &[backend.port()], &more);
        for (path, status, flags) in [
            ("/reset", 503, "UC"),
            ("/closed", 503, "UC"),
            ("/garbage", 502, "UPE"),
            ("/two-lengths", 502, "UPE"),
            ("/refused", 503, "UF"),
            ("/empty", 503, "UH"),
            ("/missing", 503, "NC"),
            ("/silent/timeout", 504, "UT"),
            ("/local", 503, "-"),
            ("/fine", 200, "-"),
        ] {
            let answer = world.get(path);
            assert_eq!(answer.status(), status, "{engine:?} {path}");
            let end = world.logged(path).end();
            assert_eq!(end, format!("{status} {flags}"), "{engine:?} {path}");
        }
    }
}

/// A head or body that the upstream does not finish is a lost connection to the native proxy, and an
/// error of the protocol to Envoy's parser.
#[test]
fn what_the_upstream_does_not_finish_is_not_passed_as_whole() {
    for engine in Engine::available("what_the_upstream_does_not_finish_is_not_passed_as_whole") {
        let backend = scripted();
        let mut world = World::start(engine, TO_APP, &[backend.port()], &[]);
        let mut client = world.connect();
        let request = "GET /half-a-body HTTP/1.1\r\nhost: a\r\n\r\n";
        assert!(client.ask(request).is_err(), "{engine:?}: less than the length came and no error");
        let (status, flag) = if engine == Engine::Native { (503, "UC") } else { (502, "UPE") };
        assert_eq!(world.logged("/half-a-body").end(), format!("200 {flag}"), "{engine:?}");
        assert_eq!(world.get("/half-a-head").status(), status, "{engine:?}");
        assert_eq!(world.logged("/half-a-head").end(), format!("{status} {flag}"), "{engine:?}");
    }
}

#[test]
fn a_client_that_goes_is_logged_and_the_upstream_told() {
    for engine in Engine::available("a_client_that_goes_is_logged_and_the_upstream_told") {
        let backend = scripted();
        let mut world = World::start(engine, TO_APP, &[backend.port()], &[]);
        let mut client = world.connect();
        client.send("GET /silent/gone HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
        wait_until("the request at the upstream", PATIENCE, || backend.requests().first().cloned());
        drop(client);
        assert_eq!(world.logged("/silent/gone").end(), "0 DC", "{engine:?}");
    }
}

#[test]
fn a_host_that_no_route_has_is_not_found() {
    for engine in Engine::available("a_host_that_no_route_has_is_not_found") {
        let backend = scripted();
        let port = free_port();
        let text = outrigger_tests::manifests(port, TO_APP, &[backend.port()]).replacen(
            "spec:\n  hosts: ['*']\n",
            "spec:\n  hosts: [app.example, '*.wild.example']\n",
            1,
        );
        let mut world = World::bare(engine, port, &text);
        outrigger_tests::wait_for_status(port, "/", 200);
        for (host, status) in [
            ("app.example", 200),
            ("APP.Example", 200),
            ("a.wild.example", 200),
            ("a.b.wild.example", 200),
            ("wild.example", 404),
            ("other.example", 404),
            ("", 404),
        ] {
            let path = format!("/host-{}", host.replace('.', "-"));
            let answer =
                world.connect().ask(&format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n")).unwrap();
            assert_eq!(answer.status(), status, "{engine:?} {host:?}");
            let flags = if status == 404 { "NR" } else { "-" };
            assert_eq!(world.logged(&path).end(), format!("{status} {flags}"), "{engine:?} {host:?}");
        }
        // With the port of the listener in it, a host is the same host.
        let with_port = format!("GET /port HTTP/1.1\r\nhost: app.example:{port}\r\n\r\n");
        assert_eq!(world.connect().ask(&with_port).unwrap().status(), 200, "{engine:?}");
    }
}

#[test]
fn a_port_without_a_listener_refuses_and_other_ports_go_on() {
    for engine in Engine::available("a_port_without_a_listener_refuses_and_other_ports_go_on") {
        let backend = scripted();
        let world = World::start(engine, TO_APP, &[backend.port()], &[]);
        world.mesh.remove("mesh.yaml");
        wait_until("the end of the listener", PATIENCE, || {
            std::net::TcpStream::connect_timeout(&loopback(world.port), Duration::from_secs(1)).err()
        });
        assert!(std::net::TcpStream::connect(world.gateway.admin()).is_ok(), "{engine:?}");
    }
}
