//! One test per kind of thing that cannot be honoured: the refusal names resource and field.

use outrigger_proto::envoy::config::accesslog::v3::AccessLogFilter;
use outrigger_proto::envoy::config::cluster::v3::cluster::{ClusterDiscoveryType, DiscoveryType};
use outrigger_proto::envoy::config::cluster::v3::{Cluster, OutlierDetection};
use outrigger_proto::envoy::config::core::v3::{
    HealthCheck, HttpProtocolOptions, Pipe, TransportSocket, address, transport_socket,
};
use outrigger_proto::envoy::config::endpoint::v3::ClusterLoadAssignment;
use outrigger_proto::envoy::config::listener::v3::Listener;
use outrigger_proto::envoy::config::route::v3::route_action::{
    ClusterSpecifier, HashPolicy, MaxStreamDuration, RequestMirrorPolicy,
};
use outrigger_proto::envoy::config::route::v3::route_match::PathSpecifier;
use outrigger_proto::envoy::config::route::v3::{
    CorsPolicy, HeaderMatcher, RetryPolicy, Route, RouteAction, RouteConfiguration, VirtualHost, WeightedCluster,
    header_matcher::HeaderMatchSpecifier, route,
};
use outrigger_proto::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::Tracing;
use outrigger_proto::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpConnectionManager, HttpFilter,
};
use outrigger_proto::envoy::extensions::filters::network::tcp_proxy::v3::{TcpProxy, tcp_proxy::TunnelingConfig};
use outrigger_proto::envoy::r#type::matcher::v3::RegexMatcher;
use outrigger_proto::envoy::r#type::v3::{Int64Range, Percent};
use outrigger_proto::google::protobuf::{Any, Duration};
use outrigger_proto::prost::Message;

use super::messages::*;
use crate::Refused;

fn field<T>(read: Result<T, Refused>, name: &str) -> String {
    let Err(refused) = read else { panic!("it was taken") };
    assert_eq!(refused.name, name);
    assert!(!refused.why.is_empty());
    refused.field
}

fn listener_field(edit: impl FnOnce(&mut Listener)) -> String {
    let mut message = listener();
    edit(&mut message);
    field(crate::listener(&message.encode_to_vec()), "virtualOutbound")
}

fn http_field(edit: impl FnOnce(&mut HttpConnectionManager)) -> String {
    let mut http = http_manager();
    edit(&mut http);
    let path = listener_field(|message| message.filter_chains = vec![http_chain(&http)]);
    path.strip_prefix("filter_chains[0].filters[0].typed_config.").unwrap_or(&path).to_string()
}

fn tcp_field(edit: impl FnOnce(&mut TcpProxy)) -> String {
    let mut tcp = tcp_proxy();
    edit(&mut tcp);
    let path =
        listener_field(|message| message.default_filter_chain.as_mut().unwrap().filters = vec![filter(&tcp)]);
    path.strip_prefix("default_filter_chain.filters[0].typed_config.").unwrap_or(&path).to_string()
}

fn routes_field(edit: impl FnOnce(&mut RouteConfiguration)) -> String {
    let mut message = routes();
    edit(&mut message);
    field(crate::route(&message.encode_to_vec()), "80")
}

fn host_field(edit: impl FnOnce(&mut VirtualHost)) -> String {
    let path = routes_field(|message| edit(&mut message.virtual_hosts[0]));
    path.strip_prefix("virtual_hosts[0].").unwrap_or(&path).to_string()
}

fn route_field(edit: impl FnOnce(&mut Route)) -> String {
    let path = host_field(|host| edit(&mut host.routes[0]));
    path.strip_prefix("routes[0].").unwrap_or(&path).to_string()
}

fn action_field(edit: impl FnOnce(&mut RouteAction)) -> String {
    let mut action = route_action();
    edit(&mut action);
    let path = route_field(|route| route.action = Some(route::Action::Route(action)));
    path.strip_prefix("route.").unwrap_or(&path).to_string()
}

fn cluster_field(edit: impl FnOnce(&mut Cluster)) -> String {
    let mut message = cluster();
    edit(&mut message);
    field(crate::cluster(&message.encode_to_vec()), "outbound|80||a.b")
}

fn endpoints_field(edit: impl FnOnce(&mut ClusterLoadAssignment)) -> String {
    let mut message = assignment();
    edit(&mut message);
    field(crate::endpoints(&message.encode_to_vec()), "outbound|80||a.b")
}

