//! Envoy's bootstrap, as JSON. It holds only what cannot come over xDS: who the proxy is, where the
//! control plane is, and the static ports that both engines have.
//! (envoy: config.bootstrap.v3.Bootstrap)

use std::net::IpAddr;

use outrigger_base::constants::CAPTURE_EXEMPT_MARK;
use serde_json::{Value, json};

use crate::identity::ProxyIdentity;

/// `SOL_SOCKET` and `SO_MARK` as Linux numbers them; Envoy takes socket options as numbers.
const SOL_SOCKET: i64 = 1;
const SO_MARK: i64 = 36;

/// The ports that a proxy has whatever the control plane says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootstrapPorts {
    /// Admin, on loopback.
    pub admin: u16,
    /// Readiness, on all addresses.
    pub readiness: u16,
    /// Metrics, on all addresses.
    pub metrics: u16,
}

/// The bootstrap of a proxy whose control plane is at `host:port`. `mark` asks for the capture mark
/// on every connection that Envoy opens.
pub fn bootstrap(
    identity: &ProxyIdentity,
    host: &str,
    port: u16,
    ports: BootstrapPorts,
    mark: bool,
) -> Value {
    let mut value = json!({
        "node": {
            "id": identity.node_id(),
            "cluster": format!("{}.{}", identity.canonical_name(), identity.namespace),
            "locality": {
                "region": &*identity.locality.region,
                "zone": &*identity.locality.zone,
                "sub_zone": &*identity.locality.subzone,
            },
            "metadata": identity.metadata(),
        },
        "admin": { "address": socket("127.0.0.1", ports.admin) },
        // Without it Envoy warns at each start; the number is far above any file limit.
        "overload_manager": {
            "resource_monitors": [{
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    "max_active_downstream_connections": 1_000_000,
                },
            }],
        },
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": true,
                "grpc_services": [{ "envoy_grpc": { "cluster_name": "xds-grpc" } }],
            },
            "cds_config": { "ads": {}, "resource_api_version": "V3" },
            "lds_config": { "ads": {}, "resource_api_version": "V3" },
        },
        "static_resources": {
            "clusters": [xds_cluster(host, port), admin_cluster(ports.admin)],
            "listeners": [
                forwarding_listener("readiness", ports.readiness, "/healthz/ready", "/ready"),
                forwarding_listener("metrics", ports.metrics, "/stats/prometheus", "/stats/prometheus"),
            ],
        },
    });
    if mark {
        value["cluster_manager"] = json!({
            "upstream_bind_config": {
                "socket_options": [{
                    "description": "let through by capture",
                    "level": SOL_SOCKET,
                    "name": SO_MARK,
                    "int_value": CAPTURE_EXEMPT_MARK,
                    "state": "STATE_PREBIND",
                }],
            },
        });
    }
    value
}

fn socket(address: &str, port: u16) -> Value {
    json!({ "socket_address": { "address": address, "port_value": port } })
}

fn xds_cluster(host: &str, port: u16) -> Value {
    let kind = if host.parse::<IpAddr>().is_ok() { "STATIC" } else { "STRICT_DNS" };
    json!({
        "name": "xds-grpc",
        "type": kind,
        "connect_timeout": "1s",
        "load_assignment": endpoint_of("xds-grpc", host, port),
        "upstream_connection_options": { "tcp_keepalive": { "keepalive_time": 30 } },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {
                    "http2_protocol_options": {
                        "connection_keepalive": { "interval": "10s", "timeout": "5s" },
                    },
                },
            },
        },
    })
}

fn admin_cluster(port: u16) -> Value {
    json!({
        "name": "admin",
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": endpoint_of("admin", "127.0.0.1", port),
    })
}

fn endpoint_of(cluster: &str, host: &str, port: u16) -> Value {
    json!({
        "cluster_name": cluster,
        "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": socket(host, port) } }] }],
    })
}

/// A listener that shows one path of the admin interface to others, and nothing else of it.
fn forwarding_listener(name: &str, port: u16, path: &str, admin_path: &str) -> Value {
    json!({
        "name": name,
        "address": socket("0.0.0.0", port),
        "ignore_global_conn_limit": true,
        "filter_chains": [{
            "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                    "stat_prefix": name,
                    "route_config": {
                        "virtual_hosts": [{
                            "name": name,
                            "domains": ["*"],
                            "routes": [{
                                "match": { "path": path },
                                "route": { "cluster": "admin", "prefix_rewrite": admin_path },
                            }],
                        }],
                    },
                    "http_filters": [{
                        "name": "envoy.filters.http.router",
                        "typed_config": {
                            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
                        },
                    }],
                },
            }],
        }],
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use outrigger_base::Locality;

    use super::*;
    use crate::identity::Role;

    fn identity() -> ProxyIdentity {
        ProxyIdentity {
            role: Role::Sidecar,
            name: "a".into(),
            namespace: "default".into(),
            addresses: vec!["127.0.0.1".parse().unwrap()],
            labels: [("app", "a")].into_iter().collect(),
            locality: Locality::default(),
            cluster_id: "Kubernetes".into(),
            network: String::new(),
            workload_name: String::new(),
            service_account: String::new(),
        }
    }

    #[test]
    fn real_envoy_accepts_the_bootstrap() {
        let Ok(envoy) = std::env::var("OUTRIGGER_ENVOY") else {
            println!("SKIPPED: real_envoy_accepts_the_bootstrap: OUTRIGGER_ENVOY is not set");
            return;
        };
        let ports = BootstrapPorts { admin: 0, readiness: 0, metrics: 0 };
        for host in ["127.0.0.1", "control.example"] {
            let config = bootstrap(&identity(), host, 15010, ports, true).to_string();
            let output =
                Command::new(&envoy).args(["--mode", "validate", "--config-yaml", &config]).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}
