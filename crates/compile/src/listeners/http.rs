//! Reading requests and routing each.

use outrigger_proto::envoy::config::listener::v3::{Filter, filter::ConfigType};
use outrigger_proto::envoy::config::route::v3::RouteConfiguration;
use outrigger_proto::envoy::extensions::filters::http::router::v3::Router;
use outrigger_proto::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpConnectionManager, HttpFilter, Rds,
    http_connection_manager::{RouteSpecifier, UpgradeConfig},
    http_filter,
};

use super::access_log;
use crate::clusters::ads;
use crate::encode::{any, truth};
use crate::world::World;

/// What the `server` header of responses says.
const SERVER_NAME: &str = "istio-envoy";

/// Where routes are found.
pub(super) enum Routes {
    /// In a resource of this name.
    Named(String),
    /// Here.
    Inline(Box<RouteConfiguration>),
}

/// The filter. Gateways stand at the edge: the address of their peer is the client's, and headers
/// that only the mesh may set are taken from outside callers.
pub(super) fn manager(world: &World<'_>, stat_prefix: String, routes: Routes) -> Filter {
    let routes = match routes {
        Routes::Named(name) => {
            RouteSpecifier::Rds(Rds { config_source: Some(ads()), route_config_name: name })
        }
        Routes::Inline(configuration) => RouteSpecifier::RouteConfig(*configuration),
    };
    let router = HttpFilter {
        name: "envoy.filters.http.router".to_string(),
        config_type: Some(http_filter::ConfigType::TypedConfig(any(&Router::default()))),
        ..Default::default()
    };
    let manager = HttpConnectionManager {
        stat_prefix,
        route_specifier: Some(routes),
        http_filters: vec![router],
        server_name: SERVER_NAME.to_string(),
        // The upstream says itself whether it wants a body (Istio: ENABLE_100_CONTINUE_HEADERS).
        proxy_100_continue: true,
        access_log: access_log::logs(world.config()),
        use_remote_address: truth(world.is_gateway()),
        upgrade_configs: vec![UpgradeConfig { upgrade_type: "websocket".to_string(), ..Default::default() }],
        normalize_path: truth(true),
        ..Default::default()
    };
    Filter {
        name: "envoy.filters.network.http_connection_manager".to_string(),
        config_type: Some(ConfigType::TypedConfig(any(&manager))),
    }
}
