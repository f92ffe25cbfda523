//! Real Envoy takes everything. It is named by OUTRIGGER_ENVOY.

use std::process::Command;

use outrigger_api::Duration;
use outrigger_proto::envoy::config::bootstrap::v3::{
    Bootstrap,
    bootstrap::{DynamicResources, StaticResources},
};
use outrigger_proto::envoy::config::cluster::v3::{Cluster, cluster};
use outrigger_proto::envoy::config::core::v3::{
    Address, ApiConfigSource, ApiVersion, GrpcService, Node, api_config_source::ApiType, grpc_service,
};
use outrigger_proto::envoy::config::endpoint::v3::ClusterLoadAssignment;
use outrigger_proto::envoy::config::listener::v3::{Filter, FilterChain, Listener, filter::ConfigType};
use outrigger_proto::envoy::config::route::v3::RouteConfiguration;
use outrigger_proto::envoy::extensions::filters::http::router::v3::Router;
use outrigger_proto::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpConnectionManager, HttpFilter, http_connection_manager::RouteSpecifier, http_filter,
};
use prost::Message;

use super::fixture::Fixture;
use super::goldens;
use crate::encode::{any, duration, truth};
use crate::endpoints::socket_address;
use crate::{Bundle, Proxy};

/// The resources as static ones: assignments become static clusters, route configurations listeners of
/// their own.
fn bootstrap(bundle: &Bundle) -> Bootstrap {
    let decode_all = bundle.clusters.values().map(|c| Cluster::decode(c.body.clone()).unwrap());
    let mut clusters: Vec<Cluster> = decode_all.collect();
    for (n, body) in bundle.endpoints.values().enumerate() {
        let mut assignment = ClusterLoadAssignment::decode(body.body.clone()).unwrap();
        assignment.cluster_name = format!("assignment-{n}");
        clusters.push(Cluster {
            name: assignment.cluster_name.clone(),
            connect_timeout: Some(duration(Duration::from_secs(1))),
            cluster_discovery_type: Some(cluster::ClusterDiscoveryType::Type(
                cluster::DiscoveryType::Static.into(),
            )),
            load_assignment: Some(assignment),
            ..Default::default()
        });
    }
    let mut listeners: Vec<Listener> =
        bundle.listeners.values().map(|c| Listener::decode(c.body.clone()).unwrap()).collect();
    for (n, body) in bundle.routes.values().enumerate() {
        let mut routes = RouteConfiguration::decode(body.body.clone()).unwrap();
        routes.validate_clusters = truth(false);
        listeners.push(routes_listener(n, routes));
    }
    let xds = Cluster {
        name: "xds".into(),
        connect_timeout: Some(duration(Duration::from_secs(1))),
        load_assignment: Some(ClusterLoadAssignment { cluster_name: "xds".into(), ..Default::default() }),
        ..Default::default()
    };
    clusters.push(xds);
    Bootstrap {
        node: Some(Node { id: "test".into(), cluster: "test".into(), ..Default::default() }),
        static_resources: Some(StaticResources { listeners, clusters, ..Default::default() }),
        dynamic_resources: Some(DynamicResources {
            ads_config: Some(ApiConfigSource {
                api_type: ApiType::Grpc.into(),
                transport_api_version: ApiVersion::V3.into(),
                grpc_services: vec![GrpcService {
                    target_specifier: Some(grpc_service::TargetSpecifier::EnvoyGrpc(
                        grpc_service::EnvoyGrpc { cluster_name: "xds".into(), ..Default::default() },
                    )),
                    ..Default::default()
                }],
                ..Default::default()
            }),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// A listener that exists only so that Envoy looks at the routes.
fn routes_listener(n: usize, routes: RouteConfiguration) -> Listener {
    let manager = HttpConnectionManager {
        stat_prefix: "routes".into(),
        route_specifier: Some(RouteSpecifier::RouteConfig(routes)),
        http_filters: vec![HttpFilter {
            name: "envoy.filters.http.router".into(),
            config_type: Some(http_filter::ConfigType::TypedConfig(any(&Router::default()))),
            ..Default::default()
        }],
        ..Default::default()
    };
    Listener {
        name: format!("routes-{n}"),
        address: Some(Address {
            address: Some(socket_address("127.0.0.1", 20000 + u16::try_from(n).unwrap())),
        }),
        bind_to_port: truth(false),
        filter_chains: vec![FilterChain {
            filters: vec![Filter {
                name: "envoy.filters.network.http_connection_manager".into(),
                config_type: Some(ConfigType::TypedConfig(any(&manager))),
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn validate(envoy: &std::ffi::OsStr, fixture: &Fixture, proxy: &Proxy, what: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bootstrap.pb");
    std::fs::write(&file, bootstrap(&fixture.sent(proxy).bundle).encode_to_vec()).unwrap();
    let output = Command::new(envoy)
        .args(["--mode", "validate", "--log-level", "warning", "-c"])
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {said}");
}

#[test]
fn envoy_refuses_nothing() {
    let Some(envoy) = std::env::var_os("OUTRIGGER_ENVOY") else {
        println!("SKIPPED: envoy_refuses_nothing: OUTRIGGER_ENVOY is not set");
        return;
    };
    for folder in goldens::folders() {
        let fixture = goldens::fixture(&folder);
        for (name, proxy) in goldens::proxies() {
            validate(&envoy, &fixture, &proxy, &format!("{} {name}", folder.display()));
        }
    }
}
