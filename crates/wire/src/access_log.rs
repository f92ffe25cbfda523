//! Access logs: to a file, in Envoy's format strings.

use std::sync::Arc;

use outrigger_proto::envoy::config::accesslog::v3::AccessLog as Message;
use outrigger_proto::envoy::config::accesslog::v3::access_log::ConfigType;
use outrigger_proto::envoy::config::core::v3::substitution_format_string::Format;
use outrigger_proto::envoy::config::core::v3::{JsonFormatOptions, SubstitutionFormatString};
use outrigger_proto::envoy::extensions::access_loggers::file::v3::FileAccessLog;
use outrigger_proto::envoy::extensions::access_loggers::file::v3::file_access_log::AccessLogFormat as FileFormat;
use outrigger_proto::google::protobuf::Struct;
use outrigger_proto::google::protobuf::value::Kind;
use outrigger_traffic::{AccessLog, AccessLogFormat};

use crate::at::{At, Fault, unset};
use crate::values::inline;

/// Envoy's default format ("Default Format String" of its access log documentation).
const DEFAULT_FORMAT: &str = "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" \
    %RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% \
    %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" \
    \"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\"\n";

pub(crate) fn read_all(logs: Vec<Message>, at: &At<'_>) -> Result<Vec<AccessLog>, Fault> {
    logs.into_iter().enumerate().map(|(index, log)| read(log, &at.item("access_log", index))).collect()
}

fn read(log: Message, at: &At<'_>) -> Result<AccessLog, Fault> {
    // The name is free; the type decides.
    let Message { name: _, filter, config_type } = log;
    unset!(at, filter);
    let ConfigType::TypedConfig(any) = at.required("config_type", config_type)?;
    let at = at.field("typed_config");
    let FileAccessLog { path, access_log_format } = at.unpack(&any)?;
    if path.is_empty() {
        return Err(at.field("path").refuse("it must not be empty"));
    }
    let format = match access_log_format {
        None => AccessLogFormat::Text(DEFAULT_FORMAT.into()),
        Some(FileFormat::Format(text)) => AccessLogFormat::Text(text_or_default(text)),
        Some(FileFormat::LogFormat(format)) => log_format(format, &at.field("log_format"))?,
        Some(FileFormat::JsonFormat(format)) => json(format, &at.field("json_format"))?,
        Some(FileFormat::TypedJsonFormat(format)) => json(format, &at.field("typed_json_format"))?,
    };
    Ok(AccessLog { path: path.into(), format })
}

fn log_format(format: SubstitutionFormatString, at: &At<'_>) -> Result<AccessLogFormat, Fault> {
    let SubstitutionFormatString { omit_empty_values, content_type, formatters, json_format_options, format } =
        format;
    unset!(at, omit_empty_values, content_type, formatters);
    // Keys are sorted in any case, as Envoy does by now.
    if let Some(JsonFormatOptions { sort_properties: _ }) = json_format_options {}
    match at.required("format", format)? {
        Format::TextFormat(text) => Ok(AccessLogFormat::Text(text_or_default(text))),
        Format::JsonFormat(format) => json(format, &at.field("json_format")),
        Format::TextFormatSource(source) => {
            let at = at.field("text_format_source");
            let text = String::from_utf8(inline(source, &at)?).map_err(|_| at.refuse("it is not UTF-8"))?;
            Ok(AccessLogFormat::Text(text_or_default(text)))
        }
    }
}

fn text_or_default(text: String) -> Arc<str> {
    if text.is_empty() { DEFAULT_FORMAT.into() } else { text.into() }
}

fn json(format: Struct, at: &At<'_>) -> Result<AccessLogFormat, Fault> {
    let mut fields = Vec::with_capacity(format.fields.len());
    for (key, value) in format.fields {
        match value.kind {
            Some(Kind::StringValue(text)) => fields.push((Arc::from(key), Arc::from(text))),
            _ => return Err(at.field(&key).refuse("only strings are supported")),
        }
    }
    fields.sort();
    Ok(AccessLogFormat::Json(fields))
}