fn tls() -> Option<TransportSocket> {
    let any = Any {
        type_url: "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext".into(),
        value: Vec::new(),
    };
    Some(TransportSocket {
        name: "tls".into(),
        config_type: Some(transport_socket::ConfigType::TypedConfig(any)),
    })
}

#[test]
fn bytes_that_are_no_message_and_resources_without_a_name() {
    let refused = crate::listener(b"\xff\xff").unwrap_err();
    assert!(refused.name.is_empty() && !refused.why.is_empty());
    let unnamed = crate::listener(&Listener::default().encode_to_vec()).unwrap_err();
    assert_eq!(unnamed.to_string(), "(unnamed): name: it must not be empty");
}

#[test]
fn listeners_with_what_cannot_be_honoured() {
    assert_eq!(listener_field(|l| l.transparent = flag(true)), "transparent");
    assert_eq!(listener_field(|l| l.enable_reuse_port = flag(false)), "enable_reuse_port");
    assert_eq!(listener_field(|l| l.drain_type = 1), "drain_type");
    assert_eq!(listener_field(|l| l.drain_type = 99), "drain_type");
    assert_eq!(listener_field(|l| l.listener_filters_timeout = seconds(-1)), "listener_filters_timeout");
    assert_eq!(listener_field(|l| l.address = None), "address");
    assert_eq!(listener_field(|l| l.address = address("a.b", 1)), "address");
    assert_eq!(listener_field(|l| l.address = address("::", 99999)), "address.socket_address.port_value");
    let pipe = address::Address::Pipe(Pipe::default());
    assert_eq!(listener_field(|l| l.address.as_mut().unwrap().address = Some(pipe)), "address.pipe");
    let log = access_log("/dev/stdout", "x");
    assert_eq!(listener_field(|l| l.access_log = vec![log]), "access_log");
}

#[test]
fn listener_filters_that_are_unknown() {
    let unknown = listener_filter("x", &RetryPolicy::default());
    assert_eq!(listener_field(|l| l.listener_filters.push(unknown)), "listener_filters[3].typed_config");
    assert_eq!(
        listener_field(
            |l| l.listener_filters[0].filter_disabled = l.listener_filters[2].filter_disabled.clone()
        ),
        "listener_filters[0].filter_disabled"
    );
}

#[test]
fn filter_chains_with_what_cannot_be_honoured() {
    assert_eq!(
        listener_field(|l| l.filter_chains[0].transport_socket = tls()),
        "filter_chains[0].transport_socket.typed_config"
    );
    let twin = http_chain(&http_manager());
    assert_eq!(listener_field(|l| l.filter_chains.push(twin)), "filter_chains[1].filter_chain_match");
    assert_eq!(listener_field(|l| l.filter_chains[0].filters.clear()), "filter_chains[0].filters");
    let matches = |edit: fn(&mut outrigger_proto::envoy::config::listener::v3::FilterChainMatch)| {
        let path = listener_field(|l| edit(l.filter_chains[0].filter_chain_match.as_mut().unwrap()));
        path.strip_prefix("filter_chains[0].filter_chain_match.").unwrap_or(&path).to_string()
    };
    assert_eq!(matches(|m| m.address_suffix = "10.".into()), "address_suffix");
    assert_eq!(matches(|m| m.transport_protocol = "quic".into()), "transport_protocol");
    assert_eq!(matches(|m| m.server_names = vec!["a*.b".into()]), "server_names[0]");
    assert_eq!(matches(|m| m.prefix_ranges[0].prefix_len = number(33)), "prefix_ranges[0].prefix_len");
    assert_eq!(matches(|m| m.destination_port = number(65536)), "destination_port");
    assert_eq!(matches(|m| m.source_ports = vec![70000]), "source_ports[0]");
}

#[test]
fn network_filters_that_are_unknown() {
    let other = filter(&RetryPolicy::default());
    assert_eq!(
        listener_field(|l| l.filter_chains[0].filters = vec![other]),
        "filter_chains[0].filters[0].typed_config"
    );
}

