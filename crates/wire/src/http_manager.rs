//! The filter that reads requests and routes each.
//!
//! Size: `read` takes a message of seventy fields apart in one pattern, so that none can be forgotten.

use std::sync::Arc;
use std::time::Duration;

use outrigger_proto::envoy::extensions::filters::http::router::v3::Router;
use outrigger_proto::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::{
    CodecType, ForwardClientCertDetails, HcmAccessLogOptions, InternalAddressConfig,
    PathWithEscapedSlashesAction, RouteSpecifier, ServerHeaderTransformation, StripPortMode, UpgradeConfig,
};
use outrigger_proto::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpConnectionManager as Message, HttpFilter, Rds, http_filter::ConfigType,
};
use outrigger_traffic::{Codec, Direction, EscapedSlashes, HttpManager, PeerMetadata, Routes, ServerHeader};

use crate::at::{At, Fault, unset};
use crate::values::{ads, flag, number, upgrade_name};
use crate::{access_log, protocol_options as options, route};

/// Envoy's default (HttpConnectionManager.stream_idle_timeout).
const STREAM_IDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// Envoy's default (HttpConnectionManager.drain_timeout).
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// Envoy's default (HttpConnectionManager.max_request_headers_kb).
const MAX_REQUEST_HEADERS_KIB: u32 = 60;
/// Envoy's limit of `max_request_headers_kb`.
const MOST_REQUEST_HEADERS_KIB: u32 = 8192;

