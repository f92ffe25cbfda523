//! Messages as a control plane sends them, for the tests to read and to spoil.

use std::collections::HashMap;

use outrigger_proto::envoy::config::accesslog::v3::AccessLog;
use outrigger_proto::envoy::config::accesslog::v3::access_log::ConfigType as LogConfig;
use outrigger_proto::envoy::config::cluster::v3::cluster::{
    ClusterDiscoveryType, DiscoveryType, EdsClusterConfig, LbPolicy,
};
use outrigger_proto::envoy::config::cluster::v3::{
    CircuitBreakers, Cluster, UpstreamConnectionOptions, circuit_breakers::Thresholds,
};
use outrigger_proto::envoy::config::core::v3::config_source::ConfigSourceSpecifier;
use outrigger_proto::envoy::config::core::v3::socket_address::PortSpecifier;
use outrigger_proto::envoy::config::core::v3::{
    Address, AggregatedConfigSource, CidrRange, ConfigSource, HeaderValue, HeaderValueOption,
    Http2ProtocolOptions, Locality, Metadata, SocketAddress, TcpKeepalive, TrafficDirection, address,
};
use outrigger_proto::envoy::config::endpoint::v3::lb_endpoint::HostIdentifier;
use outrigger_proto::envoy::config::endpoint::v3::{
    ClusterLoadAssignment, Endpoint, LbEndpoint, LocalityLbEndpoints,
};
use outrigger_proto::envoy::config::listener::v3::listener_filter_chain_match_predicate::{MatchSet, Rule};
use outrigger_proto::envoy::config::listener::v3::{
    Filter, FilterChain, FilterChainMatch, Listener, ListenerFilter, ListenerFilterChainMatchPredicate,
    filter, listener_filter,
};
use outrigger_proto::envoy::config::route::v3::retry_policy::{RetryHostPredicate, retry_host_predicate};
use outrigger_proto::envoy::config::route::v3::route_action::{ClusterSpecifier, HostRewriteSpecifier};
use outrigger_proto::envoy::config::route::v3::route_match::PathSpecifier;
use outrigger_proto::envoy::config::route::v3::weighted_cluster::ClusterWeight;
use outrigger_proto::envoy::config::route::v3::{
    RetryPolicy, Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost, WeightedCluster, route,
};
use outrigger_proto::envoy::extensions::access_loggers::file::v3::FileAccessLog;
use outrigger_proto::envoy::extensions::access_loggers::file::v3::file_access_log::AccessLogFormat;
use outrigger_proto::envoy::extensions::filters::http::router::v3::Router;
use outrigger_proto::envoy::extensions::filters::listener::http_inspector::v3::HttpInspector;
use outrigger_proto::envoy::extensions::filters::listener::original_dst::v3::OriginalDst;
use outrigger_proto::envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector;
use outrigger_proto::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::{
    RouteSpecifier, UpgradeConfig,
};
use outrigger_proto::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpConnectionManager, HttpFilter, Rds, http_filter,
};
use outrigger_proto::envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;
use outrigger_proto::envoy::extensions::filters::network::tcp_proxy::v3::tcp_proxy;
use outrigger_proto::envoy::extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate;
use outrigger_proto::envoy::extensions::upstreams::http::v3::HttpProtocolOptions;
use outrigger_proto::envoy::extensions::upstreams::http::v3::http_protocol_options::{
    ExplicitHttpConfig, UpstreamProtocolOptions, explicit_http_config::ProtocolConfig,
};
use outrigger_proto::envoy::r#type::v3::Int32Range;
use outrigger_proto::google::protobuf::{
    Any, BoolValue, Duration, ListValue, Struct, UInt32Value, Value, value::Kind,
};
use outrigger_proto::prost::{Message, Name};

