//! Manifests, proxies, and the decoded messages of what they are sent.

use std::net::IpAddr;
use std::path::Path;

use outrigger_api::{Change, MeshConfig};
use outrigger_base::{ClusterId, Labels, Locality, Network};
use outrigger_mesh::{Mesh, Options, Touched};
use outrigger_proto::envoy::config::cluster::v3::Cluster;
use outrigger_proto::envoy::config::endpoint::v3::ClusterLoadAssignment;
use outrigger_proto::envoy::config::listener::v3::Listener;
use outrigger_proto::envoy::config::route::v3::{Route, RouteConfiguration, VirtualHost, route::Action};
use outrigger_proto::envoy::config::route::v3::{RouteAction, route_action::ClusterSpecifier};
use prost::Message;

use crate::{Bundle, Proxy, Resources, Role, View, compile};

pub(super) struct Fixture {
    pub(super) mesh: Mesh,
}

impl Fixture {
    pub(super) fn new(yaml: &str) -> Fixture {
        Fixture::with_config(yaml, MeshConfig::default())
    }

    pub(super) fn with_config(yaml: &str, config: MeshConfig) -> Fixture {
        let options = Options { cluster: ClusterId::new("Kubernetes"), network: Network::new("") };
        let mut fixture = Fixture { mesh: Mesh::new(config, options) };
        fixture.apply(yaml);
        fixture
    }

    pub(super) fn apply(&mut self, yaml: &str) -> Touched {
        let parsed = outrigger_api::parse(Path::new("test.yaml"), yaml, "default");
        assert_eq!(parsed.diagnostics, [], "the test's own manifests are right");
        self.mesh.apply(parsed.objects.into_iter().map(|o| Change::Upsert(o.resource)).collect())
    }

    pub(super) fn sidecar(&self) -> Sent {
        self.sent(&sidecar("default", &["10.9.9.9"]))
    }

    pub(super) fn gateway(&self) -> Sent {
        self.sent(&gateway())
    }

    pub(super) fn sent(&self, proxy: &Proxy) -> Sent {
        let snapshot = self.mesh.snapshot();
        Sent { bundle: compile(&snapshot, &View::of(&snapshot, proxy)) }
    }
}

pub(super) fn sidecar(namespace: &str, ips: &[&str]) -> Proxy {
    Proxy {
        id: format!("sidecar~{}~client.{namespace}~{namespace}.svc.cluster.local", ips[0]).into(),
        role: Role::Sidecar,
        name: "client".into(),
        namespace: namespace.into(),
        ips: ips.iter().map(|ip| ip.parse::<IpAddr>().unwrap()).collect(),
        labels: [("app", "client")].into_iter().collect::<Labels>(),
        locality: Locality::default(),
        cluster: ClusterId::new("Kubernetes"),
        network: Network::new(""),
        domain: format!("{namespace}.svc.cluster.local").into(),
    }
}

pub(super) fn gateway() -> Proxy {
    Proxy {
        id: "router~10.8.8.8~gw.istio-system~istio-system.svc.cluster.local".into(),
        role: Role::Gateway,
        name: "gw".into(),
        labels: [("istio", "ingressgateway")].into_iter().collect(),
        ..sidecar("istio-system", &["10.8.8.8"])
    }
}

/// What a proxy is sent.
pub(super) struct Sent {
    pub(super) bundle: Bundle,
}

impl Sent {
    pub(super) fn cluster(&self, name: &str) -> Cluster {
        decode(&self.bundle.clusters, name)
    }

    pub(super) fn listener(&self, name: &str) -> Listener {
        decode(&self.bundle.listeners, name)
    }

    pub(super) fn routes(&self, name: &str) -> RouteConfiguration {
        decode(&self.bundle.routes, name)
    }

    pub(super) fn assignment(&self, name: &str) -> ClusterLoadAssignment {
        decode(&self.bundle.endpoints, name)
    }

    /// The virtual host that a request for a host meets, by Envoy's rules for exact names.
    pub(super) fn virtual_host(&self, routes: &str, host: &str) -> Option<VirtualHost> {
        let configuration = self.routes(routes);
        configuration.virtual_hosts.into_iter().find(|v| v.domains.iter().any(|domain| domain == host))
    }

    /// Where the routes for a host lead, in order: `name? => clusters`.
    pub(super) fn targets(&self, routes: &str, host: &str) -> Vec<String> {
        let host = self.virtual_host(routes, host);
        host.map(|host| host.routes.iter().map(target).collect()).unwrap_or_default()
    }

    /// Findings as `Kind/ns/name field code`.
    pub(super) fn findings(&self) -> Vec<String> {
        let all = self.bundle.diagnostics.iter();
        all.map(|d| format!("{} {} {}", d.object.as_ref().unwrap(), d.field, d.code)).collect()
    }
}

pub(super) fn target(route: &Route) -> String {
    let to = match route.action.as_ref().unwrap() {
        Action::Route(action) => clusters(action),
        Action::Redirect(_) => "redirect".to_string(),
        Action::DirectResponse(response) => response.status.to_string(),
        other => panic!("{other:?}"),
    };
    if route.name.is_empty() { to } else { format!("{}: {to}", route.name) }
}

fn clusters(action: &RouteAction) -> String {
    match action.cluster_specifier.as_ref().unwrap() {
        ClusterSpecifier::Cluster(name) => name.clone(),
        ClusterSpecifier::WeightedClusters(weighted) => {
            let each = weighted.clusters.iter().map(|c| format!("{}×{}", c.weight.unwrap().value, c.name));
            each.collect::<Vec<_>>().join(" + ")
        }
        other => panic!("{other:?}"),
    }
}

pub(super) fn action(route: &Route) -> &RouteAction {
    match route.action.as_ref().unwrap() {
        Action::Route(action) => action,
        other => panic!("{other:?}"),
    }
}

fn decode<M: Message + Default>(resources: &Resources, name: &str) -> M {
    let Some(found) = resources.get(name) else {
        panic!("no {name} among {:?}", resources.keys().collect::<Vec<_>>());
    };
    M::decode(found.body.clone()).unwrap()
}

/// A Service of namespace `default` with one port, selecting `app: <name>`.
pub(super) fn service(name: &str, address: &str, port_name: &str, port: u16) -> String {
    format!(
        "
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec:
  selector: {{app: {name}}}
  clusterIP: {address}
  ports: [{{name: {port_name}, port: {port}}}]
---
"
    )
}

/// A workload outside Kubernetes that a Service of the same name selects.
pub(super) fn workload(name: &str, app: &str, address: &str, version: &str) -> String {
    format!(
        "
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {{name: {name}}}
spec: {{address: {address}, labels: {{app: {app}, version: {version}}}}}
---
"
    )
}

/// A VirtualService; `spec` is what stands under `spec`, indented by two.
pub(super) fn virtual_service(name: &str, created: &str, spec: &str) -> String {
    object("VirtualService", name, created, spec)
}

/// An object of namespace `default` with a time of creation (`HH:MM`, may be empty).
pub(super) fn object(kind: &str, name: &str, created: &str, spec: &str) -> String {
    let created = match created {
        "" => String::new(),
        time => format!(", creationTimestamp: \"2026-01-01T{time}:00Z\""),
    };
    format!(
        "
apiVersion: networking.istio.io/v1
kind: {kind}
metadata: {{name: {name}{created}}}
spec:
{spec}
---
"
    )
}