pub(crate) fn read(message: Message, direction: Direction, at: &At<'_>) -> Result<HttpManager, Fault> {
    let Message {
        codec_type,
        stat_prefix,
        http_filters,
        add_user_agent,
        tracing,
        common_http_protocol_options,
        http1_safe_max_connection_duration,
        http_protocol_options,
        http2_protocol_options,
        http3_protocol_options,
        server_name,
        server_header_transformation,
        scheme_header_transformation,
        max_request_headers_kb,
        stream_idle_timeout,
        stream_flush_timeout,
        request_timeout,
        request_headers_timeout,
        drain_timeout,
        drain_timeout_jitter,
        delayed_close_timeout,
        access_log,
        access_log_flush_interval,
        flush_access_log_on_new_request,
        access_log_options,
        use_remote_address,
        xff_num_trusted_hops,
        original_ip_detection_extensions,
        early_header_mutation_extensions,
        internal_address_config,
        skip_xff_append,
        via,
        generate_request_id,
        preserve_external_request_id,
        always_set_request_id_in_response,
        forward_client_cert_details,
        // Says what of a client's certificate is forwarded; without TLS there is none.
        set_current_client_cert_details: _,
        forward_client_cert_matcher,
        proxy_100_continue,
        represent_ipv4_remote_address_as_ipv4_mapped_ipv6,
        upgrade_configs,
        normalize_path,
        merge_slashes,
        path_with_escaped_slashes_action,
        request_id_extension,
        local_reply_config,
        strip_matching_host_port,
        stream_error_on_invalid_http_message,
        path_normalization_options,
        strip_trailing_host_dot,
        proxy_status_config,
        typed_header_validation_config,
        append_x_forwarded_port,
        append_local_overload,
        add_proxy_protocol_connection_state,
        forward_proto_config,
        route_specifier,
        strip_port_mode,
    } = message;
    at.fixed("add_user_agent", flag(add_user_agent), false)?;
    unset!(at, tracing, http1_safe_max_connection_duration, http3_protocol_options);
    unset!(at, scheme_header_transformation, stream_flush_timeout, drain_timeout_jitter);
    unset!(at, delayed_close_timeout, access_log_flush_interval, flush_access_log_on_new_request);
    unset!(at, original_ip_detection_extensions, early_header_mutation_extensions, via);
    unset!(at, forward_client_cert_matcher, represent_ipv4_remote_address_as_ipv4_mapped_ipv6);
    unset!(at, request_id_extension, local_reply_config, strip_matching_host_port);
    unset!(at, path_normalization_options, strip_trailing_host_dot, proxy_status_config);
    unset!(at, typed_header_validation_config, append_x_forwarded_port, append_local_overload);
    unset!(at, forward_proto_config);
    // There is no proxy protocol whose state could be added or left out.
    let _ = add_proxy_protocol_connection_state;
    at.fixed("stream_error_on_invalid_http_message", flag(stream_error_on_invalid_http_message), false)?;
    no_log_options(access_log_options, at)?;
    client_certificates(forward_client_cert_details, at)?;
    internal_addresses(internal_address_config, at)?;

    let common = options::common(common_http_protocol_options, &at.field("common_http_protocol_options"))?;
    let http1 = options::http1(http_protocol_options, &at.field("http_protocol_options"))?;
    let max_concurrent_streams = options::http2(http2_protocol_options, &at.field("http2_protocol_options"))?;
    Ok(HttpManager {
        stat_prefix: stat_prefix.into(),
        codec: codec(codec_type, at)?,
        routes: routes(route_specifier, at)?,
        access_logs: access_log::read_all(access_log, at)?,
        use_remote_address: flag(use_remote_address).unwrap_or(false),
        xff_trusted_hops: xff_num_trusted_hops,
        skip_xff_append,
        generate_request_id: flag(generate_request_id).unwrap_or(true),
        preserve_external_request_id,
        request_id_in_response: always_set_request_id_in_response,
        server_name: if server_name.is_empty() { "envoy".into() } else { server_name.into() },
        server_header: match at.variant("server_header_transformation", server_header_transformation)? {
            ServerHeaderTransformation::Overwrite => ServerHeader::Overwrite,
            ServerHeaderTransformation::AppendIfAbsent => ServerHeader::AppendIfAbsent,
            ServerHeaderTransformation::PassThrough => ServerHeader::PassThrough,
        },
        max_request_headers_kib: match number(max_request_headers_kb) {
            None => MAX_REQUEST_HEADERS_KIB,
            Some(kib @ 1..=MOST_REQUEST_HEADERS_KIB) => kib,
            Some(_) => return Err(at.field("max_request_headers_kb").refuse("it must be from 1 to 8192")),
        },
        max_request_headers: common.max_headers,
        stream_idle_timeout: at.timeout(
            "stream_idle_timeout",
            stream_idle_timeout,
            Some(STREAM_IDLE_TIMEOUT),
        )?,
        request_timeout: at.timeout("request_timeout", request_timeout, None)?,
        request_headers_timeout: at.timeout("request_headers_timeout", request_headers_timeout, None)?,
        idle_timeout: common.idle_timeout,
        drain_timeout: at.duration("drain_timeout", drain_timeout)?.unwrap_or(DRAIN_TIMEOUT),
        upgrades: upgrades(upgrade_configs, at)?,
        normalize_path: flag(normalize_path).unwrap_or(false),
        merge_slashes,
        escaped_slashes: escaped_slashes(path_with_escaped_slashes_action, at)?,
        strip_any_host_port: strip_port_mode == Some(StripPortMode::StripAnyHostPort(true)),
        proxy_100_continue,
        accept_http_10: http1.accept_http_10,
        suppress_envoy_headers: router(http_filters, at)?,
        max_concurrent_streams,
        // Peers of the mesh tell each other who they are; its listeners are those with a direction.
        peer_metadata: match direction {
            Direction::Unspecified => PeerMetadata::Ignore,
            Direction::Inbound | Direction::Outbound => PeerMetadata::Exchange,
        },
    })
}

fn codec(value: i32, at: &At<'_>) -> Result<Codec, Fault> {
    match at.variant("codec_type", value)? {
        CodecType::Auto => Ok(Codec::Auto),
        CodecType::Http1 => Ok(Codec::Http1),
        CodecType::Http2 => Ok(Codec::Http2),
        CodecType::Http3 => Err(at.field("codec_type").refuse("HTTP/3 is not supported")),
    }
}

fn routes(specifier: Option<RouteSpecifier>, at: &At<'_>) -> Result<Routes, Fault> {
    match at.required("route_specifier", specifier)? {
        RouteSpecifier::Rds(Rds { config_source, route_config_name }) => {
            let at = at.field("rds");
            ads(config_source, &at)?;
            if route_config_name.is_empty() {
                return Err(at.field("route_config_name").refuse("it must not be empty"));
            }
            Ok(Routes::Named(route_config_name.into()))
        }
        RouteSpecifier::RouteConfig(config) => {
            Ok(Routes::Inline(Arc::new(route::read(config, &at.field("route_config"))?)))
        }
        RouteSpecifier::ScopedRoutes(_) => Err(at.field("scoped_routes").refuse("it is not supported")),
    }
}

