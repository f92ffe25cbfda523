//! Where a sidecar meets its workload's connections.

use outrigger_api::{MeshConfig, OutboundMode};

use super::fixture::{Fixture, object, service, sidecar, virtual_service, workload};
use super::summary;

/// The lines of one listener.
fn lines(text: &str, listener: &str) -> Vec<String> {
    let start = format!("listener {listener} at ");
    let from = text.lines().skip_while(|line| !line.starts_with(&start));
    from.skip(1).take_while(|line| line.starts_with("  ")).map(|line| line.trim().to_string()).collect()
}

fn seen(yaml: &str) -> String {
    summary::of(&Fixture::new(yaml).sidecar().bundle)
}

fn entry(name: &str, created: &str, spec: &str) -> String {
    object("ServiceEntry", name, created, spec)
}

#[test]
fn http_shares_one_listener_per_port() {
    let yaml = service("a", "10.96.0.1", "http", 80) + &service("b", "10.96.0.2", "http2", 80);
    assert_eq!(
        lines(&seen(&yaml), "0.0.0.0_80"),
        [
            "chain - raw_buffer alpn=http/1.0,http/1.1,h2c -> http routes 80",
            "else PassthroughFilterChain -> PassthroughCluster"
        ]
    );
}

#[test]
fn a_proxy_with_both_families_listens_at_both() {
    let sent = Fixture::new(&service("a", "10.96.0.1", "http", 80))
        .sent(&sidecar("default", &["10.9.9.9", "fd00::9"]));
    for name in ["0.0.0.0_80", "virtualOutbound", "virtualInbound"] {
        assert_eq!(sent.listener(name).additional_addresses.len(), 1, "{name}");
    }
    let only_v6 =
        Fixture::new(&service("a", "10.96.0.1", "http", 80)).sent(&sidecar("default", &["fd00::9"]));
    assert!(only_v6.bundle.listeners.contains_key("::_80"));
}

#[test]
fn bytes_are_met_at_each_address_of_their_service() {
    let yaml = entry(
        "a",
        "",
        "  hosts: [a.example.com]
  addresses: [10.1.1.1, 10.1.1.2]
  ports: [{number: 5000, name: tcp, protocol: TCP}]
  resolution: STATIC",
    );
    let seen = seen(&yaml);
    for address in ["10.1.1.1", "10.1.1.2"] {
        assert_eq!(lines(&seen, &format!("{address}_5000")), ["chain - -> outbound|5000||a.example.com"]);
    }
}

#[test]
fn a_headless_service_is_met_at_its_pods() {
    let yaml = service("db", "None", "tcp", 5432) + &workload("w", "db", "10.0.0.5", "v1");
    // A headless Service does not select entries; a ServiceEntry without addresses of resolution NONE does.
    let none = entry(
        "peer",
        "",
        "  hosts: ['*.peers.example.com']
  ports: [{number: 5433, name: tcp, protocol: TCP}]
  resolution: NONE",
    );
    let seen = seen(&(yaml + &none));
    assert_eq!(lines(&seen, "0.0.0.0_5432"), Vec::<String>::new());
    assert_eq!(lines(&seen, "0.0.0.0_5433"), ["chain - -> outbound|5433||*.peers.example.com"]);
}

#[test]
fn what_cannot_be_told_apart_belongs_to_the_oldest() {
    let bytes = |name: &str, created: &str| {
        entry(
            name,
            created,
            &format!(
                "  hosts: [{name}.example.com]
  addresses: [10.1.1.1]
  ports: [{{number: 5000, name: tcp, protocol: TCP}}]
  resolution: STATIC"
            ),
        )
    };
    let fixture = Fixture::new(&(bytes("young", "11:00") + &bytes("old", "10:00")));
    let sent = fixture.sidecar();
    assert_eq!(
        lines(&summary::of(&sent.bundle), "10.1.1.1_5000"),
        ["chain - -> outbound|5000||old.example.com"]
    );
    assert_eq!(sent.findings(), ["ServiceEntry/default/young spec.ports OUT0006"]);
}