pub fn any<M: Message + Name>(message: &M) -> Any {
    Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

pub fn number(value: u32) -> Option<UInt32Value> {
    Some(UInt32Value { value })
}

pub fn flag(value: bool) -> Option<BoolValue> {
    Some(BoolValue { value })
}

pub fn seconds(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

pub fn address(host: &str, port: u32) -> Option<Address> {
    Some(Address {
        address: Some(address::Address::SocketAddress(SocketAddress {
            address: host.into(),
            port_specifier: Some(PortSpecifier::PortValue(port)),
            ..Default::default()
        })),
    })
}

pub fn ads() -> Option<ConfigSource> {
    let source = ConfigSourceSpecifier::Ads(AggregatedConfigSource {});
    Some(ConfigSource { config_source_specifier: Some(source), ..Default::default() })
}

fn text(text: &str) -> Value {
    Value { kind: Some(Kind::StringValue(text.into())) }
}

/// Metadata that says: this came from that VirtualService.
pub fn metadata(more: &[(&str, &str)]) -> Option<Metadata> {
    let path = "networking.istio.io/VirtualService/ns/vs";
    let origins = vec![text("an.other/Kind/ns/x"), text(path), text("/Service/ns/svc")];
    let mut fields: HashMap<String, Value> = HashMap::new();
    fields.insert("config".into(), text(path));
    fields.insert("origins".into(), Value { kind: Some(Kind::ListValue(ListValue { values: origins })) });
    fields.extend(more.iter().map(|(key, value)| (key.to_string(), text(value))));
    let filter_metadata = [("istio".to_string(), Struct { fields })].into();
    Some(Metadata { filter_metadata, ..Default::default() })
}

pub fn listener_filter<M: Message + Name>(name: &str, message: &M) -> ListenerFilter {
    ListenerFilter {
        name: name.into(),
        config_type: Some(listener_filter::ConfigType::TypedConfig(any(message))),
        ..Default::default()
    }
}

pub fn predicate(rule: Rule) -> ListenerFilterChainMatchPredicate {
    ListenerFilterChainMatchPredicate { rule: Some(rule) }
}

fn except(ports: &[i32]) -> Option<ListenerFilterChainMatchPredicate> {
    let range =
        |port: &i32| predicate(Rule::DestinationPortRange(Int32Range { start: *port, end: port + 1 }));
    Some(predicate(Rule::OrMatch(MatchSet { rules: ports.iter().map(range).collect() })))
}

pub fn filter<M: Message + Name>(message: &M) -> Filter {
    Filter { name: "f".into(), config_type: Some(filter::ConfigType::TypedConfig(any(message))) }
}

pub fn http_manager() -> HttpConnectionManager {
    HttpConnectionManager {
        stat_prefix: "outbound".into(),
        route_specifier: Some(RouteSpecifier::Rds(Rds {
            config_source: ads(),
            route_config_name: "80".into(),
        })),
        http_filters: vec![HttpFilter {
            name: "router".into(),
            config_type: Some(http_filter::ConfigType::TypedConfig(any(&Router::default()))),
            ..Default::default()
        }],
        access_log: vec![access_log("/dev/stdout", "%RESPONSE_CODE%\n")],
        upgrade_configs: vec![UpgradeConfig { upgrade_type: "WebSocket".into(), ..Default::default() }],
        normalize_path: flag(true),
        stream_idle_timeout: seconds(0),
        ..Default::default()
    }
}

pub fn access_log(path: &str, format: &str) -> AccessLog {
    let log =
        FileAccessLog { path: path.into(), access_log_format: Some(AccessLogFormat::Format(format.into())) };
    AccessLog { config_type: Some(LogConfig::TypedConfig(any(&log))), ..Default::default() }
}

pub fn tcp_proxy() -> TcpProxy {
    TcpProxy {
        stat_prefix: "tcp".into(),
        cluster_specifier: Some(tcp_proxy::ClusterSpecifier::Cluster("BlackHoleCluster".into())),
        ..Default::default()
    }
}

pub fn http_chain(manager: &HttpConnectionManager) -> FilterChain {
    FilterChain {
        name: "http".into(),
        filter_chain_match: Some(FilterChainMatch {
            application_protocols: vec!["http/1.1".into(), "h2c".into()],
            prefix_ranges: vec![CidrRange { address_prefix: "10.0.0.0".into(), prefix_len: number(8) }],
            server_names: vec!["*.Example.com".into()],
            transport_protocol: "raw_buffer".into(),
            destination_port: number(80),
            ..Default::default()
        }),
        filters: vec![filter(manager)],
        metadata: metadata(&[]),
        ..Default::default()
    }
}

pub fn listener() -> Listener {
    let mut inspector = listener_filter("http", &HttpInspector {});
    inspector.filter_disabled = except(&[25, 3306]);
    Listener {
        name: "virtualOutbound".into(),
        address: address("0.0.0.0", 15001),
        filter_chains: vec![http_chain(&http_manager())],
        default_filter_chain: Some(FilterChain {
            name: "rest".into(),
            filters: vec![filter(&tcp_proxy())],
            ..Default::default()
        }),
        use_original_dst: flag(true),
        listener_filters: vec![
            listener_filter("original", &OriginalDst {}),
            listener_filter("tls", &TlsInspector::default()),
            inspector,
        ],
        listener_filters_timeout: seconds(5),
        continue_on_listener_filters_timeout: true,
        traffic_direction: TrafficDirection::Outbound.into(),
        metadata: metadata(&[]),
        ..Default::default()
    }
}

pub fn weight(name: &str, weight: u32) -> ClusterWeight {
    ClusterWeight { name: name.into(), weight: number(weight), ..Default::default() }
}

pub fn route_action() -> RouteAction {
    RouteAction {
        cluster_specifier: Some(ClusterSpecifier::WeightedClusters(WeightedCluster {
            clusters: vec![weight("a", 30), weight("b", 70)],
            ..Default::default()
        })),
        timeout: seconds(0),
        retry_policy: Some(RetryPolicy {
            retry_on: "connect-failure,retriable-status-codes".into(),
            num_retries: number(2),
            retriable_status_codes: vec![503],
            host_selection_retry_max_attempts: 5,
            retry_host_predicate: vec![RetryHostPredicate {
                name: "p".into(),
                config_type: Some(retry_host_predicate::ConfigType::TypedConfig(any(
                    &PreviousHostsPredicate {},
                ))),
            }],
            ..Default::default()
        }),
        prefix_rewrite: "/new".into(),
        host_rewrite_specifier: Some(HostRewriteSpecifier::HostRewriteLiteral("c.d".into())),
        max_grpc_timeout: seconds(0),
        ..Default::default()
    }
}

pub fn prefix(prefix: &str) -> Option<RouteMatch> {
    Some(RouteMatch { path_specifier: Some(PathSpecifier::Prefix(prefix.into())), ..Default::default() })
}

pub fn header(name: &str, value: &str) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue { key: name.into(), value: value.into(), ..Default::default() }),
        ..Default::default()
    }
}