#[test]
fn http_managers_with_what_cannot_be_honoured() {
    assert_eq!(http_field(|h| h.codec_type = 3), "codec_type");
    assert_eq!(http_field(|h| h.tracing = Some(Tracing::default())), "tracing");
    assert_eq!(http_field(|h| h.http_filters.push(HttpFilter::default())), "http_filters");
    assert_eq!(http_field(|h| h.http_filters[0].disabled = true), "http_filters[0].disabled");
    assert_eq!(http_field(|h| h.route_specifier = None), "route_specifier");
    assert_eq!(http_field(|h| h.max_request_headers_kb = number(9000)), "max_request_headers_kb");
    let too_many = HttpProtocolOptions { max_headers_count: number(257), ..Default::default() };
    let refused = http_field(|h| h.common_http_protocol_options = Some(too_many));
    assert_eq!(refused, "common_http_protocol_options.max_headers_count");
    assert_eq!(http_field(|h| h.via = "x".into()), "via");
    assert_eq!(http_field(|h| h.forward_client_cert_details = 4), "forward_client_cert_details");
    assert_eq!(
        http_field(|h| h.upgrade_configs[0].upgrade_type = "CONNECT".into()),
        "upgrade_configs[0].upgrade_type"
    );
    assert_eq!(
        http_field(|h| h.common_http_protocol_options =
            Some(outrigger_proto::envoy::config::core::v3::HttpProtocolOptions {
                max_stream_duration: seconds(1),
                ..Default::default()
            })),
        "common_http_protocol_options.max_stream_duration"
    );
    assert_eq!(
        http_field(|h| h.access_log[0].filter = Some(AccessLogFilter::default())),
        "access_log[0].filter"
    );
}

#[test]
fn tcp_proxies_with_what_cannot_be_honoured() {
    assert_eq!(tcp_field(|t| t.tunneling_config = Some(TunnelingConfig::default())), "tunneling_config");
    assert_eq!(tcp_field(|t| t.cluster_specifier = None), "cluster_specifier");
    assert_eq!(tcp_field(|t| t.max_connect_attempts = number(0)), "max_connect_attempts");
}

#[test]
fn route_configurations_with_what_cannot_be_honoured() {
    assert_eq!(routes_field(|r| r.vhost_header = "x".into()), "vhost_header");
    assert_eq!(routes_field(|r| r.validate_clusters = flag(true)), "validate_clusters");
    assert_eq!(
        routes_field(|r| {
            let mut twin = r.virtual_hosts[0].clone();
            twin.domains = vec!["other".into(), "a.B".into()];
            r.virtual_hosts.push(twin);
        }),
        "virtual_hosts[1].domains[1]"
    );
    assert_eq!(host_field(|h| h.domains[0] = "a*b".into()), "domains[0]");
    assert_eq!(host_field(|h| h.require_tls = 1), "require_tls");
    assert_eq!(host_field(|h| h.cors = Some(CorsPolicy::default())), "cors");
    assert_eq!(
        host_field(|h| h.request_mirror_policies = vec![RequestMirrorPolicy::default()]),
        "request_mirror_policies"
    );
}

