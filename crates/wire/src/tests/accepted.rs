use std::sync::Arc;
use std::time::Duration;

use outrigger_base::{Kind, ResourceKey};
use outrigger_proto::envoy::config::cluster::v3::cluster::{ClusterDiscoveryType, DiscoveryType, LbPolicy};
use outrigger_proto::envoy::config::core::v3::substitution_format_string::Format;
use outrigger_proto::envoy::config::core::v3::{DataSource, SubstitutionFormatString, data_source};
use outrigger_proto::envoy::config::listener::v3::{
    FilterChain, listener_filter_chain_match_predicate::Rule,
};
use outrigger_proto::envoy::config::route::v3::redirect_action::{
    PathRewriteSpecifier, SchemeRewriteSpecifier,
};
use outrigger_proto::envoy::config::route::v3::route_action::MaxStreamDuration;
use outrigger_proto::envoy::config::route::v3::{
    DirectResponseAction, HeaderMatcher, RedirectAction, RouteAction, route, route_action, route_match,
};
use outrigger_proto::envoy::extensions::access_loggers::file::v3::{FileAccessLog, file_access_log};
use outrigger_proto::envoy::r#type::matcher::v3::RegexMatcher;
use outrigger_proto::google::protobuf::{Struct, Value, value};
use outrigger_proto::prost::Message;
use outrigger_traffic::{
    AccessLogFormat, Action, Balancer, ClusterChoice, Codec, Direction, Discovery, DnsFamily, Filter,
    HeaderMutation, HeaderTest, HttpManager, Limits, PathMatch, PathRewrite, PeerMetadata, RedirectPath,
    RouteConfig, Routes, TcpKeepalive, Transport, UpstreamProtocol,
};

use super::messages::*;

fn origins() -> Vec<ResourceKey> {
    vec![ResourceKey::new(Kind::VIRTUAL_SERVICE, "ns", "vs"), ResourceKey::new(Kind::SERVICE, "ns", "svc")]
}

fn manager(filter: &Filter) -> &Arc<HttpManager> {
    match filter {
        Filter::Http(manager) => manager,
        Filter::Tcp(_) => panic!("not HTTP"),
    }
}

fn read_routes(edit: impl FnOnce(&mut RouteAction)) -> RouteConfig {
    let mut message = routes();
    let mut action = route_action();
    edit(&mut action);
    message.virtual_hosts[0].routes[0].action = Some(route::Action::Route(action));
    crate::route(&message.encode_to_vec()).unwrap()
}

fn first_action(config: &RouteConfig) -> &Action {
    &config.virtual_hosts()[0].routes[0].action
}

#[test]
fn a_listener_is_read_whole() {
    let read = crate::listener(&listener().encode_to_vec()).unwrap();
    assert_eq!((&*read.name, read.address), ("virtualOutbound", ([0, 0, 0, 0], 15001).into()));
    assert!(read.bind && read.restores_original_dst && read.hands_off);
    assert_eq!(read.direction, Direction::Outbound);
    assert!(read.inspect.tls && read.inspect.http && read.inspect.continue_on_timeout);
    assert_eq!(read.inspect.timeout, Some(Duration::from_secs(5)));
    assert!(read.inspects_tls(25) && !read.inspects_http(25) && !read.inspects_http(3306));
    assert!(read.inspects_http(26));
    assert_eq!(read.origins, origins());
    assert!(matches!(&read.default_chain.unwrap().filter, Filter::Tcp(tcp)
        if tcp.cluster == ClusterChoice::One("BlackHoleCluster".into()) && tcp.idle_timeout.is_some()));
    let chain = &read.chains[0];
    assert_eq!(chain.origins, origins());
    assert_eq!(chain.matches.destination_port, Some(80));
    assert_eq!(chain.matches.destination[0].to_string(), "10.0.0.0/8");
    assert_eq!(chain.matches.server_names, ["*.example.com".into()]);
    assert_eq!(chain.matches.transport, Some(Transport::RawBuffer));
}

