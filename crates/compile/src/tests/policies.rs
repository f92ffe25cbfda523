//! What DestinationRules do to clusters.

use outrigger_base::{Kind, ResourceKey};
use outrigger_proto::envoy::config::cluster::v3::cluster::{DiscoveryType, LbPolicy};
use outrigger_proto::envoy::config::cluster::v3::{Cluster, cluster::ClusterDiscoveryType};
use outrigger_proto::envoy::extensions::upstreams::http::v3::HttpProtocolOptions;
use outrigger_proto::envoy::extensions::upstreams::http::v3::http_protocol_options::{
    UpstreamProtocolOptions, explicit_http_config::ProtocolConfig,
};
use prost::Message;

use super::fixture::{Fixture, object, service, sidecar, workload};

const WEB: &str = "outbound|80||web.default.svc.cluster.local";

fn with_policy(port_name: &str, policy: &str) -> Cluster {
    let rule = object("DestinationRule", "web", "", &format!("  host: web\n  trafficPolicy: {policy}"));
    Fixture::new(&(service("web", "10.96.0.1", port_name, 80) + &rule)).sidecar().cluster(WEB)
}

fn options(cluster: &Cluster) -> Option<HttpProtocolOptions> {
    let any = cluster.typed_extension_protocol_options.values().next()?;
    Some(HttpProtocolOptions::decode(&any.value[..]).unwrap())
}

#[test]
fn limits_and_timeouts_are_the_rules_or_none() {
    let cluster = with_policy(
        "http",
        "{connectionPool: {tcp: {maxConnections: 7, connectTimeout: 2s, tcpKeepalive: {time: 60s, probes: 3}}, \
         http: {http1MaxPendingRequests: 8, http2MaxRequests: 9, maxRequestsPerConnection: 4, idleTimeout: 30s}}}",
    );
    let limits = cluster.circuit_breakers.as_ref().unwrap().thresholds[0];
    assert_eq!(limits.max_connections.unwrap().value, 7);
    assert_eq!(limits.max_pending_requests.unwrap().value, 8);
    assert_eq!(limits.max_requests.unwrap().value, 9);
    assert_eq!(limits.max_retries.unwrap().value, u32::MAX);
    assert_eq!(cluster.connect_timeout.unwrap().seconds, 2);
    let keepalive = cluster.upstream_connection_options.unwrap().tcp_keepalive.unwrap();
    assert_eq!((keepalive.keepalive_time.unwrap().value, keepalive.keepalive_probes.unwrap().value), (60, 3));
    let common = options(&with_policy(
        "http",
        "{connectionPool: {http: {maxRequestsPerConnection: 4, idleTimeout: 30s}}}",
    ))
    .unwrap()
    .common_http_protocol_options
    .unwrap();
    assert_eq!(common.idle_timeout.unwrap().seconds, 30);
    assert_eq!(common.max_requests_per_connection.unwrap().value, 4);
}

#[test]
fn the_default_is_the_less_busy_of_two_and_ten_seconds() {
    let cluster = with_policy("http", "{}");
    assert_eq!(cluster.lb_policy(), LbPolicy::LeastRequest);
    assert_eq!(cluster.connect_timeout.unwrap().seconds, 10);
    assert!(options(&cluster).is_none());
}

#[test]
fn a_balancer_is_what_the_rule_says() {
    let policy = |simple: &str| with_policy("http", &format!("{{loadBalancer: {{simple: {simple}}}}}"));
    assert_eq!(policy("ROUND_ROBIN").lb_policy(), LbPolicy::RoundRobin);
    assert_eq!(policy("RANDOM").lb_policy(), LbPolicy::Random);
    assert_eq!(policy("LEAST_CONN").lb_policy(), LbPolicy::LeastRequest);
    let passthrough = policy("PASSTHROUGH");
    assert_eq!(passthrough.lb_policy(), LbPolicy::ClusterProvided);
    assert_eq!(
        passthrough.cluster_discovery_type,
        Some(ClusterDiscoveryType::Type(DiscoveryType::OriginalDst.into()))
    );
}

