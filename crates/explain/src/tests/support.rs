//! Manifests and questions, in few words.

use std::path::Path;

use outrigger_api::{MeshConfig, OutboundMode};

use crate::{
    Arrival, ExplainError, Explanation, HttpRequest, Manifests, Origin, OutcomeKind, Request, Setting, Stage,
    Step, WorkloadName, explain,
};

/// A client pod of namespace `shop` and a web service with two versions there.
pub const SHOP: &str = "
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: shop, labels: {app: client}}
spec: {containers: [{name: c}]}
status: {phase: Running, podIP: 10.1.0.9, conditions: [{type: Ready, status: 'True'}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: shop, labels: {app: web, version: v1}}
spec: {containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]}
status: {phase: Running, podIP: 10.1.0.1, conditions: [{type: Ready, status: 'True'}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-2, namespace: shop, labels: {app: web, version: v2}}
spec: {containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]}
status: {phase: Running, podIP: 10.1.0.2, conditions: [{type: Ready, status: 'True'}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  clusterIP: 10.96.0.10
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: shop}
spec:
  host: web
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
  - {name: none, labels: {version: v9}}
";

pub fn manifests(texts: &[&str]) -> Manifests {
    let mut manifests = Manifests::default();
    for (index, text) in texts.iter().enumerate() {
        manifests.add_text(Path::new(&format!("{index}.yaml")), text, "default");
    }
    let refused: Vec<String> = manifests.diagnostics().iter().map(ToString::to_string).collect();
    assert!(!manifests.is_refused(), "{refused:#?}");
    manifests
}

pub fn from(workload: &str) -> Origin {
    Origin::Workload(WorkloadName::parse(workload).unwrap())
}

pub fn get(url: &str) -> Arrival {
    with_headers(url, &[])
}

pub fn with_headers(url: &str, headers: &[&str]) -> Arrival {
    let headers: Vec<String> = headers.iter().map(|h| h.to_string()).collect();
    Arrival::Http(HttpRequest::parse(url, "GET", &headers).unwrap())
}

pub fn connect(destination: &str) -> Arrival {
    Arrival::Tcp { destination: destination.parse().unwrap(), tls: false, sni: None }
}

pub fn registry_only() -> Setting {
    let config = MeshConfig { outbound_traffic_policy: OutboundMode::RegistryOnly, ..MeshConfig::default() };
    Setting { config, ..Setting::default() }
}

pub fn ask(manifests: &Manifests, origin: Origin, arrival: Arrival) -> Explanation {
    let request = Request { origin, arrival, inbound: false };
    let explanation = explain(manifests, &Setting::default(), &request).unwrap();
    check(&explanation);
    explanation
}

/// From the client pod of [`SHOP`].
pub fn shop(more: &str, url: &str) -> Explanation {
    ask(&manifests(&[SHOP, more]), from("shop/client"), get(url))
}

pub fn failure(manifests: &Manifests, origin: Origin) -> ExplainError {
    let request = Request { origin, arrival: get("http://a.b/"), inbound: false };
    explain(manifests, &Setting::default(), &request).unwrap_err()
}

/// What holds of every answer: shares add up, and nothing was compiled that the wire refuses.
pub fn check(explanation: &Explanation) {
    let clusters: f64 = explanation.clusters.iter().map(|c| c.share).sum();
    assert!(explanation.clusters.is_empty() || (clusters - 1.0).abs() < 1e-9, "{explanation:#?}");
    for cluster in &explanation.clusters {
        let endpoints: f64 = cluster.endpoints.iter().map(|e| e.share).sum();
        assert!(cluster.endpoints.is_empty() || (endpoints - cluster.share).abs() < 1e-9, "{explanation:#?}");
    }
    let refused = explanation.warnings.iter().find(|w| w.contains("would refuse"));
    assert_eq!(refused, None);
}

pub fn step(explanation: &Explanation, stage: Stage) -> &Step {
    explanation.steps.iter().find(|s| s.stage == stage).unwrap_or_else(|| panic!("{explanation:#?}"))
}

pub fn kind(explanation: &Explanation) -> (OutcomeKind, Option<u16>, Option<&'static str>) {
    let outcome = explanation.outcome;
    (outcome.kind, outcome.status, outcome.flag.map(|flag| flag.short()))
}

/// `share endpoint`, sorted.
pub fn shares(explanation: &Explanation) -> Vec<String> {
    let endpoints = explanation.clusters.iter().flat_map(|c| &c.endpoints);
    let mut lines: Vec<String> =
        endpoints.map(|e| format!("{:.3} {}:{}", e.share, e.address, e.port)).collect();
    lines.sort();
    lines
}

pub fn object(step: &Step) -> String {
    step.object.as_ref().map(ToString::to_string).unwrap_or_default()
}
