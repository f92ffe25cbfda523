//! gRPC with its stock client and server.

use std::process::Command;

use outrigger_testkit::{Engine, Process, environment, free_port, get, wait_until};
use outrigger_tests::{PATIENCE, file, loopback, metric, service};

use crate::World;

const ROUTES: &str = "  - match: [{uri: {prefix: /test.Service/}}]
    route: [{destination: {host: grpc.example}}]
  - match: [{uri: {prefix: /slow.Service/}}]
    rewrite: {uri: /test.Service/}
    timeout: 300ms
    route: [{destination: {host: grpc.example}}]
  - match: [{uri: {prefix: /empty.Service/}}]
    route: [{destination: {host: empty.example}}]
  - match: [{uri: {prefix: /refused.Service/}}]
    route: [{destination: {host: refused.example}}]";

/// What the client sees of each call, whichever engine carries it.
const CALLS: &[(&str, &str, &str, &str)] = &[
    ("unary", "OK", "unary", "hello"),
    ("large", "OK", "unary", "<1000000>"),
    ("stream", "OK", "stream", "0 1 2 3 4"),
    ("bidi", "OK", "-", "A B"),
    ("gather", "OK", "-", "a,b,c"),
    ("late", "DATA_LOSS", "late", "first"),
    ("only", "NOT_FOUND", "only", ""),
    ("unknown", "UNIMPLEMENTED", "-", ""),
    ("deadline", "DEADLINE_EXCEEDED", "-", ""),
    ("no-route", "UNIMPLEMENTED", "-", ""),
    ("no-endpoint", "UNAVAILABLE", "-", ""),
    ("refused", "UNAVAILABLE", "-", ""),
    ("timeout", "UNAVAILABLE", "-", ""),
];

#[test]
fn grpc_calls_of_every_kind_pass_and_their_statuses_count() {
    let test = "grpc_calls_of_every_kind_pass_and_their_statuses_count";
    let Some(python) = environment(test, "OUTRIGGER_PYTHON") else { return };
    for engine in Engine::available(test) {
        let backend = free_port();
        let more = [
            service("grpc.example", "GRPC", 50051, &[backend]),
            service("empty.example", "GRPC", 50051, &[]),
            service("refused.example", "GRPC", 50051, &[free_port()]),
        ];
        let world = World::start(engine, ROUTES, &[], &more);
        let mut server = Command::new(&python);
        server.arg(file("clients/grpc_server.py")).arg(backend.to_string());
        let _server = Process::start(server, &world.mesh.scratch().join("server.log"));
        wait_until("the server", PATIENCE, || std::net::TcpStream::connect(loopback(backend)).ok());

        let mut client = Command::new(&python);
        client.arg(file("clients/grpc_client.py")).arg(world.port.to_string());
        let output = client.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{engine:?}: {}", String::from_utf8_lossy(&output.stderr));
        println!("{engine:?}:\n{text}");
        assert_eq!(text.lines().count(), CALLS.len(), "{engine:?}: {text}");
        for (line, (name, status, trailer, messages)) in text.lines().zip(CALLS) {
            let columns: Vec<&str> = line.split('|').collect();
            let [called, code, details, seen, got] = columns[..] else { panic!("{line}") };
            assert_eq!((called, code, seen, got), (*name, *status, *trailer, *messages), "{engine:?}");
            match *name {
                "late" => assert_eq!(details, "lost: 50% of it", "{engine:?}"),
                "only" => assert_eq!(details, "no such thing", "{engine:?}"),
                _ => {}
            }
        }
        if engine == Engine::Native {
            statuses_are_counted(&world);
        }
    }
}

fn statuses_are_counted(world: &World) {
    for (status, least) in [("0", 5.0), ("15", 1.0), ("5", 1.0), ("12", 1.0), ("14", 1.0)] {
        let label = format!("grpc_response_status=\"{status}\"");
        let parts = ["istio_requests_total", "request_protocol=\"grpc\"", &label];
        wait_until(&format!("gRPC's status {status} in the metrics"), PATIENCE, || {
            let text = get(world.gateway.metrics(), "metrics", "/stats/prometheus").unwrap().body;
            (metric(&text, &parts) >= least).then_some(())
        });
    }
}
