use std::path::Path;

use outrigger_base::{Code, Severity};

use super::*;

/// Findings about manifests, as `field: code`.
fn fields(yaml: &str) -> Vec<String> {
    let parsed = outrigger_api::parse(Path::new("test.yaml"), yaml, "default");
    assert_eq!(parsed.diagnostics, []);
    let findings = parsed.objects.iter().flat_map(|object| unenforced(&object.resource));
    findings.map(|finding| format!("{}: {}", finding.field, finding.code)).collect()
}

#[test]
fn everything_in_a_plain_rule_is_acted_on() {
    let found = fields(
        "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec:
  hosts: [a]
  http:
  - match: [{uri: {prefix: /x}, headers: {x-y: {exact: z}}, sourceLabels: {app: b}}]
    rewrite: {uri: /}
    timeout: 3s
    retries: {attempts: 3, retryOn: 5xx}
    route: [{destination: {host: a}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: a}
spec:
  host: a
  trafficPolicy:
    loadBalancer: {simple: ROUND_ROBIN, localityLbSetting: {enabled: false}}
    connectionPool: {tcp: {maxConnections: 3}, http: {maxRetries: 1}}
    tls: {mode: DISABLE}
",
    );
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn each_field_without_effect_is_named() {
    let found = fields(
        "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec:
  hosts: [a]
  http:
  - fault: {abort: {httpStatus: 500, percentage: {value: 10}}}
    mirror: {host: b}
    corsPolicy: {allowOrigins: [{exact: 'https://x'}]}
    route: [{destination: {host: a}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: a}
spec:
  host: a
  subsets:
  - name: v1
    labels: {version: v1}
    trafficPolicy:
      outlierDetection: {consecutive5xxErrors: 1}
      loadBalancer: {consistentHash: {useSourceIp: true}}
",
    );
    assert_eq!(
        found,
        [
            "spec.http[0].fault: OUT0004",
            "spec.http[0].mirror: OUT0004",
            "spec.http[0].corsPolicy: OUT0004",
            "spec.subsets[0].trafficPolicy.loadBalancer.consistentHash: OUT0004",
            "spec.subsets[0].trafficPolicy.outlierDetection: OUT0004",
        ]
    );
}

#[test]
fn tls_that_is_not_there_is_an_error() {
    let found = fields(
        "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: a}
spec:
  host: a
  trafficPolicy:
    tls: {mode: ISTIO_MUTUAL}
    portLevelSettings: [{port: {number: 80}, tls: {mode: SIMPLE}}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: g}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https, protocol: HTTPS}
    hosts: ['*.a.com']
    tls: {mode: SIMPLE, credentialName: c}
  - port: {number: 444, name: tls, protocol: TLS}
    hosts: ['*.b.com']
    tls: {mode: PASSTHROUGH}
",
    );
    assert_eq!(
        found,
        [
            "spec.trafficPolicy.tls.mode: OUT0005",
            "spec.trafficPolicy.portLevelSettings[0].tls.mode: OUT0005",
            "spec.servers[0].tls.mode: OUT0005",
        ]
    );
}

#[test]
fn only_missing_security_is_an_error() {
    let parsed = outrigger_api::parse(
        Path::new("test.yaml"),
        "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a}
spec:
  hosts: [a]
  http:
  - match: [{headers: {'@request.auth.claims.group': {exact: admin}}}]
    mirror: {host: b}
    route: [{destination: {host: a}}]
",
        "default",
    );
    let found = unenforced(&parsed.objects[0].resource);
    for finding in &found {
        assert_eq!(finding.severity == Severity::Error, finding.code == Code::SECURITY_NOT_ENFORCED);
    }
    assert_eq!(found.len(), 2);
}
