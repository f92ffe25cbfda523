//! Listener filters: what is found out before a chain is chosen.

use std::ops::RangeInclusive;

use outrigger_proto::envoy::config::listener::v3::listener_filter::ConfigType;
use outrigger_proto::envoy::config::listener::v3::listener_filter_chain_match_predicate::{MatchSet, Rule};
use outrigger_proto::envoy::config::listener::v3::{ListenerFilter, ListenerFilterChainMatchPredicate};
use outrigger_proto::envoy::extensions::filters::listener::http_inspector::v3::HttpInspector;
use outrigger_proto::envoy::extensions::filters::listener::original_dst::v3::OriginalDst;
use outrigger_proto::envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector;
use outrigger_proto::envoy::r#type::v3::Int32Range;
use outrigger_proto::prost::Name;
use outrigger_traffic::Inspect;

use crate::at::{At, Fault, type_name, unset};
use crate::values::flag;

#[derive(Default)]
pub(super) struct Found {
    pub inspect: Inspect,
    pub original_dst: bool,
}

pub(super) fn read(filters: Vec<ListenerFilter>, at: &At<'_>) -> Result<Found, Fault> {
    let mut found = Found::default();
    for (index, filter) in filters.into_iter().enumerate() {
        let at = at.item("listener_filters", index);
        // The name is free; the type decides.
        let ListenerFilter { name: _, filter_disabled, config_type } = filter;
        let ConfigType::TypedConfig(any) = at.required("config_type", config_type)? else {
            return Err(at.field("config_discovery").refuse("it is not supported"));
        };
        let except = match &filter_disabled {
            Some(predicate) => ports(predicate, &at.field("filter_disabled"))?,
            None => Vec::new(),
        };
        let at_filter = at.field("typed_config");
        let name = type_name(&any);
        if name == OriginalDst::full_name() {
            at.unset("filter_disabled", &filter_disabled)?;
            let OriginalDst {} = at_filter.unpack(&any)?;
            found.original_dst = true;
        } else if name == TlsInspector::full_name() {
            tls_inspector(at_filter.unpack(&any)?, &at_filter)?;
            found.inspect.tls = true;
            found.inspect.tls_except = except;
        } else if name == HttpInspector::full_name() {
            let HttpInspector {} = at_filter.unpack(&any)?;
            found.inspect.http = true;
            found.inspect.http_except = except;
        } else {
            return Err(at_filter.refuse(format!("the listener filter {name} is not supported")));
        }
    }
    Ok(found)
}

fn tls_inspector(inspector: TlsInspector, at: &At<'_>) -> Result<(), Fault> {
    let TlsInspector {
        enable_ja3_fingerprinting,
        enable_ja4_fingerprinting,
        // Tuning: how much is read at once.
        initial_read_buffer_size: _,
        close_connection_on_client_hello_parsing_errors,
        max_client_hello_size,
    } = inspector;
    at.fixed("enable_ja3_fingerprinting", flag(enable_ja3_fingerprinting), false)?;
    at.fixed("enable_ja4_fingerprinting", flag(enable_ja4_fingerprinting), false)?;
    unset!(at, close_connection_on_client_hello_parsing_errors, max_client_hello_size);
    Ok(())
}

/// The destination ports for which a predicate holds.
fn ports(
    predicate: &ListenerFilterChainMatchPredicate,
    at: &At<'_>,
) -> Result<Vec<RangeInclusive<u16>>, Fault> {
    let ListenerFilterChainMatchPredicate { rule } = predicate;
    match rule {
        None => Err(at.field("rule").refuse("it is missing")),
        Some(Rule::AnyMatch(true)) => Ok(vec![0..=u16::MAX]),
        Some(Rule::AnyMatch(false)) => Err(at.field("any_match").refuse("it must be true")),
        Some(Rule::DestinationPortRange(Int32Range { start, end })) => {
            // The end does not belong to the range.
            match (u16::try_from(*start), u16::try_from(i64::from(*end) - 1)) {
                (Ok(start), Ok(last)) if start <= last => Ok(vec![start..=last]),
                _ => {
                    Err(at.field("destination_port_range").refuse(format!("{start} to {end} holds no ports")))
                }
            }
        }
        Some(Rule::OrMatch(MatchSet { rules })) => {
            let at = at.field("or_match");
            let mut all = Vec::new();
            for (index, rule) in rules.iter().enumerate() {
                all.extend(ports(rule, &at.item("rules", index))?);
            }
            Ok(all)
        }
        Some(Rule::AndMatch(_)) => Err(at.field("and_match").refuse("it is not supported")),
        Some(Rule::NotMatch(_)) => Err(at.field("not_match").refuse("it is not supported")),
    }
}
