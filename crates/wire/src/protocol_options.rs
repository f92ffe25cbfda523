//! Protocol options, as listeners and clusters have them.

use std::time::Duration;

use outrigger_proto::envoy::config::core::v3::http_protocol_options::HeadersWithUnderscoresAction;
use outrigger_proto::envoy::config::core::v3::{
    Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions,
};
use outrigger_traffic::MOST_REQUEST_HEADERS;

use crate::at::{At, Fault, unset};
use crate::values::{flag, number};

/// Envoy's default (HttpProtocolOptions.idle_timeout).
const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);
/// Envoy's default (HttpProtocolOptions.max_headers_count).
const MAX_HEADERS: u32 = 100;

/// Options of every HTTP version, as both sides have them.
pub(crate) struct Common {
    pub idle_timeout: Option<Duration>,
    pub max_connection_duration: Option<Duration>,
    pub max_requests_per_connection: Option<u32>,
    pub max_headers: u32,
}

/// Options towards clients.
pub(crate) fn common(options: Option<HttpProtocolOptions>, at: &At<'_>) -> Result<Common, Fault> {
    let common = read_common(options, at)?;
    at.unset("max_connection_duration", &common.max_connection_duration)?;
    at.unset("max_requests_per_connection", &common.max_requests_per_connection)?;
    Ok(common)
}

pub(crate) fn read_common(options: Option<HttpProtocolOptions>, at: &At<'_>) -> Result<Common, Fault> {
    let HttpProtocolOptions {
        idle_timeout,
        max_connection_duration,
        max_connection_duration_jitter,
        max_headers_count,
        max_response_headers_kb,
        max_stream_duration,
        headers_with_underscores_action,
        max_requests_per_connection,
    } = options.unwrap_or_default();
    unset!(at, max_connection_duration_jitter, max_response_headers_kb, max_stream_duration);
    let underscores = at.variant("headers_with_underscores_action", headers_with_underscores_action)?;
    let allow = HeadersWithUnderscoresAction::Allow;
    at.fixed("headers_with_underscores_action", Some(underscores), allow)?;
    Ok(Common {
        idle_timeout: at.timeout("idle_timeout", idle_timeout, Some(IDLE_TIMEOUT))?,
        max_connection_duration: at.timeout("max_connection_duration", max_connection_duration, None)?,
        max_requests_per_connection: number(max_requests_per_connection).filter(|n| *n > 0),
        max_headers: match number(max_headers_count) {
            None => MAX_HEADERS,
            Some(0) => return Err(at.field("max_headers_count").refuse("it must be at least 1")),
            Some(count) if count as usize > MOST_REQUEST_HEADERS => {
                return Err(at.field("max_headers_count").refuse("the native proxy reads at most 256"));
            }
            Some(count) => count,
        },
    })
}

pub(crate) struct Http1 {
    pub accept_http_10: bool,
}

pub(crate) fn http1(options: Option<Http1ProtocolOptions>, at: &At<'_>) -> Result<Http1, Fault> {
    let Http1ProtocolOptions {
        allow_absolute_url,
        accept_http_10,
        default_host_for_http_10,
        header_key_format,
        // Trailers are always carried.
        enable_trailers: _,
        allow_chunked_length,
        override_stream_error_on_invalid_http_message,
        send_fully_qualified_url,
        // Which parser reads is decided here.
        use_balsa_parser: _,
        // Methods that nobody knows are carried in any case.
        allow_custom_methods: _,
        ignore_http_11_upgrade,
    } = options.unwrap_or_default();
    at.fixed("allow_absolute_url", flag(allow_absolute_url), true)?;
    unset!(at, default_host_for_http_10, header_key_format, allow_chunked_length);
    let on_invalid = flag(override_stream_error_on_invalid_http_message);
    at.fixed("override_stream_error_on_invalid_http_message", on_invalid, false)?;
    unset!(at, send_fully_qualified_url, ignore_http_11_upgrade);
    Ok(Http1 { accept_http_10 })
}

/// The most streams that one connection may have open, if that is limited.
pub(crate) fn http2(options: Option<Http2ProtocolOptions>, at: &At<'_>) -> Result<Option<u32>, Fault> {
    let Http2ProtocolOptions {
        // Tuning of memory and of the guard against floods, which is decided here.
        hpack_table_size: _,
        max_concurrent_streams,
        initial_stream_window_size: _,
        initial_connection_window_size: _,
        allow_connect,
        allow_metadata,
        max_outbound_frames: _,
        max_outbound_control_frames: _,
        max_consecutive_inbound_frames_with_empty_payload: _,
        max_inbound_priority_frames_per_stream: _,
        max_inbound_window_update_frames_per_data_frame_sent: _,
        stream_error_on_invalid_http_messaging,
        override_stream_error_on_invalid_http_message,
        custom_settings_parameters,
        connection_keepalive,
        // Which codec reads is decided here.
        use_oghttp2_codec: _,
        max_metadata_size: _,
        enable_huffman_encoding: _,
        max_header_field_size_kb,
        disallow_obs_text,
        stream_reset_burst: _,
        stream_reset_rate: _,
    } = options.unwrap_or_default();
    unset!(at, allow_connect, allow_metadata, custom_settings_parameters, connection_keepalive);
    unset!(at, max_header_field_size_kb, disallow_obs_text);
    // In HTTP/2 a bad message ends its stream only, in any case.
    let _ = (stream_error_on_invalid_http_messaging, override_stream_error_on_invalid_http_message);
    match number(max_concurrent_streams) {
        Some(0) => Err(at.field("max_concurrent_streams").refuse("it must be at least 1")),
        other => Ok(other),
    }
}