#[test]
fn an_http_manager_has_envoys_defaults_where_nothing_is_said() {
    let read = crate::listener(&listener().encode_to_vec()).unwrap();
    let http = manager(&read.chains[0].filter);
    assert_eq!(http.routes, Routes::Named("80".into()));
    assert_eq!((http.codec, &*http.server_name), (Codec::Auto, "envoy"));
    assert_eq!((http.max_request_headers_kib, http.max_request_headers), (60, 100));
    assert_eq!(http.stream_idle_timeout, None);
    assert_eq!(http.idle_timeout, Some(Duration::from_secs(3600)));
    assert_eq!(http.drain_timeout, Duration::from_secs(5));
    assert_eq!(http.upgrades, ["websocket".into()]);
    assert!(http.generate_request_id && http.normalize_path && !http.use_remote_address);
    assert_eq!(http.peer_metadata, PeerMetadata::Exchange);
    assert_eq!(http.access_logs[0].format, AccessLogFormat::Text("%RESPONSE_CODE%\n".into()));
}

#[test]
fn a_listener_without_direction_keeps_who_it_is_to_itself() {
    let mut message = listener();
    message.traffic_direction = 0;
    message.bind_to_port = flag(false);
    message.use_original_dst = None;
    message.listener_filters[2].filter_disabled = Some(predicate(Rule::AnyMatch(true)));
    let read = crate::listener(&message.encode_to_vec()).unwrap();
    assert_eq!(manager(&read.chains[0].filter).peer_metadata, PeerMetadata::Ignore);
    assert!(!read.bind && !read.hands_off && read.restores_original_dst);
    assert!(!read.inspects_http(80) && read.inspects_tls(80));
}

#[test]
fn json_logs_keep_their_fields_in_order() {
    let text = |text: &str| Value { kind: Some(value::Kind::StringValue(text.into())) };
    let fields = [("b".to_string(), text("%B%")), ("a".to_string(), text("%A%"))].into();
    let format = SubstitutionFormatString {
        format: Some(Format::JsonFormat(Struct { fields })),
        ..Default::default()
    };
    let log = FileAccessLog {
        path: "/dev/stderr".into(),
        access_log_format: Some(file_access_log::AccessLogFormat::LogFormat(format)),
    };
    let mut http = http_manager();
    http.access_log[0].config_type =
        Some(outrigger_proto::envoy::config::accesslog::v3::access_log::ConfigType::TypedConfig(any(&log)));
    let mut message = listener();
    message.filter_chains = vec![http_chain(&http)];
    let read = crate::listener(&message.encode_to_vec()).unwrap();
    let expected = vec![("a".into(), "%A%".into()), ("b".into(), "%B%".into())];
    assert_eq!(manager(&read.chains[0].filter).access_logs[0].format, AccessLogFormat::Json(expected));
}

#[test]
fn routes_are_read_whole() {
    let read = crate::route(&routes().encode_to_vec()).unwrap();
    assert!(read.ignore_port_in_host);
    let host = &read.virtual_hosts()[0];
    assert_eq!(host.domains, ["a.b".into(), "*.a.b".into()]);
    assert!(host.attempt_count_in_request && host.origins.is_empty());
    let route = &host.routes[0];
    assert_eq!((&*route.name, &route.origins), ("first", &origins()));
    assert_eq!(
        route.headers.request,
        [HeaderMutation::Remove("x-gone".into()), HeaderMutation::Append("x-added".into(), "1".into())]
    );
    let Action::Forward(forward) = &route.action else { panic!("not forwarding") };
    let shares = forward.cluster.shares();
    assert_eq!(shares, [("a".into(), 0.3), ("b".into(), 0.7)]);
    assert_eq!((forward.timeout, forward.grpc_timeout_max), (None, Some(Duration::ZERO)));
    assert_eq!(forward.path_rewrite, Some(PathRewrite::Prefix("/new".into())));
    assert_eq!(forward.host_rewrite.as_deref(), Some("c.d"));
    let retry = forward.retry.as_ref().unwrap();
    assert!(retry.on.connect_failure && retry.on.retriable_status_codes && retry.avoid_previous_hosts);
    assert_eq!((retry.retries, retry.host_selection_attempts), (2, 5));
    assert_eq!((retry.backoff_base.as_millis(), retry.backoff_max.as_millis()), (25, 250));
}

