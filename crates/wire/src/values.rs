//! Small messages that many others are made of: addresses, ranges, numbers, headers, sources.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use outrigger_proto::envoy::config::core::v3::address::Address as Place;
use outrigger_proto::envoy::config::core::v3::config_source::ConfigSourceSpecifier;
use outrigger_proto::envoy::config::core::v3::data_source::Specifier;
use outrigger_proto::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use outrigger_proto::envoy::config::core::v3::socket_address::{PortSpecifier, Protocol};
use outrigger_proto::envoy::config::core::v3::{
    Address, AggregatedConfigSource, ApiVersion, CidrRange, ConfigSource, DataSource, HeaderValue,
    HeaderValueOption, Locality as LocalityMessage, SocketAddress, TcpKeepalive as TcpKeepaliveMessage,
    TransportSocket, transport_socket,
};
use outrigger_proto::envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer;
use outrigger_proto::google::protobuf::{BoolValue, UInt32Value};

use outrigger_base::Locality;
use outrigger_traffic::{HeaderMutation, HeaderMutations, IpRange, TcpKeepalive};

use crate::at::{At, Fault, unset};

pub(crate) fn flag(value: Option<BoolValue>) -> Option<bool> {
    value.map(|v| v.value)
}

pub(crate) fn number(value: Option<UInt32Value>) -> Option<u32> {
    value.map(|v| v.value)
}

pub(crate) fn port(value: u32, at: &At<'_>) -> Result<u16, Fault> {
    u16::try_from(value).map_err(|_| at.refuse(format!("{value} is no port")))
}

/// A host (address or name) and port of TCP.
pub(crate) fn host_and_port(address: Option<Address>, at: &At<'_>) -> Result<(String, u16), Fault> {
    let Address { address } = at.required("address", address)?;
    let at = at.field("address");
    match at.required("address", address)? {
        Place::SocketAddress(socket) => {
            let at = at.field("socket_address");
            let SocketAddress {
                protocol,
                address,
                resolver_name,
                ipv4_compat,
                network_namespace_filepath,
                port_specifier,
            } = socket;
            unset!(at, resolver_name, ipv4_compat, network_namespace_filepath);
            if at.variant::<Protocol>("protocol", protocol)? != Protocol::Tcp {
                return Err(at.field("protocol").refuse("only TCP is supported"));
            }
            match at.required("port_specifier", port_specifier)? {
                PortSpecifier::PortValue(value) => Ok((address, port(value, &at.field("port_value"))?)),
                PortSpecifier::NamedPort(_) => Err(at.field("named_port").refuse("it is not supported")),
            }
        }
        Place::Pipe(_) => Err(at.field("pipe").refuse("Unix sockets are not supported")),
        Place::EnvoyInternalAddress(_) => {
            Err(at.field("envoy_internal_address").refuse("internal listeners are not supported"))
        }
    }
}

/// An address and port of TCP.
pub(crate) fn socket_address(address: Option<Address>, at: &At<'_>) -> Result<SocketAddr, Fault> {
    let (host, port) = host_and_port(address, at)?;
    Ok(SocketAddr::new(ip(&host, &at.field("address"))?, port))
}

pub(crate) fn ip(text: &str, at: &At<'_>) -> Result<IpAddr, Fault> {
    text.parse().map_err(|_| at.refuse(format!("{text:?} is no IP address")))
}

pub(crate) fn ranges(ranges: Vec<CidrRange>, name: &str, at: &At<'_>) -> Result<Vec<IpRange>, Fault> {
    let range = |(index, range): (usize, CidrRange)| {
        let at = at.item(name, index);
        let CidrRange { address_prefix, prefix_len } = range;
        let address = ip(&address_prefix, &at.field("address_prefix"))?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = number(prefix_len).unwrap_or(0);
        match u8::try_from(prefix) {
            Ok(prefix) if prefix <= most => Ok(IpRange { address, prefix }),
            _ => Err(at.field("prefix_len").refuse(format!("{prefix} is more than {most}"))),
        }
    };
    ranges.into_iter().enumerate().map(range).collect()
}

pub(crate) fn tcp_keepalive(keepalive: Option<TcpKeepaliveMessage>) -> Option<TcpKeepalive> {
    let TcpKeepaliveMessage { keepalive_probes, keepalive_time, keepalive_interval } = keepalive?;
    let seconds = |value| number(value).map(|s| std::time::Duration::from_secs(s.into()));
    Some(TcpKeepalive {
        probes: number(keepalive_probes),
        time: seconds(keepalive_time),
        interval: seconds(keepalive_interval),
    })
}

pub(crate) fn locality(locality: Option<LocalityMessage>) -> Arc<Locality> {
    let Some(LocalityMessage { region, zone, sub_zone }) = locality else { return Arc::default() };
    Arc::new(Locality { region: region.into(), zone: zone.into(), subzone: sub_zone.into() })
}

/// A source of resources: only the stream that everything comes by.
pub(crate) fn ads(source: Option<ConfigSource>, at: &At<'_>) -> Result<(), Fault> {
    let ConfigSource { authorities, initial_fetch_timeout: _, resource_api_version, config_source_specifier } =
        at.required("config_source", source)?;
    let at = at.field("config_source");
    unset!(at, authorities);
    match at.variant("resource_api_version", resource_api_version)? {
        ApiVersion::Auto | ApiVersion::V3 => {}
        ApiVersion::V2 => return Err(at.field("resource_api_version").refuse("only V3 is supported")),
    }
    match config_source_specifier {
        Some(ConfigSourceSpecifier::Ads(AggregatedConfigSource {})) => Ok(()),
        _ => Err(at.refuse("only ads is supported")),
    }
}

