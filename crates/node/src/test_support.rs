//! Small resources as a control plane sends them.

use std::net::SocketAddr;

use outrigger_proto::envoy::config::accesslog::v3::{AccessLog, access_log};
use outrigger_proto::envoy::config::cluster::v3 as cluster;
use outrigger_proto::envoy::config::core::v3 as core;
use outrigger_proto::envoy::config::endpoint::v3 as endpoint;
use outrigger_proto::envoy::config::listener::v3 as listener;
use outrigger_proto::envoy::config::route::v3 as route;
use outrigger_proto::envoy::extensions::access_loggers::file::v3::FileAccessLog;
use outrigger_proto::envoy::extensions::filters::http::router::v3::Router;
use outrigger_proto::envoy::extensions::filters::network::http_connection_manager::v3 as http_manager;
use outrigger_proto::google::protobuf as pb;
use outrigger_proto::prost::{Message, Name};

fn any<M: Message + Name>(message: &M) -> pb::Any {
    pb::Any { type_url: M::type_url(), value: message.encode_to_vec() }
}

fn ads() -> Option<core::ConfigSource> {
    let source = core::config_source::ConfigSourceSpecifier::Ads(core::AggregatedConfigSource {});
    Some(core::ConfigSource { config_source_specifier: Some(source), ..Default::default() })
}

fn address(of: SocketAddr) -> Option<core::Address> {
    let socket = core::SocketAddress {
        address: of.ip().to_string(),
        port_specifier: Some(core::socket_address::PortSpecifier::PortValue(of.port().into())),
        ..Default::default()
    };
    Some(core::Address { address: Some(core::address::Address::SocketAddress(socket)) })
}

/// A cluster whose endpoints come under its own name.
pub fn eds_cluster(name: &str) -> Vec<u8> {
    use cluster::cluster::{ClusterDiscoveryType, DiscoveryType, EdsClusterConfig};
    cluster::Cluster {
        name: name.into(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds.into())),
        eds_cluster_config: Some(EdsClusterConfig { eds_config: ads(), service_name: name.into() }),
        connect_timeout: Some(pb::Duration { seconds: 5, nanos: 0 }),
        ..Default::default()
    }
    .encode_to_vec()
}

pub fn endpoints(cluster: &str, addresses: &[SocketAddr]) -> Vec<u8> {
    let lb = |of: &SocketAddr| endpoint::LbEndpoint {
        host_identifier: Some(endpoint::lb_endpoint::HostIdentifier::Endpoint(endpoint::Endpoint {
            address: address(*of),
            ..Default::default()
        })),
        ..Default::default()
    };
    endpoint::ClusterLoadAssignment {
        cluster_name: cluster.into(),
        endpoints: vec![endpoint::LocalityLbEndpoints {
            lb_endpoints: addresses.iter().map(lb).collect(),
            ..Default::default()
        }],
        ..Default::default()
    }
    .encode_to_vec()
}

/// A listener with a socket, whose routes come under a name.
pub fn http_listener(name: &str, at: SocketAddr, routes: &str) -> Vec<u8> {
    logging_listener(name, at, routes, None)
}

/// The same, with an access log at a path.
pub fn logging_listener(name: &str, at: SocketAddr, routes: &str, log: Option<&str>) -> Vec<u8> {
    use http_manager::http_connection_manager::RouteSpecifier;
    let manager = http_manager::HttpConnectionManager {
        stat_prefix: name.into(),
        access_log: log.map(file_log).into_iter().collect(),
        route_specifier: Some(RouteSpecifier::Rds(http_manager::Rds {
            config_source: ads(),
            route_config_name: routes.into(),
        })),
        http_filters: vec![http_manager::HttpFilter {
            name: "envoy.filters.http.router".into(),
            config_type: Some(http_manager::http_filter::ConfigType::TypedConfig(any(&Router::default()))),
            ..Default::default()
        }],
        ..Default::default()
    };
    let filter = listener::Filter {
        name: "envoy.filters.network.http_connection_manager".into(),
        config_type: Some(listener::filter::ConfigType::TypedConfig(any(&manager))),
    };
    listener::Listener {
        name: name.into(),
        address: address(at),
        filter_chains: vec![listener::FilterChain { filters: vec![filter], ..Default::default() }],
        ..Default::default()
    }
    .encode_to_vec()
}

fn file_log(path: &str) -> AccessLog {
    let log = FileAccessLog { path: path.into(), ..Default::default() };
    AccessLog {
        name: "envoy.access_loggers.file".into(),
        config_type: Some(access_log::ConfigType::TypedConfig(any(&log))),
        ..Default::default()
    }
}

/// Sends everything to one cluster; `header` is added to requests.
pub fn routes(name: &str, cluster: &str, header: Option<&str>) -> Vec<u8> {
    use route::route::Action;
    use route::route_action::ClusterSpecifier;
    use route::route_match::PathSpecifier;
    let to = route::RouteAction {
        cluster_specifier: Some(ClusterSpecifier::Cluster(cluster.into())),
        ..Default::default()
    };
    let all = route::Route {
        r#match: Some(route::RouteMatch {
            path_specifier: Some(PathSpecifier::Prefix("/".into())),
            ..Default::default()
        }),
        action: Some(Action::Route(to)),
        ..Default::default()
    };
    let added = header.map(|value| core::HeaderValueOption {
        header: Some(core::HeaderValue { key: "x-test".into(), value: value.into(), ..Default::default() }),
        ..Default::default()
    });
    route::RouteConfiguration {
        name: name.into(),
        virtual_hosts: vec![route::VirtualHost {
            name: "all".into(),
            domains: vec!["*".into()],
            routes: vec![all],
            request_headers_to_add: added.into_iter().collect(),
            ..Default::default()
        }],
        ..Default::default()
    }
    .encode_to_vec()
}

/// A cluster whose endpoints come from resolving a name.
pub fn dns_cluster(name: &str, host: &str) -> Vec<u8> {
    use cluster::cluster::{ClusterDiscoveryType, DiscoveryType};
    let target = core::SocketAddress {
        address: host.into(),
        port_specifier: Some(core::socket_address::PortSpecifier::PortValue(80)),
        ..Default::default()
    };
    let target = core::Address { address: Some(core::address::Address::SocketAddress(target)) };
    cluster::Cluster {
        name: name.into(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::StrictDns.into())),
        connect_timeout: Some(pb::Duration { seconds: 5, nanos: 0 }),
        load_assignment: Some(endpoint::ClusterLoadAssignment {
            cluster_name: name.into(),
            endpoints: vec![endpoint::LocalityLbEndpoints {
                lb_endpoints: vec![endpoint::LbEndpoint {
                    host_identifier: Some(endpoint::lb_endpoint::HostIdentifier::Endpoint(
                        endpoint::Endpoint { address: Some(target), ..Default::default() },
                    )),
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        }),
        ..Default::default()
    }
    .encode_to_vec()
}
