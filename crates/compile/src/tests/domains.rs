//! Under which names a service is called.

use super::fixture::{Fixture, service, sidecar};

fn domains(fixture: &Fixture, namespace: &str, host: &str) -> Vec<String> {
    fixture.sent(&sidecar(namespace, &["10.9.9.9"])).virtual_host("80", host).unwrap().domains
}

#[test]
fn short_names_depend_on_the_callers_namespace() {
    let fixture = Fixture::new(&service("web", "10.96.0.1", "http", 80));
    let host = "web.default.svc.cluster.local";
    assert_eq!(
        domains(&fixture, "default", host),
        [host, "web.default.svc.cluster.local.", "web", "web.default.svc", "web.default", "10.96.0.1"]
    );
    assert_eq!(
        domains(&fixture, "other", host),
        [host, "web.default.svc.cluster.local.", "web.default.svc", "web.default", "10.96.0.1"]
    );
}

#[test]
fn the_port_in_a_host_header_does_not_matter() {
    let sent = Fixture::new(&service("web", "10.96.0.1", "http", 80)).sidecar();
    assert!(sent.routes("80").ignore_port_in_host_matching);
}

#[test]
fn a_short_name_never_takes_another_hosts_full_name() {
    let entry = "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: z}
spec:
  hosts: [web.default]
  addresses: [10.1.1.1]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
---
";
    let fixture = Fixture::new(&(service("web", "10.96.0.1", "http", 80) + entry));
    let sent = fixture.sidecar();
    assert_eq!(sent.virtual_host("80", "web.default").unwrap().name, "web.default:80");
    assert_eq!(sent.virtual_host("80", "web").unwrap().name, "web.default.svc.cluster.local:80");
}

#[test]
fn pods_of_a_headless_service_are_called_below_its_name() {
    let fixture = Fixture::new(&service("db", "None", "http", 80));
    let domains = domains(&fixture, "default", "db.default.svc.cluster.local");
    assert!(domains.contains(&"*.db.default.svc.cluster.local".to_string()));
    assert!(domains.contains(&"*.db".to_string()));
}

#[test]
fn addresses_of_both_families_are_names() {
    let entry = "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: a}
spec:
  hosts: [a.example.com]
  addresses: [10.1.1.1, 'fd00::1']
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
";
    let domains = domains(&Fixture::new(entry), "default", "a.example.com");
    assert_eq!(domains, ["a.example.com", "a.example.com.", "10.1.1.1", "[fd00::1]"]);
}

#[test]
fn an_external_name_leads_to_the_service_it_stands_for() {
    let alias = "
apiVersion: v1
kind: Service
metadata: {name: alias}
spec:
  type: ExternalName
  externalName: web.default.svc.cluster.local
---
apiVersion: v1
kind: Service
metadata: {name: away}
spec: {type: ExternalName, externalName: www.example.com}
---
";
    let fixture = Fixture::new(&(service("web", "10.96.0.1", "http", 80) + alias));
    let sent = fixture.sidecar();
    assert_eq!(sent.targets("80", "alias"), ["default: outbound|80||web.default.svc.cluster.local"]);
    assert!(sent.virtual_host("80", "away").is_none());
    assert!(!sent.bundle.clusters.keys().any(|name| name.contains("alias") || name.contains("away")));
}