/// Bytes that stand in the message itself.
pub(crate) fn inline(source: DataSource, at: &At<'_>) -> Result<Vec<u8>, Fault> {
    let DataSource { watched_directory, specifier } = source;
    unset!(at, watched_directory);
    match at.required("specifier", specifier)? {
        Specifier::InlineBytes(bytes) => Ok(bytes),
        Specifier::InlineString(text) => Ok(text.into_bytes()),
        Specifier::Filename(_) => Err(at.field("filename").refuse("only inline data is supported")),
        Specifier::EnvironmentVariable(_) => {
            Err(at.field("environment_variable").refuse("only inline data is supported"))
        }
    }
}

/// The name of an upgrade, in lower case. CONNECT is no upgrade but another sort of request.
pub(crate) fn upgrade_name(name: &str, at: &At<'_>) -> Result<Arc<str>, Fault> {
    let lower = name.to_ascii_lowercase();
    match lower.as_str() {
        "" => Err(at.field("upgrade_type").refuse("it must not be empty")),
        "connect" | "connect-udp" => Err(at.field("upgrade_type").refuse(format!("{name} is not supported"))),
        _ => Ok(lower.into()),
    }
}

/// A transport socket that is none: plain bytes.
pub(crate) fn raw_transport(socket: Option<TransportSocket>, at: &At<'_>) -> Result<(), Fault> {
    // The name is free; the type decides.
    let Some(TransportSocket { name: _, config_type }) = socket else { return Ok(()) };
    let at = at.field("transport_socket");
    match config_type {
        Some(transport_socket::ConfigType::TypedConfig(any)) => {
            let at = at.field("typed_config");
            let RawBuffer {} = at.unpack(&any)?;
            Ok(())
        }
        None => Err(at.refuse("it has no typed_config")),
    }
}

/// The four lists of header changes that routes, virtual hosts and route configurations have.
pub(crate) struct HeaderLists {
    pub request_add: Vec<HeaderValueOption>,
    pub request_remove: Vec<String>,
    pub response_add: Vec<HeaderValueOption>,
    pub response_remove: Vec<String>,
}

impl HeaderLists {
    pub(crate) fn read(self, at: &At<'_>) -> Result<HeaderMutations, Fault> {
        let HeaderLists { request_add, request_remove, response_add, response_remove } = self;
        Ok(HeaderMutations {
            request: mutations(
                request_add,
                "request_headers_to_add",
                request_remove,
                "request_headers_to_remove",
                at,
            )?,
            response: mutations(
                response_add,
                "response_headers_to_add",
                response_remove,
                "response_headers_to_remove",
                at,
            )?,
        })
    }
}

fn mutations(
    add: Vec<HeaderValueOption>,
    add_name: &str,
    remove: Vec<String>,
    remove_name: &str,
    at: &At<'_>,
) -> Result<Vec<HeaderMutation>, Fault> {
    let mut mutations = Vec::with_capacity(add.len() + remove.len());
    for (index, name) in remove.into_iter().enumerate() {
        mutations.push(HeaderMutation::Remove(header_name(&name, &at.item(remove_name, index))?));
    }
    for (index, option) in add.into_iter().enumerate() {
        mutations.push(mutation(option, &at.item(add_name, index))?);
    }
    Ok(mutations)
}

fn mutation(option: HeaderValueOption, at: &At<'_>) -> Result<HeaderMutation, Fault> {
    let HeaderValueOption { header, append, append_action, keep_empty_value } = option;
    let HeaderValue { key, value, raw_value } = at.required("header", header)?;
    let name = header_name(&key, &at.field("header").field("key"))?;
    let value = if value.is_empty() {
        String::from_utf8(raw_value)
            .map_err(|_| at.field("header").field("raw_value").refuse("only UTF-8 is supported"))?
    } else {
        at.field("header").unset("raw_value", &raw_value)?;
        value
    };
    if keep_empty_value && (value.is_empty() || value.contains('%')) {
        return Err(at.field("keep_empty_value").refuse("headers without a value are not written"));
    }
    if http::HeaderValue::from_str(&value).is_err() {
        return Err(at.field("header").field("value").refuse(format!("{value:?} is no header value")));
    }
    let value: Arc<str> = value.into();
    let action = match flag(append) {
        Some(true) => HeaderAppendAction::AppendIfExistsOrAdd,
        Some(false) => HeaderAppendAction::OverwriteIfExistsOrAdd,
        None => at.variant("append_action", append_action)?,
    };
    Ok(match action {
        HeaderAppendAction::AppendIfExistsOrAdd => HeaderMutation::Append(name, value),
        HeaderAppendAction::AddIfAbsent => HeaderMutation::AddIfAbsent(name, value),
        HeaderAppendAction::OverwriteIfExistsOrAdd => HeaderMutation::Set(name, value),
        HeaderAppendAction::OverwriteIfExists => HeaderMutation::SetIfPresent(name, value),
    })
}

/// A header that may be changed, in lower case. (Envoy too refuses pseudo-headers and `host` here.)
fn header_name(name: &str, at: &At<'_>) -> Result<Arc<str>, Fault> {
    let lower = name.to_ascii_lowercase();
    if lower.starts_with(':') || lower == "host" {
        return Err(at.refuse("pseudo-headers and host cannot be changed here"));
    }
    if http::HeaderName::from_bytes(lower.as_bytes()).is_err() {
        return Err(at.refuse(format!("{name:?} is no header name")));
    }
    Ok(lower.into())
}