#[test]
fn routes_have_envoys_default_timeout_where_nothing_is_said() {
    let read = read_routes(|action| {
        action.timeout = None;
        action.max_grpc_timeout = None;
        action.max_stream_duration = Some(MaxStreamDuration {
            max_stream_duration: seconds(0),
            grpc_timeout_header_max: seconds(3),
            ..Default::default()
        });
        action.cluster_not_found_response_code =
            route_action::ClusterNotFoundResponseCode::InternalServerError.into();
    });
    let Action::Forward(forward) = first_action(&read) else { panic!("not forwarding") };
    assert_eq!(forward.timeout, Some(Duration::from_secs(15)));
    assert_eq!(forward.grpc_timeout_max, Some(Duration::from_secs(3)));
    assert_eq!(forward.cluster_not_found_status, 500);
}

#[test]
fn redirects_and_direct_responses_are_read() {
    let mut message = routes();
    message.virtual_hosts[0].routes[0].action = Some(route::Action::Redirect(RedirectAction {
        host_redirect: "n.e".into(),
        port_redirect: 8443,
        response_code: 3,
        scheme_rewrite_specifier: Some(SchemeRewriteSpecifier::HttpsRedirect(true)),
        path_rewrite_specifier: Some(PathRewriteSpecifier::PrefixRewrite("/p".into())),
        ..Default::default()
    }));
    let read = crate::route(&message.encode_to_vec()).unwrap();
    let Action::Redirect(redirect) = first_action(&read) else { panic!("no redirect") };
    assert_eq!((redirect.status, redirect.port, redirect.https), (307, Some(8443), true));
    assert_eq!(redirect.path, RedirectPath::Prefix("/p".into()));

    message.virtual_hosts[0].routes[0].action = Some(route::Action::DirectResponse(DirectResponseAction {
        status: 418,
        body: Some(DataSource {
            specifier: Some(data_source::Specifier::InlineString("tea".into())),
            ..Default::default()
        }),
        ..Default::default()
    }));
    let read = crate::route(&message.encode_to_vec()).unwrap();
    let Action::Direct(direct) = first_action(&read) else { panic!("no direct response") };
    assert_eq!((direct.status, &*direct.body), (418, &b"tea"[..]));
}

#[test]
fn conditions_are_read() {
    let mut message = routes();
    let matches = message.virtual_hosts[0].routes[0].r#match.as_mut().unwrap();
    matches.path_specifier = Some(route_match::PathSpecifier::SafeRegex(RegexMatcher {
        regex: "/a|/b".into(),
        ..Default::default()
    }));
    matches.case_sensitive = flag(false);
    matches.headers = vec![HeaderMatcher { name: "X-Any".into(), invert_match: true, ..Default::default() }];
    let read = crate::route(&message.encode_to_vec()).unwrap();
    let matches = &read.virtual_hosts()[0].routes[0].matches;
    assert!(matches!(&matches.path, PathMatch::Regex(p) if p.regex.as_str() == "^(?:/a|/b)$"));
    assert!(!matches.case_sensitive);
    let header = &matches.headers[0];
    assert_eq!((&*header.name, &header.test, header.invert), ("x-any", &HeaderTest::Present(true), true));
}