fn on_every_address(name: &str, created: &str, protocol: &str) -> String {
    entry(
        name,
        created,
        &format!(
            "  hosts: ['*.{name}.example.com']
  ports: [{{number: 80, name: any, protocol: {protocol}}}]
  resolution: NONE"
        ),
    )
}

#[test]
fn http_and_bytes_on_every_address_are_told_apart_whoever_is_older() {
    let both = [
        on_every_address("bytes", "10:00", "TCP") + &on_every_address("web", "11:00", "HTTP"),
        on_every_address("bytes", "11:00", "TCP") + &on_every_address("web", "10:00", "HTTP"),
    ];
    for yaml in both {
        let sent = Fixture::new(&yaml).sidecar();
        assert_eq!(sent.findings(), Vec::<String>::new());
        let mut chains = lines(&summary::of(&sent.bundle), "0.0.0.0_80");
        chains.sort();
        assert_eq!(
            chains,
            [
                "chain - -> outbound|80||*.bytes.example.com",
                "chain - raw_buffer -> outbound|80||*.bytes.example.com",
                "chain - raw_buffer alpn=http/1.0,http/1.1,h2c -> http routes 80",
            ]
        );
    }
}

#[test]
fn who_may_speak_http_adds_nothing_where_it_is_declared_and_disturbs_nobody() {
    let maybe_first = on_every_address("maybe", "10:00", "''") + &on_every_address("web", "11:00", "HTTP");
    let sent = Fixture::new(&maybe_first).sidecar();
    assert_eq!(sent.findings(), Vec::<String>::new());
    let chains = lines(&summary::of(&sent.bundle), "0.0.0.0_80");
    assert!(chains.contains(&"chain - -> outbound|80||*.maybe.example.com".to_string()), "{chains:?}");
    let http_first = on_every_address("maybe", "11:00", "''") + &on_every_address("web", "10:00", "HTTP");
    assert_eq!(
        lines(&seen(&http_first), "0.0.0.0_80"),
        [
            "chain - raw_buffer alpn=http/1.0,http/1.1,h2c -> http routes 80",
            "else PassthroughFilterChain -> PassthroughCluster"
        ]
    );
}

#[test]
fn a_server_that_speaks_first_shares_its_port_with_no_http() {
    let server_first = on_every_address("db", "10:00", "MySQL") + &on_every_address("web", "11:00", "HTTP");
    let sent = Fixture::new(&server_first).sidecar();
    assert_eq!(sent.findings(), ["ServiceEntry/default/web spec.ports OUT0006"]);
    assert_eq!(lines(&summary::of(&sent.bundle), "0.0.0.0_80"), ["chain - -> outbound|80||*.db.example.com"]);
    let http_first = on_every_address("db", "11:00", "MySQL") + &on_every_address("web", "10:00", "HTTP");
    assert_eq!(
        Fixture::new(&http_first).sidecar().findings(),
        ["ServiceEntry/default/db spec.ports OUT0006"]
    );
}

#[test]
fn tls_is_told_apart_by_name() {
    let yaml = entry(
        "wild",
        "",
        "  hosts: ['*.example.com', '*.example.org']
  ports: [{number: 443, name: tls, protocol: TLS}]
  resolution: NONE",
    ) + &virtual_service(
        "r",
        "",
        "  hosts: ['*.example.com']
  tls:
  - match: [{port: 443, sniHosts: [a.example.com]}, {port: 444, sniHosts: [b.example.com]}]
    route: [{destination: {host: '*.example.org', port: {number: 443}}}]
  - match: [{sniHosts: ['*.example.com', a.example.com]}]
    route: [{destination: {host: '*.example.com', port: {number: 443}}}]",
    );
    assert_eq!(
        lines(&seen(&yaml), "0.0.0.0_443"),
        [
            "chain - sni=a.example.com -> outbound|443||*.example.org",
            "chain - sni=*.example.com -> outbound|443||*.example.com",
            "chain - sni=*.example.org -> outbound|443||*.example.org",
            "else PassthroughFilterChain -> PassthroughCluster",
        ]
    );
}

