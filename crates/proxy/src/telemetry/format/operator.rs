//! The command operators: how each is read, and what its value is.

use std::borrow::Cow;
use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use super::FormatError;
use super::clock::ClockFormat;
use crate::telemetry::record::{HeaderLookup, Protocol, RequestRecord};

/// What an operator stands for in one record.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Missing,
    Number(u64),
    Text(Cow<'a, [u8]>),
    Address(SocketAddr, Part),
}

/// A request without flags; in JSON too this is a string.
const NO_FLAGS: Value<'static> = Value::Text(Cow::Borrowed(b"-"));

/// Which part of an address is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    Ip,
    Port,
}

/// Whose address is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Address {
    UpstreamHost,
    UpstreamLocal,
    DownstreamLocal,
    DownstreamRemote,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeadersOf {
    Request,
    Response,
    Trailers,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operator {
    StartTime(ClockFormat),
    Header { of: HeadersOf, name: String, other: Option<String> },
    Address(Address, Part),
    Protocol,
    ResponseCode,
    ResponseFlags,
    ResponseFlagsLong,
    ResponseCodeDetails,
    ConnectionTerminationDetails,
    UpstreamTransportFailureReason,
    BytesReceived,
    BytesSent,
    RequestHeadersBytes,
    ResponseHeadersBytes,
    Duration,
    RequestDuration,
    ResponseDuration,
    ResponseTxDuration,
    UpstreamCluster,
    UpstreamRequestAttemptCount,
    RequestedServerName,
    RouteName,
    VirtualHostName,
    VirtualClusterName,
    FilterChainName,
    AccessLogType,
    ConnectionId,
    GrpcStatus,
    GrpcStatusNumber,
}

impl Operator {
    pub(super) fn parse(name: &str, argument: Option<&str>) -> Result<Operator, FormatError> {
        let written = || match argument {
            Some(argument) => format!("{name}({argument})"),
            None => name.to_owned(),
        };
        if let Some(operator) = Self::with_argument(name, argument, &written)? {
            return Ok(operator);
        }
        let operator = Self::plain(name).ok_or_else(|| FormatError::Unknown(written()))?;
        match argument {
            None => Ok(operator),
            Some(_) => Err(FormatError::Argument { operator: written(), why: "it takes no argument" }),
        }
    }

    fn with_argument(
        name: &str,
        argument: Option<&str>,
        written: &impl Fn() -> String,
    ) -> Result<Option<Operator>, FormatError> {
        let refuse = |why| FormatError::Argument { operator: written(), why };
        let of = match name {
            "START_TIME" => {
                let format = match argument {
                    None | Some("") => ClockFormat::iso(),
                    Some(text) => {
                        ClockFormat::parse(text).ok_or_else(|| refuse("unknown letter in the time format"))?
                    }
                };
                return Ok(Some(Operator::StartTime(format)));
            }
            "GRPC_STATUS" => {
                return match argument {
                    None | Some("" | "CAMEL_STRING") => Ok(Some(Operator::GrpcStatus)),
                    Some("NUMBER") => Ok(Some(Operator::GrpcStatusNumber)),
                    Some(_) => Err(refuse("it takes CAMEL_STRING or NUMBER")),
                };
            }
            "REQ" => HeadersOf::Request,
            "RESP" => HeadersOf::Response,
            "TRAILER" => HeadersOf::Trailers,
            _ => return Ok(None),
        };
        let argument =
            argument.filter(|a| !a.is_empty()).ok_or_else(|| refuse("it takes a header's name"))?;
        let (name, other) = match argument.split_once('?') {
            Some((name, other)) => (name, Some(other.to_ascii_lowercase())),
            None => (argument, None),
        };
        if other.as_ref().is_some_and(|other| other.contains('?')) {
            return Err(refuse("it takes at most two headers"));
        }
        Ok(Some(Operator::Header { of, name: name.to_ascii_lowercase(), other }))
    }

    fn plain(name: &str) -> Option<Operator> {
        Some(match name {
            "PROTOCOL" => Operator::Protocol,
            "RESPONSE_CODE" => Operator::ResponseCode,
            "RESPONSE_FLAGS" => Operator::ResponseFlags,
            "RESPONSE_FLAGS_LONG" => Operator::ResponseFlagsLong,
            "RESPONSE_CODE_DETAILS" => Operator::ResponseCodeDetails,
            "CONNECTION_TERMINATION_DETAILS" => Operator::ConnectionTerminationDetails,
            "UPSTREAM_TRANSPORT_FAILURE_REASON" => Operator::UpstreamTransportFailureReason,
            "BYTES_RECEIVED" => Operator::BytesReceived,
            "BYTES_SENT" => Operator::BytesSent,
            "REQUEST_HEADERS_BYTES" => Operator::RequestHeadersBytes,
            "RESPONSE_HEADERS_BYTES" => Operator::ResponseHeadersBytes,
            "DURATION" => Operator::Duration,
            "REQUEST_DURATION" => Operator::RequestDuration,
            "RESPONSE_DURATION" => Operator::ResponseDuration,
            "RESPONSE_TX_DURATION" => Operator::ResponseTxDuration,
            "UPSTREAM_CLUSTER" | "UPSTREAM_CLUSTER_RAW" => Operator::UpstreamCluster,
            "UPSTREAM_REQUEST_ATTEMPT_COUNT" => Operator::UpstreamRequestAttemptCount,
            "REQUESTED_SERVER_NAME" => Operator::RequestedServerName,
            "ROUTE_NAME" => Operator::RouteName,
            "VIRTUAL_HOST_NAME" => Operator::VirtualHostName,
            "VIRTUAL_CLUSTER_NAME" => Operator::VirtualClusterName,
            "FILTER_CHAIN_NAME" => Operator::FilterChainName,
            "ACCESS_LOG_TYPE" => Operator::AccessLogType,
            "CONNECTION_ID" => Operator::ConnectionId,
            "GRPC_STATUS_NUMBER" => Operator::GrpcStatusNumber,
            _ => return Self::address(name),
        })
    }

    /// An address, as a whole or in part. What a proxy sees directly is also what it takes for the
    /// remote address: neither proxy protocol nor x-forwarded-for change it here.
    fn address(name: &str) -> Option<Operator> {
        let (base, part) = if let Some(base) = name.strip_suffix("_WITHOUT_PORT") {
            (base, Part::Ip)
        } else if let Some(base) = name.strip_suffix("_PORT") {
            (base, Part::Port)
        } else {
            (name, Part::Whole)
        };
        let address = match (base, part) {
            ("UPSTREAM_HOST", Part::Whole) => Address::UpstreamHost,
            ("UPSTREAM_REMOTE_ADDRESS", _) | ("UPSTREAM_REMOTE", Part::Port) => Address::UpstreamHost,
            ("UPSTREAM_LOCAL_ADDRESS", _) | ("UPSTREAM_LOCAL", Part::Port) => Address::UpstreamLocal,
            ("DOWNSTREAM_LOCAL_ADDRESS", _) | ("DOWNSTREAM_LOCAL", Part::Port) => Address::DownstreamLocal,
            ("DOWNSTREAM_REMOTE_ADDRESS" | "DOWNSTREAM_DIRECT_REMOTE_ADDRESS", _)
            | ("DOWNSTREAM_REMOTE" | "DOWNSTREAM_DIRECT_REMOTE", Part::Port) => Address::DownstreamRemote,
            _ => return None,
        };
        Some(Operator::Address(address, part))
    }

    pub(super) fn value<'a>(&'a self, record: &RequestRecord<'a>) -> Value<'a> {
        match self {
            Operator::StartTime(format) => {
                // The record's clock does not know the date, only how long ago it was.
                let started = SystemTime::now().checked_sub(record.started.elapsed());
                let mut text = String::with_capacity(32);
                format.write(started.unwrap_or(SystemTime::UNIX_EPOCH), &mut text);
                Value::Text(Cow::Owned(text.into_bytes()))
            }
            Operator::Header { of, name, other } => header(record, *of, name, other.as_deref()),
            Operator::Address(address, part) => {
                let found = match address {
                    Address::UpstreamHost => record.upstream.host.map(|host| host.address),
                    Address::UpstreamLocal => record.upstream.local,
                    Address::DownstreamLocal => Some(record.downstream.local),
                    Address::DownstreamRemote => Some(record.downstream.peer),
                };
                found.map_or(Value::Missing, |address| Value::Address(address, *part))
            }
            Operator::Protocol => record.protocol.name().map_or(Value::Missing, text),
            Operator::ResponseCode => Value::Number(record.status.unwrap_or(0).into()),
            Operator::ResponseFlags => {
                if record.flags.is_empty() {
                    return NO_FLAGS;
                }
                Value::Text(match record.flags.text() {
                    Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                    Cow::Owned(text) => Cow::Owned(text.into_bytes()),
                })
            }
            Operator::ResponseFlagsLong => {
                let names: Vec<&str> = record.flags.iter().map(|flag| flag.long()).collect();
                if names.is_empty() {
                    return NO_FLAGS;
                }
                Value::Text(Cow::Owned(names.join(",").into_bytes()))
            }
            Operator::ResponseCodeDetails => text(record.details),
            Operator::ConnectionTerminationDetails => text(record.termination_details),
            Operator::UpstreamTransportFailureReason => text(record.upstream.failure.unwrap_or("")),
            Operator::BytesReceived => Value::Number(record.bytes_received),
            Operator::BytesSent => Value::Number(record.bytes_sent),
            Operator::RequestHeadersBytes => Value::Number(record.request_head_bytes),
            Operator::ResponseHeadersBytes => Value::Number(record.response_head_bytes),
            Operator::Duration => milliseconds(record.started, Some(record.finished)),
            Operator::RequestDuration => milliseconds(record.started, record.request_finished),
            Operator::ResponseDuration => milliseconds(record.started, record.response_started),
            Operator::ResponseTxDuration => match record.response_started {
                Some(started) => milliseconds(started, Some(record.finished)),
                None => Value::Missing,
            },
            Operator::UpstreamCluster => text(record.upstream.cluster_name.unwrap_or("")),
            Operator::UpstreamRequestAttemptCount => Value::Number(record.attempts.into()),
            Operator::RequestedServerName => text(record.downstream.tls.sni.as_deref().unwrap_or("")),
            Operator::RouteName => text(record.route),
            Operator::VirtualHostName => text(record.virtual_host),
            // Virtual clusters are not known here, so no request is in one.
            Operator::VirtualClusterName => Value::Missing,
            Operator::FilterChainName => text(&record.downstream.chain),
            Operator::AccessLogType => match record.protocol {
                Protocol::Tcp => text("TcpConnectionEnd"),
                _ => text("DownstreamEnd"),
            },
            Operator::ConnectionId => Value::Number(record.downstream.id),
            Operator::GrpcStatus => grpc_name(record),
            Operator::GrpcStatusNumber => {
                record.grpc_status.map_or(Value::Missing, |status| Value::Number(status.into()))
            }
        }
    }
}

impl Value<'_> {
    /// Appends the value; `None` if there is none.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> Option<()> {
        let written = match self {
            Value::Missing => return None,
            Value::Text(text) => {
                out.extend_from_slice(text);
                Ok(())
            }
            Value::Number(number) => write!(out, "{number}"),
            Value::Address(address, Part::Whole) => write!(out, "{address}"),
            Value::Address(address, Part::Ip) => write!(out, "{}", address.ip()),
            Value::Address(address, Part::Port) => write!(out, "{}", address.port()),
        };
        written.expect("writing to memory cannot fail");
        Some(())
    }
}

