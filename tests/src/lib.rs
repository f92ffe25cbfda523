//! What the tests of whole programs share: a mesh on loopback with a gateway in front of real servers.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use outrigger_testkit::{Answer, Process, binary, get, wait_until};

/// Long enough for a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A loopback address.
pub fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// A file of this folder.
pub fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The sample app on a loopback port; `run` and `version` as its own help says.
pub fn app(run: &str, version: &str, port: u16, folder: &Path) -> Process {
    let mut command = Command::new(binary("hello"));
    command.args(["--run", run, "--version", version, "--port", &port.to_string()]);
    command.args(["--address", "127.0.0.1"]);
    let process = Process::start(command, &folder.join(format!("app-{port}.log")));
    wait_until("the app's port", PATIENCE, || std::net::TcpStream::connect(loopback(port)).ok());
    process
}

/// A Gateway with one HTTP server, a VirtualService with these routes (YAML list items at the right
/// depth for `spec.http`), and a service `app.example` on port 80 whose endpoints are these ports of
/// loopback.
pub fn manifests(gateway_port: u16, routes: &str, endpoints: &[u16]) -> String {
    let mut text = format!(
        "apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: edge, namespace: default}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
  - port: {{number: {gateway_port}, name: http, protocol: HTTP}}
    hosts: ['*']
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: routes, namespace: default}}
spec:
  hosts: ['*']
  gateways: [edge]
  http:
{routes}
---
"
    );
    text.push_str(&service("app.example", "HTTP", 80, endpoints));
    text
}

/// A service outside Kubernetes whose endpoints are these ports of loopback.
pub fn service(host: &str, protocol: &str, port: u16, endpoints: &[u16]) -> String {
    let name = host.replace('.', "-");
    let mut text = format!(
        "apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: default}}
spec:
  hosts: [{host}]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{{number: {port}, name: main, protocol: {protocol}}}]
  endpoints:
"
    );
    for endpoint in endpoints {
        text.push_str(&format!("  - {{address: 127.0.0.1, ports: {{main: {endpoint}}}}}\n"));
    }
    if endpoints.is_empty() {
        text = text.replace("  endpoints:\n", "  endpoints: []\n");
    }
    text
}

/// A route of [`manifests`] that sends everything to `app.example`.
pub const TO_APP: &str = "  - route: [{destination: {host: app.example}}]";

/// Waits until a request through the gateway is answered with this status.
pub fn wait_for_status(port: u16, path: &str, status: u16) -> Answer {
    wait_until(&format!("status {status} of {path}"), PATIENCE, || {
        get(loopback(port), "app.example", path).ok().filter(|a| a.status == status)
    })
}

/// The value of a metric whose line contains all of `parts`, summed over lines.
pub fn metric(text: &str, parts: &[&str]) -> f64 {
    let lines = text.lines().filter(|l| !l.starts_with('#') && parts.iter().all(|p| l.contains(p)));
    lines.filter_map(|l| l.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}
