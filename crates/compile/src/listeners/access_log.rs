//! Lines for each request and connection, if the mesh asks for them.

use std::collections::HashMap;

use outrigger_api::{AccessLogEncoding, MeshConfig};
use outrigger_proto::envoy::config::accesslog::v3::{AccessLog, access_log::ConfigType};
use outrigger_proto::envoy::config::core::v3::{
    DataSource, SubstitutionFormatString, data_source::Specifier, substitution_format_string::Format,
};
use outrigger_proto::envoy::extensions::access_loggers::file::v3::{
    FileAccessLog, file_access_log::AccessLogFormat,
};
use outrigger_proto::google::protobuf::{Struct, Value, value::Kind};

use crate::encode::any;

/// The fields of Istio's default format, in the order of its text form.
const FIELDS: &[(&str, &str)] = &[
    ("start_time", "%START_TIME%"),
    ("method", "%REQ(:METHOD)%"),
    ("path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"),
    ("protocol", "%PROTOCOL%"),
    ("response_code", "%RESPONSE_CODE%"),
    ("response_flags", "%RESPONSE_FLAGS%"),
    ("response_code_details", "%RESPONSE_CODE_DETAILS%"),
    ("connection_termination_details", "%CONNECTION_TERMINATION_DETAILS%"),
    ("upstream_transport_failure_reason", "%UPSTREAM_TRANSPORT_FAILURE_REASON%"),
    ("bytes_received", "%BYTES_RECEIVED%"),
    ("bytes_sent", "%BYTES_SENT%"),
    ("duration", "%DURATION%"),
    ("upstream_service_time", "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%"),
    ("x_forwarded_for", "%REQ(X-FORWARDED-FOR)%"),
    ("user_agent", "%REQ(USER-AGENT)%"),
    ("request_id", "%REQ(X-REQUEST-ID)%"),
    ("authority", "%REQ(:AUTHORITY)%"),
    ("upstream_host", "%UPSTREAM_HOST%"),
    ("upstream_cluster", "%UPSTREAM_CLUSTER%"),
    ("upstream_local_address", "%UPSTREAM_LOCAL_ADDRESS%"),
    ("downstream_local_address", "%DOWNSTREAM_LOCAL_ADDRESS%"),
    ("downstream_remote_address", "%DOWNSTREAM_REMOTE_ADDRESS%"),
    ("requested_server_name", "%REQUESTED_SERVER_NAME%"),
    ("route_name", "%ROUTE_NAME%"),
];

/// Fields that stand in quotes in the text form.
const QUOTED: &[&str] = &[
    "upstream_transport_failure_reason",
    "x_forwarded_for",
    "user_agent",
    "request_id",
    "authority",
    "upstream_host",
];

/// The mesh's access logs.
pub(super) fn logs(config: &MeshConfig) -> Vec<AccessLog> {
    if config.access_log_file.is_empty() {
        return Vec::new();
    }
    let format = match config.access_log_encoding {
        AccessLogEncoding::Text => text(&config.access_log_format),
        AccessLogEncoding::Json => json(&config.access_log_format),
    };
    let file = FileAccessLog {
        path: config.access_log_file.to_string(),
        access_log_format: Some(AccessLogFormat::LogFormat(SubstitutionFormatString {
            format: Some(format),
            ..Default::default()
        })),
    };
    vec![AccessLog {
        name: "envoy.access_loggers.file".to_string(),
        config_type: Some(ConfigType::TypedConfig(any(&file))),
        filter: None,
    }]
}

fn text(written: &str) -> Format {
    let mut line = if written.is_empty() { default_line() } else { written.to_string() };
    if !line.ends_with('\n') {
        line.push('\n');
    }
    Format::TextFormatSource(DataSource {
        specifier: Some(Specifier::InlineString(line)),
        ..Default::default()
    })
}

fn default_line() -> String {
    let mut line = String::new();
    for (name, operator) in FIELDS {
        let part = match *name {
            "start_time" => format!("[{operator}]"),
            "method" => format!("\"{operator}"),
            "protocol" => format!("{operator}\""),
            name if QUOTED.contains(&name) => format!("\"{operator}\""),
            _ => operator.to_string(),
        };
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&part);
    }
    line
}

/// A written JSON format is an object of strings; anything else falls back to the default fields.
fn json(written: &str) -> Format {
    let of_default =
        || FIELDS.iter().map(|(name, operator)| (name.to_string(), operator.to_string())).collect();
    let fields: HashMap<String, String> =
        if written.is_empty() { of_default() } else { parse_object(written).unwrap_or_else(of_default) };
    let value = |text| Value { kind: Some(Kind::StringValue(text)) };
    Format::JsonFormat(Struct {
        fields: fields.into_iter().map(|(name, text)| (name, value(text))).collect(),
    })
}

/// Reads a flat JSON object of strings. `None` if it is something else.
fn parse_object(text: &str) -> Option<HashMap<String, String>> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_line_quotes_what_callers_choose() {
        let line = default_line();
        assert!(line.starts_with(
            "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" %RESPONSE_CODE%"
        ));
        assert!(line.ends_with("%REQUESTED_SERVER_NAME% %ROUTE_NAME%"));
        assert!(line.contains(" \"%UPSTREAM_HOST%\" %UPSTREAM_CLUSTER% "));
    }

    #[test]
    fn nothing_is_logged_unless_asked_for() {
        assert!(logs(&MeshConfig::default()).is_empty());
        let asked = MeshConfig { access_log_file: "/dev/stdout".into(), ..Default::default() };
        assert_eq!(logs(&asked).len(), 1);
    }
}
