//! TLS that is carried, not ended: the server name alone decides, and certificates are the upstreams'.

use std::path::Path;
use std::process::Command;

use outrigger_testkit::{Engine, Process, environment, exchange, free_port, free_ports, get, wait_until};
use outrigger_tests::{PATIENCE, file, loopback, metric, service};

use crate::World;

fn manifests(port: u16, one: u16, two: u16) -> String {
    let head = format!(
        "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: edge, namespace: default}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
  - port: {{number: {port}, name: tls, protocol: TLS}}
    hosts: ['*']
    tls: {{mode: PASSTHROUGH}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: names, namespace: default}}
spec:
  hosts: ['*']
  gateways: [edge]
  tls:
  - match: [{{port: {port}, sniHosts: [one.example]}}]
    route: [{{destination: {{host: one.example}}}}]
  - match: [{{port: {port}, sniHosts: [two.example, '*.two.example']}}]
    route: [{{destination: {{host: two.example}}}}]
"
    );
    [head, service("one.example", "TLS", 443, &[one]), service("two.example", "TLS", 443, &[two])]
        .join("---\n")
}

/// A certificate of its own for a name and all names below it.
fn certificate(folder: &Path, name: &str) {
    let file = |suffix: &str| folder.join(format!("{name}.{suffix}"));
    let output = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-days", "2", "-subj", &format!("/CN={name}")])
        .args(["-addext", &format!("subjectAltName=DNS:{name},DNS:*.{name}")])
        .arg("-keyout")
        .arg(file("key"))
        .arg("-out")
        .arg(file("pem"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A TLS server that answers with its name.
fn server(python: &str, folder: &Path, name: &str, port: u16) -> Process {
    certificate(folder, name);
    let mut command = Command::new(python);
    command.arg(file("clients/tls_server.py")).args([&port.to_string(), name]).arg(folder);
    let process = Process::start(command, &folder.join(format!("{name}.log")));
    wait_until("the server", PATIENCE, || std::net::TcpStream::connect(loopback(port)).ok());
    process
}

/// What curl gets for a name whose certificate it trusts; `None`: no connection of TLS.
fn curl(world: &World, host: &str, trusted: &str) -> Option<String> {
    let port = world.port;
    let output = Command::new("curl")
        .args(["-sS", "--max-time", "10", "--noproxy", "*"])
        .args(["--resolve", &format!("{host}:{port}:127.0.0.1")])
        .arg("--cacert")
        .arg(world.mesh.scratch().join(format!("{trusted}.pem")))
        .arg(format!("https://{host}:{port}/"))
        .output()
        .unwrap();
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn the_server_name_decides_where_tls_is_carried() {
    let test = "the_server_name_decides_where_tls_is_carried";
    let Some(python) = environment(test, "OUTRIGGER_PYTHON") else { return };
    for engine in Engine::available(test) {
        let [one, two] = free_ports(2)[..] else { unreachable!() };
        let port = free_port();
        let mut world = World::bare(engine, port, &manifests(port, one, two));
        let folder = world.mesh.scratch().to_path_buf();
        let _one = server(&python, &folder, "one.example", one);
        let _two = server(&python, &folder, "two.example", two);

        // The routes are there once a name is carried.
        wait_until("the first name", PATIENCE, || curl(&world, "one.example", "one.example"));
        assert_eq!(curl(&world, "one.example", "one.example").as_deref(), Some("one.example"), "{engine:?}");
        assert_eq!(curl(&world, "two.example", "two.example").as_deref(), Some("two.example"), "{engine:?}");
        assert_eq!(
            curl(&world, "a.two.example", "two.example").as_deref(),
            Some("two.example"),
            "{engine:?}"
        );
        // The certificate is the upstream's own: another's does not vouch for it.
        assert_eq!(curl(&world, "one.example", "two.example"), None, "{engine:?}");
        // A name that nothing matches, and no name at all, are closed.
        assert_eq!(curl(&world, "three.example", "one.example"), None, "{engine:?}");
        assert_eq!(curl(&world, "a.one.example", "one.example"), None, "{engine:?}");
        assert_eq!(curl(&world, "127.0.0.1", "one.example"), None, "{engine:?}");
        let plain = exchange(loopback(port), b"GET / HTTP/1.1\r\nhost: one.example\r\n\r\n", PATIENCE);
        assert_eq!(plain.unwrap(), b"", "{engine:?}");

        if engine == Engine::Native {
            let name = "destination_service=\"two.example\"";
            wait_until("the connections in the metrics", PATIENCE, || {
                let text = get(world.gateway.metrics(), "metrics", "/stats/prometheus").unwrap().body;
                (metric(&text, &["istio_tcp_connections_opened_total", name]) >= 2.0
                    && metric(&text, &["istio_tcp_sent_bytes_total", name]) > 0.0)
                    .then_some(())
            });
        }
        let output = wait_until("the names in the log", PATIENCE, || {
            let output = world.gateway.process().output();
            output.contains("\"requested_server_name\":\"a.two.example\"").then_some(output)
        });
        assert!(output.contains("\"requested_server_name\":\"one.example\""), "{engine:?}");
    }
}
