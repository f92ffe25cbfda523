//! Attempts: how many, when, and how long each may take.

use std::sync::atomic::{AtomicUsize, Ordering};

use outrigger_testkit::{Backend, Engine, Then, free_port, reply};
use outrigger_tests::service;

use crate::World;

/// Answers 503 so many times, then 200.
fn failing(times: usize) -> Backend {
    let count = AtomicUsize::new(0);
    Backend::start(move |_, connection| {
        let fails = count.fetch_add(1, Ordering::SeqCst) < times;
        reply(connection, if fails { 503 } else { 200 }, "said")
    })
}

fn route(retries: &str) -> String {
    format!("  - route: [{{destination: {{host: app.example}}}}]\n    retries: {retries}")
}

#[test]
fn a_status_is_retried_as_often_as_the_virtual_service_says() {
    for engine in Engine::available("a_status_is_retried_as_often_as_the_virtual_service_says") {
        for (retries, failures, status, attempts, flags) in [
            ("{attempts: 2, retryOn: 5xx}", 1, 200, 2, "-"),
            ("{attempts: 2, retryOn: 5xx}", 2, 200, 3, "-"),
            ("{attempts: 2, retryOn: 5xx}", 9, 503, 3, "URX"),
            ("{attempts: 2, retryOn: '503'}", 1, 200, 2, "-"),
            ("{attempts: 2, retryOn: '504'}", 1, 503, 1, "-"),
            ("{attempts: 2, retryOn: gateway-error}", 1, 200, 2, "-"),
            ("{attempts: 2, retryOn: connect-failure}", 1, 503, 1, "-"),
            ("{attempts: 0}", 1, 503, 1, "-"),
        ] {
            let backend = failing(failures);
            let mut world = World::start(engine, &route(retries), &[backend.port()], &[]);
            let answer = world
                .connect()
                .ask("POST /tried HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello")
                .unwrap();
            assert_eq!(answer.status(), status, "{engine:?} {retries} {failures}");
            let bodies: Vec<String> = backend.requests().into_iter().map(|r| r.body).collect();
            assert_eq!(bodies, vec!["hello"; attempts], "{engine:?} {retries} {failures}");
            let end = world.logged("/tried").end();
            assert_eq!(end, format!("{status} {flags}"), "{engine:?} {retries} {failures}");
        }
    }
}

#[test]
fn without_a_word_on_retries_only_failed_connections_are_tried_again() {
    for engine in Engine::available("without_a_word_on_retries_only_failed_connections_are_tried_again") {
        let backend = failing(1);
        let more = [service("half.example", "HTTP", 80, &[free_port(), backend.port()])];
        let routes = "  - route: [{destination: {host: half.example}}]";
        let world = World::start(engine, routes, &[], &more);
        assert_eq!(world.get("/").status(), 503, "{engine:?}");
        assert_eq!(backend.requests().len(), 1, "{engine:?}");
        for _ in 0..20 {
            assert_eq!(world.get("/").status(), 200, "{engine:?}");
        }
    }
}

#[test]
fn each_attempt_has_its_own_time() {
    for engine in Engine::available("each_attempt_has_its_own_time") {
        let count = AtomicUsize::new(0);
        let backend = Backend::start(move |_, connection| {
            if count.fetch_add(1, Ordering::SeqCst) == 0 {
                connection.is_closed();
                return Then::Close;
            }
            reply(connection, 200, "second")
        });
        let routes = route("{attempts: 1, perTryTimeout: 200ms, retryOn: 5xx}");
        let world = World::start(engine, &routes, &[backend.port()], &[]);
        let answer = world.get("/");
        assert_eq!((answer.status(), answer.body.as_str()), (200, "second"), "{engine:?}");
        assert_eq!(backend.requests().len(), 2, "{engine:?}");
    }
}

#[test]
fn attempts_share_the_time_of_the_request() {
    for engine in Engine::available("attempts_share_the_time_of_the_request") {
        let backend = Backend::start(|_, connection| {
            connection.is_closed();
            Then::Close
        });
        let routes = route("{attempts: 20, perTryTimeout: 150ms, retryOn: 5xx}\n    timeout: 400ms");
        let mut world = World::start(engine, &routes, &[backend.port()], &[]);
        assert_eq!(world.get("/slow").status(), 504, "{engine:?}");
        assert_eq!(world.logged("/slow").end(), "504 UT", "{engine:?}");
        let attempts = backend.requests().len();
        assert!((2..=3).contains(&attempts), "{engine:?}: {attempts} attempts");
    }
}