pub fn routes() -> RouteConfiguration {
    RouteConfiguration {
        name: "80".into(),
        virtual_hosts: vec![VirtualHost {
            name: "a.b:80".into(),
            domains: vec!["A.b".into(), "*.a.b".into()],
            routes: vec![Route {
                name: "first".into(),
                r#match: prefix("/old"),
                action: Some(route::Action::Route(route_action())),
                request_headers_to_add: vec![header("X-Added", "1")],
                request_headers_to_remove: vec!["X-Gone".into()],
                metadata: metadata(&[]),
                ..Default::default()
            }],
            include_request_attempt_count: true,
            ..Default::default()
        }],
        ignore_port_in_host_matching: true,
        validate_clusters: flag(false),
        ..Default::default()
    }
}

pub fn protocol_options() -> HttpProtocolOptions {
    HttpProtocolOptions {
        upstream_protocol_options: Some(UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig {
            protocol_config: Some(ProtocolConfig::Http2ProtocolOptions(Http2ProtocolOptions {
                max_concurrent_streams: number(100),
                ..Default::default()
            })),
        })),
        ..Default::default()
    }
}

pub fn cluster() -> Cluster {
    Cluster {
        name: "outbound|80||a.b".into(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into())),
        eds_cluster_config: Some(EdsClusterConfig { eds_config: ads(), service_name: "a.b:80".into() }),
        connect_timeout: seconds(10),
        lb_policy: LbPolicy::LeastRequest.into(),
        circuit_breakers: Some(CircuitBreakers {
            thresholds: vec![Thresholds { max_connections: number(7), ..Default::default() }],
            ..Default::default()
        }),
        upstream_connection_options: Some(UpstreamConnectionOptions {
            tcp_keepalive: Some(TcpKeepalive { keepalive_time: number(60), ..Default::default() }),
            ..Default::default()
        }),
        typed_extension_protocol_options: [(HttpProtocolOptions::full_name(), any(&protocol_options()))]
            .into(),
        metadata: metadata(&[]),
        ..Default::default()
    }
}

pub fn lb_endpoint(host: &str, port: u32) -> LbEndpoint {
    LbEndpoint {
        host_identifier: Some(HostIdentifier::Endpoint(Endpoint {
            address: address(host, port),
            ..Default::default()
        })),
        ..Default::default()
    }
}

pub fn assignment() -> ClusterLoadAssignment {
    let locality = Locality { region: "us".into(), zone: "us-1".into(), sub_zone: "a/r1".into() };
    let first = LbEndpoint {
        load_balancing_weight: number(80),
        metadata: metadata(&[("workload", "web;ns;web;v1;Kubernetes"), ("app", "web"), ("version", "v1")]),
        ..lb_endpoint("10.0.0.1", 8080)
    };
    ClusterLoadAssignment {
        cluster_name: "outbound|80||a.b".into(),
        endpoints: vec![
            LocalityLbEndpoints {
                priority: 1,
                lb_endpoints: vec![lb_endpoint("2001:db8::1", 8080)],
                ..Default::default()
            },
            LocalityLbEndpoints {
                locality: Some(locality),
                lb_endpoints: vec![first],
                load_balancing_weight: number(80),
                ..Default::default()
            },
        ],
        ..Default::default()
    }
}
