//! Listener filters: what is found out about a connection before a chain is chosen.

use outrigger_proto::envoy::config::listener::v3::{
    Listener, ListenerFilter, ListenerFilterChainMatchPredicate,
    listener_filter::ConfigType,
    listener_filter_chain_match_predicate::{MatchSet, Rule},
};
use outrigger_proto::envoy::extensions::filters::listener::http_inspector::v3::HttpInspector;
use outrigger_proto::envoy::extensions::filters::listener::original_dst::v3::OriginalDst;
use outrigger_proto::envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector;
use outrigger_proto::envoy::r#type::v3::Int32Range;
use outrigger_proto::google::protobuf::Any;

use crate::encode::{any, duration};
use crate::world::World;

/// What HTTP in plain bytes is found out to be (envoy: http_inspector).
pub(super) const PLAIN_HTTP: [&str; 3] = ["http/1.0", "http/1.1", "h2c"];

/// What a listener looks for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Inspection<'a> {
    pub(super) tls: bool,
    pub(super) http: bool,
    /// Ports for which nothing is looked for: what they speak is declared, or their servers speak first.
    pub(super) except: &'a [u16],
}

/// Adds the filters, and says how long they may wait for the first bytes; after that the connection
/// counts as TCP.
pub(super) fn inspect(listener: &mut Listener, world: &World<'_>, inspection: Inspection<'_>) {
    let filters = [
        inspection.tls.then(|| filter("envoy.filters.listener.tls_inspector", any(&TlsInspector::default()))),
        inspection.http.then(|| filter("envoy.filters.listener.http_inspector", any(&HttpInspector {}))),
    ];
    for mut filter in filters.into_iter().flatten() {
        filter.filter_disabled = ports(inspection.except);
        listener.listener_filters.push(filter);
    }
    if inspection.tls || inspection.http {
        listener.listener_filters_timeout = Some(duration(world.config().protocol_detection_timeout));
        listener.continue_on_listener_filters_timeout = true;
    }
}

/// Reads the original destination from the socket.
pub(super) fn original_dst() -> ListenerFilter {
    filter("envoy.filters.listener.original_dst", any(&OriginalDst {}))
}

fn filter(name: &str, config: Any) -> ListenerFilter {
    ListenerFilter {
        name: name.to_string(),
        config_type: Some(ConfigType::TypedConfig(config)),
        filter_disabled: None,
    }
}

/// The connections to some ports. An "or" of one is not allowed.
fn ports(ports: &[u16]) -> Option<ListenerFilterChainMatchPredicate> {
    let mut rules: Vec<ListenerFilterChainMatchPredicate> = ports
        .iter()
        .map(|port| ListenerFilterChainMatchPredicate {
            rule: Some(Rule::DestinationPortRange(Int32Range {
                start: i32::from(*port),
                end: i32::from(*port) + 1,
            })),
        })
        .collect();
    if rules.len() > 1 {
        return Some(ListenerFilterChainMatchPredicate { rule: Some(Rule::OrMatch(MatchSet { rules })) });
    }
    rules.pop()
}