#[test]
fn one_name_of_many_may_have_a_rule_of_its_own() {
    let route = |host: &str| {
        format!(
            "  hosts: [{host}]
  tls: [{{match: [{{sniHosts: [{host}]}}], route: [{{destination: {{host: b}}}}]}}]"
        )
    };
    let many = entry(
        "wild",
        "",
        "  hosts: ['*.example.com']
  ports: [{number: 443, name: tls, protocol: TLS}]
  resolution: NONE",
    );
    assert_eq!(
        lines(&seen(&(many + &virtual_service("r", "", &route("a.example.com")))), "0.0.0.0_443"),
        [
            "chain - sni=a.example.com -> outbound|443||b.default.svc.cluster.local",
            "chain - sni=*.example.com -> outbound|443||*.example.com",
            "else PassthroughFilterChain -> PassthroughCluster",
        ]
    );
    let one = service("web", "10.96.0.1", "https", 443);
    assert_eq!(
        lines(
            &seen(&(one + &virtual_service("r", "", &route("web.default.svc.cluster.local")))),
            "10.96.0.1_443"
        ),
        [
            "chain - sni=web.default.svc.cluster.local -> outbound|443||b.default.svc.cluster.local",
            "else PassthroughFilterChain -> PassthroughCluster",
        ]
    );
}

#[test]
fn bytes_follow_the_first_tcp_route_that_takes_the_rest() {
    let yaml = service("a", "10.96.0.1", "tcp", 5000)
        + &virtual_service(
            "r",
            "",
            "  hosts: [a]
  tcp:
  - match: [{port: 5001}]
    route: [{destination: {host: never}}]
  - match: [{destinationSubnets: [10.96.0.0/24], port: 5000}]
    route: [{destination: {host: near}}]
  - match: [{port: 5000}]
    route:
    - {destination: {host: b}, weight: 1}
    - {destination: {host: c}, weight: 0}
    - {destination: {host: d}, weight: 3}
  - route: [{destination: {host: never}}]",
        );
    assert_eq!(
        lines(&seen(&yaml), "10.96.0.1_5000"),
        [
            "chain - 10.96.0.0/24 -> outbound|5000||near.default.svc.cluster.local",
            "chain - -> 1×outbound|5000||b.default.svc.cluster.local + 3×outbound|5000||d.default.svc.cluster.local",
        ]
    );
}

#[test]
fn nothing_unknown_leaves_where_only_the_registry_counts() {
    let config = MeshConfig { outbound_traffic_policy: OutboundMode::RegistryOnly, ..Default::default() };
    let sent = Fixture::with_config(&service("a", "10.96.0.1", "http", 80), config).sidecar();
    let text = summary::of(&sent.bundle);
    assert_eq!(lines(&text, "virtualOutbound")[2], "chain virtualOutbound-catchall-tcp -> BlackHoleCluster");
    assert_eq!(lines(&text, "0.0.0.0_80")[1], "else PassthroughFilterChain -> BlackHoleCluster");
}

#[test]
fn a_proxys_own_port_is_left_to_it() {
    let sent = Fixture::new(&service("a", "10.96.0.1", "http", 15001)).sidecar();
    assert_eq!(sent.bundle.listeners.len(), 2);
    assert_eq!(sent.findings(), ["Service/default/a spec.ports OUT0006"]);
}

#[test]
fn listeners_that_many_share_do_not_change_with_each() {
    let one = Fixture::new(&service("a", "10.96.0.1", "http", 80)).sidecar();
    let two = Fixture::new(&(service("a", "10.96.0.1", "http", 80) + &service("b", "10.96.0.2", "http", 80)));
    assert_eq!(one.bundle.listeners["0.0.0.0_80"], two.sidecar().bundle.listeners["0.0.0.0_80"]);
}
