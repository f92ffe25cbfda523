//! Connections to upstreams: kept, limited, and to addresses of both families.

use std::net::Ipv6Addr;
use std::sync::{Arc, Condvar, Mutex};

use outrigger_testkit::{Backend, Engine, reply, wait_until};
use outrigger_tests::{PATIENCE, TO_APP, service};

use crate::World;

#[test]
fn connections_are_kept_on_both_sides() {
    for engine in Engine::available("connections_are_kept_on_both_sides") {
        let backend = Backend::saying("ok");
        let world = World::start(engine, TO_APP, &[backend.port()], &[]);
        for _ in 0..3 {
            let mut client = world.connect();
            for _ in 0..50 {
                let answer = client.ask("GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
                assert_eq!((answer.status(), answer.header("connection")), (200, None), "{engine:?}");
            }
        }
        assert_eq!(backend.requests().len(), 150, "{engine:?}");
        assert_eq!(backend.connections(), 1, "{engine:?}");
    }
}

/// A door that tests open.
#[derive(Default)]
struct Door(Mutex<bool>, Condvar);

impl Door {
    fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    fn wait(&self) {
        let guard = self.0.lock().unwrap();
        let _ = self.1.wait_timeout_while(guard, PATIENCE, |open| !*open).unwrap();
    }
}

#[test]
fn requests_beyond_the_limits_of_a_destination_rule_are_refused_at_once() {
    let rule = "apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: limits, namespace: default}
spec:
  host: app.example
  trafficPolicy:
    connectionPool: {tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1}}
";
    for engine in Engine::available("requests_beyond_the_limits_of_a_destination_rule_are_refused_at_once") {
        let door = Arc::new(Door::default());
        let inside = door.clone();
        let backend = Backend::start(move |_, connection| {
            inside.wait();
            reply(connection, 200, "ok")
        });
        let mut world = World::start(engine, TO_APP, &[backend.port()], &[rule.to_string()]);
        let ask = |path: &str| {
            let mut client = world.connect();
            client.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).unwrap();
            client
        };
        // One is served, one waits for the connection, the others have no place.
        let mut clients = vec![ask("/0")];
        wait_until("the first request", PATIENCE, || backend.requests().first().cloned());
        clients.extend((1..10).map(|n| ask(&format!("/{n}"))));
        let answers: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = clients
                .iter_mut()
                .enumerate()
                .map(|(n, client)| scope.spawn(move || (n, client.response(false).unwrap().status())))
                .collect();
            wait_until("the refusals", PATIENCE, || {
                (threads.iter().filter(|t| t.is_finished()).count() == 8).then_some(())
            });
            door.open();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        let refused: Vec<usize> = answers.iter().filter(|(_, s)| *s == 503).map(|(n, _)| *n).collect();
        assert_eq!(refused.len(), 8, "{engine:?}: {answers:?}");
        assert!(answers.iter().all(|(_, s)| matches!(s, 200 | 503)), "{engine:?}: {answers:?}");
        for n in refused {
            assert_eq!(world.logged(&format!("/{n}")).end(), "503 UO", "{engine:?}");
        }
        assert_eq!(backend.connections(), 1, "{engine:?}");
    }
}

#[test]
fn endpoints_of_ipv6_are_reached() {
    for engine in Engine::available("endpoints_of_ipv6_are_reached") {
        let Ok(_) = std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
            println!("SKIPPED: endpoints_of_ipv6_are_reached: this machine has no ::1");
            return;
        };
        let six = Backend::at(Ipv6Addr::LOCALHOST.into(), |_, connection| reply(connection, 200, "six"));
        let text = service("six.example", "HTTP", 80, &[six.port()]).replace("127.0.0.1", "'::1'");
        let routes = "  - route: [{destination: {host: six.example}}]";
        let mut world = World::start(engine, routes, &[], &[text]);
        let answer = world.get("/six");
        assert_eq!((answer.status(), answer.body.as_str()), (200, "six"), "{engine:?}");
        let upstream = world.logged("/six").field("upstream_host");
        assert_eq!(upstream, format!("[::1]:{}", six.port()), "{engine:?}");
    }
}
