//! Clusters and endpoints as JSON, with Envoy's field names.

use outrigger_traffic::{
    Balancer, ClusterEntry, Discovery, DnsOptions, EndpointSet, Health, UpstreamProtocol,
};
use serde_json::{Value, json};

use super::value::{compact, duration, metadata, socket_address};

pub fn cluster(entry: &ClusterEntry) -> Value {
    let cluster = &entry.cluster;
    let dns = |kind: &str, options: &DnsOptions| {
        (kind.to_owned(), Value::Null, duration(options.refresh), dns_assignment(&cluster.name, options))
    };
    let (kind, eds, refresh, assignment) = match &cluster.discovery {
        Discovery::Eds(name) => {
            let eds = json!({"eds_config": {"ads": {}}, "service_name": &**name});
            ("EDS".to_owned(), eds, Value::Null, Value::Null)
        }
        Discovery::Static => {
            let assignment = load_assignment(&cluster.name, &entry.endpoints.load());
            ("STATIC".to_owned(), Value::Null, Value::Null, assignment)
        }
        Discovery::StrictDns(options) => dns("STRICT_DNS", options),
        Discovery::LogicalDns(options) => dns("LOGICAL_DNS", options),
        Discovery::OriginalDst => ("ORIGINAL_DST".to_owned(), Value::Null, Value::Null, Value::Null),
    };
    let policy = match cluster.balancer {
        Balancer::RoundRobin => "ROUND_ROBIN",
        Balancer::LeastRequest { .. } => "LEAST_REQUEST",
        Balancer::Random => "RANDOM",
        Balancer::ClusterProvided => "CLUSTER_PROVIDED",
    };
    let limits = &cluster.limits;
    let threshold = json!({
        "max_connections": limits.max_connections,
        "max_pending_requests": limits.max_pending_requests,
        "max_requests": limits.max_requests,
        "max_retries": limits.max_retries,
    });
    let mut shown = metadata(&cluster.origins);
    if !cluster.services.is_empty() {
        let services: Vec<Value> = cluster
            .services
            .iter()
            .map(|s| json!({"host": &*s.host, "name": &*s.name, "namespace": &*s.namespace}))
            .collect();
        shown["filter_metadata"]["istio"]["services"] = services.into();
    }
    compact(json!({
        "name": &*cluster.name,
        "type": kind,
        "eds_cluster_config": eds,
        "load_assignment": assignment,
        "dns_refresh_rate": refresh,
        "connect_timeout": duration(cluster.connect_timeout),
        "lb_policy": policy,
        "circuit_breakers": {"thresholds": [threshold]},
        "typed_extension_protocol_options": protocol(cluster.protocol),
        "metadata": shown,
    }))
}

fn protocol(protocol: UpstreamProtocol) -> Value {
    let config = match protocol {
        UpstreamProtocol::Http1 => return Value::Null,
        UpstreamProtocol::Http2 { max_concurrent_streams } => {
            json!({"explicit_http_config": {"http2_protocol_options": compact(json!({"max_concurrent_streams": max_concurrent_streams}))}})
        }
        UpstreamProtocol::Downstream => json!({"use_downstream_protocol_config": {}}),
    };
    let mut options =
        json!({"@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"});
    if let (Some(all), Value::Object(fields)) = (options.as_object_mut(), config) {
        all.extend(fields);
    }
    json!({"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options})
}

fn dns_assignment(name: &str, options: &DnsOptions) -> Value {
    let endpoints: Vec<Value> = options
        .targets
        .iter()
        .map(|target| {
            let address = json!({"socket_address": {"address": &*target.host, "port_value": target.port}});
            json!({"endpoint": {"address": address}, "load_balancing_weight": target.weight})
        })
        .collect();
    json!({"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]})
}

/// Endpoints, side by side where they share locality and priority.
pub fn load_assignment(name: &str, set: &EndpointSet) -> Value {
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for endpoint in set.endpoints() {
        let locality = compact(json!({
            "region": &*endpoint.locality.region,
            "zone": &*endpoint.locality.zone,
            "sub_zone": &*endpoint.locality.subzone,
        }));
        let group = json!({"locality": locality, "priority": endpoint.priority});
        let health = match endpoint.health {
            Health::Healthy => "HEALTHY",
            Health::Draining => "DRAINING",
            Health::Unhealthy => "UNHEALTHY",
        };
        let shown = compact(json!({
            "endpoint": {"address": socket_address(endpoint.address)},
            "health_status": health,
            "load_balancing_weight": endpoint.weight,
            "metadata": endpoint.workload.origin.as_ref().map(|key| metadata(std::slice::from_ref(key))),
        }));
        match groups.iter_mut().find(|(key, _)| *key == group) {
            Some((_, endpoints)) => endpoints.push(shown),
            None => groups.push((group, vec![shown])),
        }
    }
    let groups: Vec<Value> = groups
        .into_iter()
        .map(|(mut group, endpoints)| {
            group["lb_endpoints"] = endpoints.into();
            compact(group)
        })
        .collect();
    json!({"cluster_name": name, "endpoints": groups})
}