fn escaped_slashes(value: i32, at: &At<'_>) -> Result<EscapedSlashes, Fault> {
    Ok(match at.variant("path_with_escaped_slashes_action", value)? {
        PathWithEscapedSlashesAction::ImplementationSpecificDefault
        | PathWithEscapedSlashesAction::KeepUnchanged => EscapedSlashes::Keep,
        PathWithEscapedSlashesAction::RejectRequest => EscapedSlashes::Reject,
        PathWithEscapedSlashesAction::UnescapeAndRedirect => EscapedSlashes::UnescapeAndRedirect,
        PathWithEscapedSlashesAction::UnescapeAndForward => EscapedSlashes::UnescapeAndForward,
    })
}

fn no_log_options(options: Option<HcmAccessLogOptions>, at: &At<'_>) -> Result<(), Fault> {
    let Some(options) = options else { return Ok(()) };
    let HcmAccessLogOptions {
        access_log_flush_interval,
        flush_access_log_on_new_request,
        flush_log_on_tunnel_successfully_established,
    } = options;
    let at = at.field("access_log_options");
    unset!(at, access_log_flush_interval, flush_access_log_on_new_request);
    unset!(at, flush_log_on_tunnel_successfully_established);
    Ok(())
}

/// Without TLS every mode but one removes x-forwarded-client-cert, which is what is done.
fn client_certificates(value: i32, at: &At<'_>) -> Result<(), Fault> {
    match at.variant("forward_client_cert_details", value)? {
        ForwardClientCertDetails::AlwaysForwardOnly => {
            Err(at.field("forward_client_cert_details").refuse("ALWAYS_FORWARD_ONLY is not supported"))
        }
        ForwardClientCertDetails::Sanitize
        | ForwardClientCertDetails::ForwardOnly
        | ForwardClientCertDetails::AppendForward
        | ForwardClientCertDetails::SanitizeSet => Ok(()),
    }
}

/// No caller counts as internal, which is Envoy's default too.
fn internal_addresses(config: Option<InternalAddressConfig>, at: &At<'_>) -> Result<(), Fault> {
    let Some(InternalAddressConfig { unix_sockets, cidr_ranges }) = config else { return Ok(()) };
    let at = at.field("internal_address_config");
    unset!(at, unix_sockets, cidr_ranges);
    Ok(())
}

fn upgrades(configs: Vec<UpgradeConfig>, at: &At<'_>) -> Result<Vec<Arc<str>>, Fault> {
    let mut upgrades = Vec::new();
    for (index, config) in configs.into_iter().enumerate() {
        let at = at.item("upgrade_configs", index);
        let UpgradeConfig { upgrade_type, filters, enabled } = config;
        unset!(at, filters);
        let name = upgrade_name(&upgrade_type, &at)?;
        if flag(enabled).unwrap_or(true) {
            upgrades.push(name);
        }
    }
    Ok(upgrades)
}

/// The one HTTP filter, the router; says whether it keeps x-envoy headers out.
fn router(filters: Vec<HttpFilter>, at: &At<'_>) -> Result<bool, Fault> {
    let count = filters.len();
    let Ok([filter]) = <[HttpFilter; 1]>::try_from(filters) else {
        let why = format!("exactly one filter, the router, is supported, not {count}");
        return Err(at.field("http_filters").refuse(why));
    };
    let at = at.item("http_filters", 0);
    // The name is free; the type decides. An optional filter may be unknown, which this one is not.
    let HttpFilter { name: _, is_optional: _, disabled, config_type } = filter;
    unset!(at, disabled);
    let ConfigType::TypedConfig(any) = at.required("config_type", config_type)? else {
        return Err(at.field("config_discovery").refuse("it is not supported"));
    };
    let at = at.field("typed_config");
    let Router {
        // Which statistics are kept is decided here.
        dynamic_stats: _,
        start_child_span,
        upstream_log,
        upstream_log_options,
        suppress_envoy_headers,
        strict_check_headers,
        respect_expected_rq_timeout,
        suppress_grpc_request_failure_code_stats: _,
        upstream_http_filters,
        reject_connect_request_early_data,
    } = at.unpack(&any)?;
    unset!(at, start_child_span, upstream_log, upstream_log_options, strict_check_headers);
    unset!(at, respect_expected_rq_timeout, upstream_http_filters);
    // CONNECT is refused altogether.
    let _ = reject_connect_request_early_data;
    Ok(suppress_envoy_headers)
}
