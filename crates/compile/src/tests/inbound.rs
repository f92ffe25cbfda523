//! What a sidecar does with connections to its own workload.

use outrigger_proto::envoy::config::listener::v3::listener_filter_chain_match_predicate::Rule;

use super::fixture::{Fixture, service, sidecar, workload};
use super::summary;

fn summary_of(yaml: &str) -> Vec<String> {
    let sent = Fixture::new(yaml).sent(&sidecar("default", &["10.0.0.1"]));
    let text = summary::of(&sent.bundle);
    let from = text.lines().skip_while(|line| !line.starts_with("listener virtualInbound"));
    from.skip(1).take_while(|line| line.starts_with("  ")).map(|line| line.trim().to_string()).collect()
}

fn app(port_name: &str, port: u16) -> String {
    service("app", "10.96.0.1", port_name, port) + &workload("w", "app", "10.0.0.1", "v1")
}

#[test]
fn a_declared_port_is_taken_at_its_word() {
    assert_eq!(summary_of(&app("http", 80))[1], "chain 0.0.0.0_80 port=80 -> http default: inbound|80||");
    assert_eq!(summary_of(&app("tcp", 81))[1], "chain 0.0.0.0_81 port=81 -> inbound|81||");
}

#[test]
fn the_protocol_of_other_ports_is_found_out() {
    assert_eq!(
        summary_of(&app("who-knows", 82))[1..4],
        [
            "chain 0.0.0.0_82 port=82 raw_buffer alpn=http/1.0,http/1.1,h2c -> http default: inbound|82||",
            "chain 0.0.0.0_82 port=82 raw_buffer -> inbound|82||",
            "chain 0.0.0.0_82 port=82 -> inbound|82||",
        ]
    );
}

#[test]
fn ports_that_no_service_leads_to_are_passed_through() {
    assert_eq!(
        summary_of(""),
        [
            "chain virtualInbound-blackhole port=15006 -> BlackHoleCluster",
            "chain virtualInbound-catchall-http raw_buffer alpn=http/1.0,http/1.1,h2c -> http default: InboundPassthroughCluster",
            "chain virtualInbound raw_buffer -> InboundPassthroughCluster",
            "chain virtualInbound -> InboundPassthroughCluster",
        ]
    );
}

#[test]
fn nobody_waits_for_a_client_whose_server_speaks_first() {
    let sent = Fixture::new(&app("mysql", 3306)).sent(&sidecar("default", &["10.0.0.1"]));
    let listener = sent.listener("virtualInbound");
    assert!(listener.continue_on_listener_filters_timeout);
    assert_eq!(listener.listener_filters_timeout.unwrap().seconds, 5);
    for name in ["envoy.filters.listener.tls_inspector", "envoy.filters.listener.http_inspector"] {
        let filter = listener.listener_filters.iter().find(|filter| filter.name == name).unwrap();
        let Some(Rule::DestinationPortRange(range)) = &filter.filter_disabled.as_ref().unwrap().rule else {
            panic!("{filter:?}")
        };
        assert_eq!((range.start, range.end), (3306, 3307));
    }
}

#[test]
fn services_that_disagree_about_a_port_are_told() {
    let other = service("other", "10.96.0.2", "tcp", 80).replace("{app: other}", "{app: app}");
    let sent = Fixture::new(&(app("http", 80) + &other)).sent(&sidecar("default", &["10.0.0.1"]));
    assert_eq!(sent.findings(), ["Service/default/other spec.ports OUT0006"]);
}

#[test]
fn grpc_clients_retry_by_themselves() {
    let retries = |port_name: &str| {
        let sent = Fixture::new(&app(port_name, 80)).sent(&sidecar("default", &["10.0.0.1"]));
        let body = &sent.bundle.listeners["virtualInbound"].body;
        let text = String::from_utf8_lossy(body);
        // One such policy belongs to the ports that no service leads to.
        text.matches("reset-before-request").count() - 1
    };
    assert_eq!(retries("http"), 1);
    assert_eq!(retries("grpc"), 0);
}
