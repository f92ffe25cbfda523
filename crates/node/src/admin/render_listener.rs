//! Listeners as JSON, with Envoy's field names.

use outrigger_traffic::{
    AccessLog, AccessLogFormat, ChainMatch, ClusterChoice, Codec, Direction, Filter, FilterChain,
    HttpManager, IpRange, Listener, Routes, SourceType, TcpProxy, Transport,
};
use serde_json::{Value, json};

use super::render_route::route_config;
use super::value::{compact, duration, limit, metadata, socket_address, strings};

const FILTERS: &str = "type.googleapis.com/envoy.extensions.filters.network";

pub fn listener(listener: &Listener) -> Value {
    let mut filters = Vec::new();
    for (is_on, name) in [
        (listener.restores_original_dst, "envoy.filters.listener.original_dst"),
        (listener.inspect.tls, "envoy.filters.listener.tls_inspector"),
        (listener.inspect.http, "envoy.filters.listener.http_inspector"),
    ] {
        if is_on {
            filters.push(json!({"name": name}));
        }
    }
    let direction = match listener.direction {
        Direction::Unspecified => Value::Null,
        Direction::Inbound => "INBOUND".into(),
        Direction::Outbound => "OUTBOUND".into(),
    };
    let additional: Vec<Value> = listener
        .additional_addresses
        .iter()
        .map(|address| json!({"address": socket_address(*address)}))
        .collect();
    compact(json!({
        "name": &*listener.name,
        "address": socket_address(listener.address),
        "additional_addresses": additional,
        "bind_to_port": if listener.bind { Value::Null } else { false.into() },
        "use_original_dst": if listener.hands_off { true.into() } else { Value::Null },
        "listener_filters": filters,
        "listener_filters_timeout": listener.inspect.timeout.map(duration),
        "continue_on_listener_filters_timeout": listener.inspect.continue_on_timeout,
        "filter_chains": listener.chains.iter().map(chain).collect::<Vec<_>>(),
        "default_filter_chain": listener.default_chain.as_ref().map(chain),
        "traffic_direction": direction,
        "metadata": metadata(&listener.origins),
    }))
}

fn chain(chain: &FilterChain) -> Value {
    let filter = match &chain.filter {
        Filter::Http(manager) => json!({
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": http_manager(manager),
        }),
        Filter::Tcp(proxy) => {
            json!({"name": "envoy.filters.network.tcp_proxy", "typed_config": tcp_proxy(proxy)})
        }
    };
    compact(json!({
        "name": &*chain.name,
        "filter_chain_match": chain_match(&chain.matches),
        "filters": [filter],
        "metadata": metadata(&chain.origins),
    }))
}

fn chain_match(matches: &ChainMatch) -> Value {
    let transport = matches.transport.map(|transport| match transport {
        Transport::RawBuffer => "raw_buffer",
        Transport::Tls => "tls",
    });
    let source = match matches.source {
        SourceType::Any => Value::Null,
        SourceType::SameIpOrLoopback => "SAME_IP_OR_LOOPBACK".into(),
        SourceType::External => "EXTERNAL".into(),
    };
    compact(json!({
        "destination_port": matches.destination_port,
        "prefix_ranges": ranges(&matches.destination),
        "server_names": strings(&matches.server_names),
        "transport_protocol": transport,
        "application_protocols": strings(&matches.application_protocols),
        "source_type": source,
        "direct_source_prefix_ranges": ranges(&matches.direct_source),
        "source_prefix_ranges": ranges(&matches.source_ranges),
        "source_ports": matches.source_ports,
    }))
}

fn ranges(ranges: &[IpRange]) -> Value {
    ranges
        .iter()
        .map(|range| json!({"address_prefix": range.address.to_string(), "prefix_len": range.prefix}))
        .collect()
}

fn http_manager(manager: &HttpManager) -> Value {
    let codec = match manager.codec {
        Codec::Auto => Value::Null,
        Codec::Http1 => "HTTP1".into(),
        Codec::Http2 => "HTTP2".into(),
    };
    let (rds, inline) = match &manager.routes {
        Routes::Named(name) => {
            (json!({"route_config_name": &**name, "config_source": {"ads": {}}}), Value::Null)
        }
        Routes::Inline(config) => (Value::Null, route_config(config)),
    };
    let upgrades: Vec<Value> = manager.upgrades.iter().map(|name| json!({"upgrade_type": &**name})).collect();
    compact(json!({
        "@type": format!("{FILTERS}.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": &*manager.stat_prefix,
        "codec_type": codec,
        "rds": rds,
        "route_config": inline,
        "http_filters": [{"name": "envoy.filters.http.router"}],
        "access_log": manager.access_logs.iter().map(access_log).collect::<Vec<_>>(),
        "use_remote_address": manager.use_remote_address,
        "stream_idle_timeout": limit(manager.stream_idle_timeout),
        "common_http_protocol_options": {"idle_timeout": limit(manager.idle_timeout)},
        "upgrade_configs": upgrades,
        "normalize_path": manager.normalize_path,
    }))
}

fn tcp_proxy(proxy: &TcpProxy) -> Value {
    let mut rendered = compact(json!({
        "@type": format!("{FILTERS}.tcp_proxy.v3.TcpProxy"),
        "stat_prefix": &*proxy.stat_prefix,
        "idle_timeout": limit(proxy.idle_timeout),
        "max_connect_attempts": proxy.max_connect_attempts,
        "access_log": proxy.access_logs.iter().map(access_log).collect::<Vec<_>>(),
    }));
    match &proxy.cluster {
        ClusterChoice::One(name) => rendered["cluster"] = Value::from(&**name),
        ClusterChoice::Weighted { clusters, .. } => {
            let clusters: Vec<Value> =
                clusters.iter().map(|c| json!({"name": &*c.name, "weight": c.weight})).collect();
            rendered["weighted_clusters"] = json!({"clusters": clusters});
        }
    }
    rendered
}

fn access_log(log: &AccessLog) -> Value {
    let format = match &log.format {
        AccessLogFormat::Text(text) => json!({"text_format_source": {"inline_string": &**text}}),
        AccessLogFormat::Json(fields) => {
            let fields: serde_json::Map<String, Value> =
                fields.iter().map(|(key, value)| (key.to_string(), Value::from(&**value))).collect();
            json!({"json_format": fields})
        }
    };
    json!({
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": &*log.path,
            "log_format": format,
        },
    })
}