fn header<'a>(record: &RequestRecord<'a>, of: HeadersOf, name: &str, other: Option<&str>) -> Value<'a> {
    let headers: &'a dyn HeaderLookup = match of {
        HeadersOf::Request => record.request,
        HeadersOf::Response => record.response,
        HeadersOf::Trailers => record.trailers,
    };
    let found = headers.lookup(name).or_else(|| other.and_then(|other| headers.lookup(other)));
    found.map_or(Value::Missing, |value| Value::Text(Cow::Borrowed(value)))
}

fn text(text: &str) -> Value<'_> {
    if text.is_empty() { Value::Missing } else { Value::Text(Cow::Borrowed(text.as_bytes())) }
}

fn milliseconds(from: Instant, to: Option<Instant>) -> Value<'static> {
    match to {
        Some(to) => {
            Value::Number(to.checked_duration_since(from).map_or(0, |d: Duration| d.as_millis() as u64))
        }
        None => Value::Missing,
    }
}

fn grpc_name(record: &RequestRecord<'_>) -> Value<'static> {
    const NAMES: [&str; 17] = [
        "OK",
        "Canceled",
        "Unknown",
        "InvalidArgument",
        "DeadlineExceeded",
        "NotFound",
        "AlreadyExists",
        "PermissionDenied",
        "ResourceExhausted",
        "FailedPrecondition",
        "Aborted",
        "OutOfRange",
        "Unimplemented",
        "Internal",
        "Unavailable",
        "DataLoss",
        "Unauthenticated",
    ];
    match record.grpc_status {
        None => Value::Missing,
        Some(status) => match NAMES.get(status as usize) {
            Some(name) => text(name),
            None => Value::Number(status.into()),
        },
    }
}