#[test]
fn a_cluster_is_read_whole() {
    let (read, endpoints) = crate::cluster(&cluster().encode_to_vec()).unwrap();
    assert_eq!(read.discovery, Discovery::Eds("a.b:80".into()));
    assert_eq!(read.balancer, Balancer::LeastRequest { choices: 2 });
    assert_eq!(read.protocol, UpstreamProtocol::Http2 { max_concurrent_streams: Some(100) });
    let limits =
        Limits { max_connections: 7, max_pending_requests: 1024, max_requests: 1024, max_retries: 3 };
    assert_eq!(read.limits, limits);
    let keepalive = TcpKeepalive { time: Some(Duration::from_secs(60)), ..Default::default() };
    assert_eq!(read.tcp_keepalive, Some(keepalive));
    assert_eq!(read.idle_timeout, Some(Duration::from_secs(3600)));
    assert_eq!(read.origins, origins());
    assert!(endpoints.endpoints().is_empty());
}

#[test]
fn clusters_of_other_kinds_are_read() {
    let of_kind = |kind: DiscoveryType| {
        let mut message = cluster();
        message.eds_cluster_config = None;
        message.cluster_discovery_type = Some(ClusterDiscoveryType::Type(kind.into()));
        message
    };
    let mut fixed = of_kind(DiscoveryType::Static);
    let (read, endpoints) = crate::cluster(&fixed.encode_to_vec()).unwrap();
    assert_eq!((read.discovery, endpoints.endpoints().len()), (Discovery::Static, 0));
    fixed.load_assignment = Some(assignment());
    assert_eq!(crate::cluster(&fixed.encode_to_vec()).unwrap().1.endpoints().len(), 2);

    let mut original = of_kind(DiscoveryType::OriginalDst);
    original.lb_policy = LbPolicy::ClusterProvided.into();
    let (read, _) = crate::cluster(&original.encode_to_vec()).unwrap();
    assert_eq!((read.discovery, read.balancer), (Discovery::OriginalDst, Balancer::ClusterProvided));

    let mut dns = of_kind(DiscoveryType::StrictDns);
    let mut names = assignment();
    names.endpoints.remove(0);
    names.endpoints[0].lb_endpoints[0].host_identifier = lb_endpoint("db.example.com", 3306).host_identifier;
    dns.load_assignment = Some(names);
    dns.dns_lookup_family = 4;
    dns.dns_refresh_rate = seconds(60);
    let (read, _) = crate::cluster(&dns.encode_to_vec()).unwrap();
    let Discovery::StrictDns(options) = read.discovery else { panic!("not DNS") };
    assert_eq!((options.family, options.refresh), (DnsFamily::All, Duration::from_secs(60)));
    let target = &options.targets[0];
    assert_eq!((&*target.host, target.port, target.weight), ("db.example.com", 3306, 80));
    assert_eq!(&*target.workload.name, "web");
}

#[test]
fn endpoints_are_read_whole() {
    let (name, set) = crate::endpoints(&assignment().encode_to_vec()).unwrap();
    assert_eq!(&*name, "outbound|80||a.b");
    let [first, second] = set.endpoints() else { panic!("two endpoints") };
    assert_eq!((first.address, first.weight), (([10, 0, 0, 1], 8080).into(), 80));
    assert_eq!(first.locality.to_string(), "us/us-1/a/r1");
    assert_eq!((&*first.workload.namespace, &*first.workload.cluster), ("ns", "Kubernetes"));
    assert_eq!((&*first.workload.app, &*first.workload.version), ("web", "v1"));
    assert_eq!(first.workload.origin, Some(origins()[0].clone()));
    assert_eq!((second.priority, second.weight), (1, 1));
    assert_eq!(set.usable(), [0]);
}

#[test]
fn filter_chains_without_conditions_are_read() {
    let mut message = listener();
    let tcp = vec![filter(&tcp_proxy())];
    message.filter_chains = vec![FilterChain { filters: tcp, ..Default::default() }];
    let read = crate::listener(&message.encode_to_vec()).unwrap();
    assert_eq!(read.chains[0].matches, outrigger_traffic::ChainMatch::default());
}