#[test]
fn http2_is_spoken_where_the_port_or_the_rule_says_so() {
    let is_http2 = |cluster: &Cluster| match options(cluster).and_then(|o| o.upstream_protocol_options) {
        Some(UpstreamProtocolOptions::ExplicitHttpConfig(explicit)) => {
            matches!(explicit.protocol_config, Some(ProtocolConfig::Http2ProtocolOptions(_)))
        }
        _ => false,
    };
    assert!(is_http2(&with_policy("grpc", "{}")));
    assert!(is_http2(&with_policy("http2", "{}")));
    assert!(is_http2(&with_policy("http", "{connectionPool: {http: {h2UpgradePolicy: UPGRADE}}}")));
    assert!(!is_http2(&with_policy("http", "{}")));
    let as_client = with_policy("http", "{connectionPool: {http: {useClientProtocol: true}}}");
    assert!(matches!(
        options(&as_client).unwrap().upstream_protocol_options,
        Some(UpstreamProtocolOptions::UseDownstreamProtocolConfig(_))
    ));
    let found_out = with_policy("who-knows", "{}");
    assert!(matches!(
        options(&found_out).unwrap().upstream_protocol_options,
        Some(UpstreamProtocolOptions::UseDownstreamProtocolConfig(_))
    ));
}

#[test]
fn subsets_are_clusters_of_the_endpoints_that_carry_their_labels() {
    let rule = object(
        "DestinationRule",
        "web",
        "",
        "  host: web
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v9, labels: {version: v9}}",
    );
    let yaml = service("web", "10.96.0.1", "http", 80)
        + &workload("a", "web", "10.0.0.1", "v1")
        + &workload("b", "web", "10.0.0.2", "v2")
        + &rule;
    let sent = Fixture::new(&yaml).sidecar();
    let count = |subset: &str| {
        let name = format!("outbound|80|{subset}|web.default.svc.cluster.local");
        assert!(sent.bundle.clusters[&*name].has_endpoints);
        sent.assignment(&name).endpoints.iter().map(|group| group.lb_endpoints.len()).sum::<usize>()
    };
    assert_eq!((count(""), count("v1"), count("v9")), (2, 1, 0));
}

#[test]
fn the_callers_own_namespace_has_the_first_word() {
    let rule = |namespace: &str, simple: &str| {
        object(
            "DestinationRule",
            "web",
            "",
            &format!("  host: web.default.svc.cluster.local\n  trafficPolicy: {{loadBalancer: {{simple: {simple}}}}}"),
        )
        .replace("{name: web}", &format!("{{name: web, namespace: {namespace}}}"))
    };
    let yaml =
        service("web", "10.96.0.1", "http", 80) + &rule("default", "RANDOM") + &rule("caller", "ROUND_ROBIN");
    let fixture = Fixture::new(&yaml);
    assert_eq!(
        fixture.sent(&sidecar("caller", &["10.9.9.9"])).cluster(WEB).lb_policy(),
        LbPolicy::RoundRobin
    );
    assert_eq!(fixture.sent(&sidecar("third", &["10.9.9.9"])).cluster(WEB).lb_policy(), LbPolicy::Random);
}

#[test]
fn every_cluster_says_where_it_comes_from() {
    let rule = object(
        "DestinationRule",
        "web",
        "",
        "  host: web\n  trafficPolicy: {loadBalancer: {simple: RANDOM}}",
    );
    let sent = Fixture::new(&(service("web", "10.96.0.1", "http", 80) + &rule)).sidecar();
    assert_eq!(
        &*sent.bundle.clusters[WEB].origins,
        [
            ResourceKey::new(Kind::DESTINATION_RULE, "default", "web"),
            ResourceKey::new(Kind::SERVICE, "default", "web"),
        ]
    );
    let metadata = sent.cluster(WEB).metadata.unwrap();
    let fields = &metadata.filter_metadata["istio"].fields;
    let text = format!("{:?}", fields["config"]);
    assert!(text.contains("networking.istio.io/DestinationRule/default/web"), "{text}");
    assert!(fields.contains_key("origins") && fields.contains_key("services"));
}

#[test]
fn an_endpoint_says_who_answers_there() {
    let yaml = service("web", "10.96.0.1", "http", 80) + &workload("a", "web", "10.0.0.1", "v1");
    let sent = Fixture::new(&yaml).sidecar();
    let endpoint = sent.assignment(WEB).endpoints[0].lb_endpoints[0].clone();
    let fields = endpoint.metadata.unwrap().filter_metadata["istio"].fields.clone();
    let text = |key: &str| format!("{:?}", fields[key]);
    assert!(text("workload").contains("\"a;default;web;v1;Kubernetes\""), "{}", text("workload"));
    assert!(text("app").contains("web") && text("version").contains("v1"));
    assert!(
        text("origins").contains("WorkloadEntry/default/a")
            && text("origins").contains("Service/default/web")
    );
}
