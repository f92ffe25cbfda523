//! The manifests that both engines run.

/// A gateway on `port` for proxies labelled `istio: SELECTOR`, with ten routes, the last of which
/// (`/r9`) is the one that load asks for; all lead to one service.
pub fn http_gateway(name: &str, port: u16, endpoint: u16, protocol: &str) -> String {
    let mut text = gateway(name, port, "HTTP");
    text.push_str(&format!(
        "---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: bench}}
spec:
  hosts: ['*']
  gateways: [{name}]
  http:
"
    ));
    for route in 0..10 {
        text.push_str(&format!(
            "  - name: r{route}
    match: [{{uri: {{prefix: /r{route}}}}}]
    route: [{{destination: {{host: {name}.example}}}}]
"
        ));
    }
    text + &service(name, protocol, endpoint)
}

/// A gateway that carries bytes.
pub fn tcp_gateway(name: &str, port: u16, endpoint: u16) -> String {
    let route = format!(
        "---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: bench}}
spec:
  hosts: ['*']
  gateways: [{name}]
  tcp:
  - route: [{{destination: {{host: {name}.example, port: {{number: 80}}}}}}]
"
    );
    gateway(name, port, "TCP") + &route + &service(name, "TCP", endpoint)
}

fn gateway(name: &str, port: u16, protocol: &str) -> String {
    format!(
        "---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: bench}}
spec:
  selector: {{istio: {name}}}
  servers:
  - port: {{number: {port}, name: main, protocol: {protocol}}}
    hosts: ['*']
"
    )
}

fn service(name: &str, protocol: &str, endpoint: u16) -> String {
    format!(
        "---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: bench}}
spec:
  hosts: [{name}.example]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{{number: 80, name: main, protocol: {protocol}}}]
  endpoints: [{{address: 127.0.0.1, ports: {{main: {endpoint}}}}}]
"
    )
}

/// The `n`th of many services, its endpoints selected by label.
pub fn service_of_many(n: usize) -> String {
    format!(
        "---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: many-{n}, namespace: many}}
spec:
  hosts: [many-{n}.example]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{{number: 80, name: http, protocol: HTTP}}]
  workloadSelector: {{labels: {{app: many-{n}}}}}
"
    )
}

/// The `m`th endpoint of the `n`th service; `turn` changes its address.
pub fn endpoint_of_many(n: usize, m: usize, turn: usize) -> String {
    format!(
        "---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: many-{n}-{m}, namespace: many}}
spec:
  address: 10.{}.{}.{}
  labels: {{app: many-{n}}}
",
        100 + m + 20 * (turn % 2),
        n / 250,
        n % 250 + 1
    )
}

/// A route of the first service; `turn` changes its timeout.
pub fn route_of_first(turn: usize) -> String {
    format!(
        "---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: many-0, namespace: many}}
spec:
  hosts: [many-0.example]
  http:
  - timeout: {}s
    route: [{{destination: {{host: many-0.example}}}}]
",
        1 + turn
    )
}
