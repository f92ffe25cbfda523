//! Real clients through a gateway: curl, wrk, h2load, nc, a WebSocket client.

use std::process::{Command, Stdio};

use outrigger_testkit::{Engine, Mesh, Process, environment, free_ports, get};
use outrigger_tests::{PATIENCE, TO_APP, app, file, loopback, manifests, metric, service, wait_for_status};

/// Runs a client to its end and gives what it printed.
fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {text}");
    text
}

#[test]
fn curl_wrk_and_h2load_reach_the_app() {
    for engine in Engine::available("curl_wrk_and_h2load_reach_the_app") {
        let [port, backend] = free_ports(2)[..] else { unreachable!() };
        let mesh = Mesh::start(&[("mesh.yaml", &manifests(port, TO_APP, &[backend]))]);
        let _app = app("hello", "v1", backend, mesh.scratch());
        let gateway = mesh.gateway("gateway", engine);
        wait_for_status(port, "/hello/eric", 200);
        let url = format!("http://127.0.0.1:{port}/hello/eric");

        assert_eq!(run(Command::new("curl").args(["-sS", &url])), "Hello eric(127.0.0.1)");
        let two = run(Command::new("curl").args(["-sS", "--http2-prior-knowledge", &url]));
        assert_eq!(two, "Hello eric(127.0.0.1)");
        let wrk = run(Command::new("wrk").args(["-t1", "-c16", "-d1s", &url]));
        assert!(!wrk.contains("Non-2xx") && !wrk.contains("Socket errors"), "{engine:?}: {wrk}");
        let load = run(Command::new("h2load").args(["-n2000", "-c4", "-m10", &url]));
        assert!(load.contains("2000 succeeded, 0 failed, 0 errored"), "{engine:?}: {load}");

        if engine == Engine::Native {
            let metrics = get(gateway.metrics(), "metrics", "/stats/prometheus").unwrap().body;
            let parts =
                ["istio_requests_total", "response_code=\"200\"", "destination_service=\"app.example\""];
            assert!(metric(&metrics, &parts) >= 2002.0, "{metrics}");
        }
    }
}

#[test]
fn netcat_is_carried_as_tcp() {
    for engine in Engine::available("netcat_is_carried_as_tcp") {
        let [port, backend] = free_ports(2)[..] else { unreachable!() };
        let text = format!(
            "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: edge, namespace: default}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
  - port: {{number: {port}, name: tcp, protocol: TCP}}
    hosts: ['*']
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: tcp, namespace: default}}
spec:
  hosts: ['*']
  gateways: [edge]
  tcp:
  - route: [{{destination: {{host: echo.example, port: {{number: 7}}}}}}]
---
{}",
            service("echo.example", "TCP", 7, &[backend])
        );
        let mesh = Mesh::start(&[("mesh.yaml", &text)]);
        let _app = app("tcp", "v1", backend, mesh.scratch());
        let _gateway = mesh.gateway("gateway", engine);
        let script = format!("printf 'over tcp\\n' | nc -N -w 5 127.0.0.1 {port}");
        let answer = outrigger_testkit::wait_until("an echo", PATIENCE, || {
            let output = Command::new("sh").args(["-c", &script]).output().unwrap();
            Some(String::from_utf8_lossy(&output.stdout).into_owned()).filter(|t| t.contains("over tcp"))
        });
        assert!(answer.contains("over tcp"), "{engine:?}");
    }
}

#[test]
fn a_websocket_is_upgraded_and_carried() {
    let test = "a_websocket_is_upgraded_and_carried";
    let Some(python) = environment(test, "OUTRIGGER_PYTHON") else { return };
    for engine in Engine::available(test) {
        let [port, backend] = free_ports(2)[..] else { unreachable!() };
        let mesh = Mesh::start(&[("mesh.yaml", &manifests(port, TO_APP, &[backend]))]);
        let mut server = Command::new(&python);
        server.arg(file("clients/websocket_server.py")).arg(backend.to_string());
        let _server = Process::start(server, &mesh.scratch().join("server.log"));
        outrigger_testkit::wait_until("the server", PATIENCE, || {
            std::net::TcpStream::connect(loopback(backend)).ok()
        });
        let _gateway = mesh.gateway("gateway", engine);
        // A plain request is answered with 426 by the server itself, once routes are there.
        wait_for_status(port, "/", 426);
        let url = format!("ws://127.0.0.1:{port}/");
        let long = "x".repeat(100_000);
        let text =
            run(Command::new(&python).arg(file("clients/websocket.py")).args([&url, "one", &long, "three"]));
        assert!(text.contains("3 messages came back"), "{engine:?}: {text}");
    }
}
