//! Filter chains and their conditions.

use std::sync::Arc;

use outrigger_proto::envoy::config::listener::v3::filter::ConfigType;
use outrigger_proto::envoy::config::listener::v3::filter_chain_match::ConnectionSourceType;
use outrigger_proto::envoy::config::listener::v3::{
    Filter as FilterMessage, FilterChain as Message, FilterChainMatch,
};
use outrigger_proto::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
use outrigger_proto::envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy;
use outrigger_proto::prost::Name;
use outrigger_traffic::{ChainMatch, Direction, Filter, FilterChain, SourceType, Transport};

use crate::at::{At, Fault, type_name, unset};
use crate::metadata::Istio;
use crate::values::{flag, number, port, ranges, raw_transport};
use crate::{http_manager, tcp_proxy};

pub(super) fn read(message: Message, direction: Direction, at: &At<'_>) -> Result<FilterChain, Fault> {
    let Message {
        filter_chain_match,
        filters,
        use_proxy_proto,
        metadata,
        transport_socket,
        // Time for a handshake, of which plain bytes have none.
        transport_socket_connect_timeout: _,
        name,
    } = message;
    at.fixed("use_proxy_proto", flag(use_proxy_proto), false)?;
    raw_transport(transport_socket, at)?;
    Ok(FilterChain {
        name: name.into(),
        matches: conditions(filter_chain_match.unwrap_or_default(), &at.field("filter_chain_match"))?,
        filter: filter(filters, direction, at)?,
        origins: Istio::of(metadata).origins(),
    })
}

fn conditions(message: FilterChainMatch, at: &At<'_>) -> Result<ChainMatch, Fault> {
    let FilterChainMatch {
        destination_port,
        prefix_ranges,
        address_suffix,
        suffix_len,
        direct_source_prefix_ranges,
        source_type,
        source_prefix_ranges,
        source_ports,
        server_names,
        transport_protocol,
        application_protocols,
    } = message;
    unset!(at, address_suffix, suffix_len);
    let destination_port = match number(destination_port) {
        Some(value) => Some(port(value, &at.field("destination_port"))?),
        None => None,
    };
    let source_port = |(index, value): (usize, u32)| port(value, &at.item("source_ports", index));
    let server_name = |(index, name): (usize, String)| server_name(&name, &at.item("server_names", index));
    Ok(ChainMatch {
        destination_port,
        destination: ranges(prefix_ranges, "prefix_ranges", at)?,
        server_names: server_names.into_iter().enumerate().map(server_name).collect::<Result<_, _>>()?,
        transport: match transport_protocol.as_str() {
            "" => None,
            "raw_buffer" => Some(Transport::RawBuffer),
            "tls" => Some(Transport::Tls),
            other => {
                return Err(at.field("transport_protocol").refuse(format!("{other:?} is not supported")));
            }
        },
        application_protocols: application_protocols.into_iter().map(Arc::from).collect(),
        direct_source: ranges(direct_source_prefix_ranges, "direct_source_prefix_ranges", at)?,
        source: match at.variant("source_type", source_type)? {
            ConnectionSourceType::Any => SourceType::Any,
            ConnectionSourceType::SameIpOrLoopback => SourceType::SameIpOrLoopback,
            ConnectionSourceType::External => SourceType::External,
        },
        source_ranges: ranges(source_prefix_ranges, "source_prefix_ranges", at)?,
        source_ports: source_ports.into_iter().enumerate().map(source_port).collect::<Result<_, _>>()?,
    })
}

/// A name, or a wildcard for its whole first label, in lower case.
fn server_name(name: &str, at: &At<'_>) -> Result<Arc<str>, Fault> {
    let rest = name.strip_prefix("*.").unwrap_or(name);
    if rest.is_empty() || rest.contains('*') {
        return Err(at.refuse(format!("{name:?} is neither a name nor a wildcard like *.example.com")));
    }
    Ok(name.to_ascii_lowercase().into())
}

/// The one filter of a chain: it carries bytes or requests.
fn filter(filters: Vec<FilterMessage>, direction: Direction, at: &At<'_>) -> Result<Filter, Fault> {
    let count = filters.len();
    let Ok([filter]) = <[FilterMessage; 1]>::try_from(filters) else {
        return Err(at.field("filters").refuse(format!("exactly one filter is supported, not {count}")));
    };
    let at = at.item("filters", 0);
    // The name is free; the type decides.
    let FilterMessage { name: _, config_type } = filter;
    let ConfigType::TypedConfig(any) = at.required("config_type", config_type)? else {
        return Err(at.field("config_discovery").refuse("it is not supported"));
    };
    let at = at.field("typed_config");
    let name = type_name(&any);
    if name == HttpConnectionManager::full_name() {
        Ok(Filter::Http(Arc::new(http_manager::read(at.unpack(&any)?, direction, &at)?)))
    } else if name == TcpProxy::full_name() {
        Ok(Filter::Tcp(Arc::new(tcp_proxy::read(at.unpack(&any)?, &at)?)))
    } else {
        Err(at.refuse(format!("the network filter {name} is not supported")))
    }
}