#[test]
fn routes_with_what_cannot_be_honoured() {
    assert_eq!(route_field(|r| r.action = None), "action");
    assert_eq!(route_field(|r| r.r#match = None), "match");
    let regex = RegexMatcher { regex: "(".into(), ..Default::default() };
    assert_eq!(
        route_field(|r| r.r#match.as_mut().unwrap().path_specifier = Some(PathSpecifier::SafeRegex(regex))),
        "match.safe_regex.regex"
    );
    let range = HeaderMatcher {
        name: "x".into(),
        header_match_specifier: Some(HeaderMatchSpecifier::RangeMatch(Int64Range::default())),
        ..Default::default()
    };
    assert_eq!(
        route_field(|r| r.r#match.as_mut().unwrap().headers = vec![range]),
        "match.headers[0].range_match"
    );
    assert_eq!(
        route_field(|r| r.request_headers_to_add[0].header.as_mut().unwrap().key = "Host".into()),
        "request_headers_to_add[0].header.key"
    );
    assert_eq!(
        route_field(|r| r.response_headers_to_add = vec![header("x", "a\nb")]),
        "response_headers_to_add[0].header.value"
    );
    assert_eq!(
        route_field(|r| r.request_headers_to_remove = vec![":path".into()]),
        "request_headers_to_remove[0]"
    );
}

#[test]
fn route_actions_with_what_cannot_be_honoured() {
    assert_eq!(action_field(|a| a.hash_policy = vec![HashPolicy::default()]), "hash_policy");
    assert_eq!(action_field(|a| a.priority = 1), "priority");
    assert_eq!(action_field(|a| a.timeout = Some(Duration { seconds: 0, nanos: -1 })), "timeout");
    assert_eq!(
        action_field(|a| a.max_stream_duration =
            Some(MaxStreamDuration { max_stream_duration: seconds(1), ..Default::default() })),
        "max_stream_duration.max_stream_duration"
    );
    assert_eq!(
        action_field(|a| a.cluster_specifier = Some(ClusterSpecifier::ClusterHeader("x".into()))),
        "cluster_header"
    );
    let weights = |weights: &[u32]| {
        let clusters = weights.iter().map(|w| weight("c", *w)).collect();
        Some(ClusterSpecifier::WeightedClusters(WeightedCluster { clusters, ..Default::default() }))
    };
    assert_eq!(action_field(|a| a.cluster_specifier = weights(&[0, 0])), "weighted_clusters.clusters");
    assert_eq!(action_field(|a| a.cluster_specifier = weights(&[u32::MAX, 1])), "weighted_clusters.clusters");
    let retry = |edit: fn(&mut RetryPolicy)| action_field(|a| edit(a.retry_policy.as_mut().unwrap()));
    assert_eq!(retry(|r| r.retry_on = "5xx,sometimes".into()), "retry_policy.retry_on");
    assert_eq!(retry(|r| r.retriable_status_codes.push(42)), "retry_policy.retriable_status_codes[1]");
    assert_eq!(
        retry(|r| r.retry_host_predicate[0].config_type = None),
        "retry_policy.retry_host_predicate[0].config_type"
    );
}

#[test]
fn clusters_with_what_cannot_be_honoured() {
    assert_eq!(cluster_field(|c| c.transport_socket = tls()), "transport_socket.typed_config");
    assert_eq!(cluster_field(|c| c.health_checks = vec![HealthCheck::default()]), "health_checks");
    assert_eq!(
        cluster_field(|c| c.outlier_detection = Some(OutlierDetection::default())),
        "outlier_detection"
    );
    assert_eq!(cluster_field(|c| c.lb_policy = 2), "lb_policy");
    assert_eq!(cluster_field(|c| c.lb_policy = 6), "lb_policy");
    assert_eq!(cluster_field(|c| c.eds_cluster_config = None), "eds_cluster_config");
    assert_eq!(
        cluster_field(|c| {
            c.eds_cluster_config = None;
            c.cluster_discovery_type = Some(ClusterDiscoveryType::Type(DiscoveryType::LogicalDns.into()));
            c.load_assignment = Some(assignment());
        }),
        "load_assignment"
    );
    assert_eq!(
        cluster_field(|c| c.eds_cluster_config.as_mut().unwrap().eds_config = None),
        "eds_cluster_config.config_source"
    );
    assert_eq!(cluster_field(|c| c.connect_timeout = seconds(0)), "connect_timeout");
    assert_eq!(
        cluster_field(|c| c.circuit_breakers.as_mut().unwrap().thresholds[0].max_connection_pools = number(1)),
        "circuit_breakers.thresholds[0].max_connection_pools"
    );
    let panic = Some(outrigger_proto::envoy::config::cluster::v3::cluster::CommonLbConfig {
        healthy_panic_threshold: Some(Percent { value: 50.0 }),
        ..Default::default()
    });
    assert_eq!(cluster_field(|c| c.common_lb_config = panic), "common_lb_config.healthy_panic_threshold");
    assert_eq!(
        cluster_field(|c| {
            c.typed_extension_protocol_options.insert("x".into(), Any::default());
            c.typed_extension_protocol_options.retain(|name, _| name == "x");
        }),
        "typed_extension_protocol_options.x"
    );
}

#[test]
fn endpoints_with_what_cannot_be_honoured() {
    let at = "endpoints[0].lb_endpoints[0].";
    assert_eq!(
        endpoints_field(|e| e.endpoints[0].lb_endpoints[0] = lb_endpoint("a.b", 1)),
        format!("{at}endpoint.address")
    );
    assert_eq!(
        endpoints_field(|e| e.endpoints[0].lb_endpoints[0].load_balancing_weight = number(0)),
        format!("{at}load_balancing_weight")
    );
    assert_eq!(
        endpoints_field(|e| e.endpoints[0].lb_endpoints[0].health_status = 5),
        format!("{at}health_status")
    );
    assert_eq!(
        endpoints_field(|e| e.endpoints[0].lb_endpoints[0].host_identifier = None),
        format!("{at}host_identifier")
    );
}
