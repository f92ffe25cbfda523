use super::*;
use crate::test_support;
use crate::{Filter, Inspect, NoTrace, TcpProxy};
use std::sync::Arc;

fn chain(name: &str, matches: ChainMatch) -> FilterChain {
    let tcp = TcpProxy {
        stat_prefix: "t".into(),
        cluster: crate::ClusterChoice::One("c".into()),
        idle_timeout: None,
        max_connect_attempts: 1,
        access_logs: Vec::new(),
    };
    FilterChain { name: name.into(), matches, filter: Filter::Tcp(Arc::new(tcp)), origins: Vec::new() }
}

fn listener(chains: Vec<FilterChain>) -> Listener {
    Listener { chains, ..test_support::listener("0.0.0.0:15001") }
}

fn facts<'a>() -> ConnectionFacts<'a> {
    ConnectionFacts {
        destination: ([10, 1, 2, 3], 80).into(),
        source: ([10, 9, 9, 9], 4000).into(),
        transport: Transport::RawBuffer,
        server_name: None,
        application_protocols: &[],
    }
}

fn select(listener: &Listener, facts: ConnectionFacts<'_>) -> Option<String> {
    listener.select_chain(&facts, &mut NoTrace).map(|c| c.name.to_string())
}

fn range(text: &str) -> IpRange {
    let (address, prefix) = text.split_once('/').unwrap();
    IpRange { address: address.parse().unwrap(), prefix: prefix.parse().unwrap() }
}

fn any() -> ChainMatch {
    ChainMatch::default()
}

#[test]
fn an_earlier_criterion_decides_even_if_a_later_one_then_fails() {
    let mut l = listener(vec![
        chain("port", ChainMatch { destination_port: Some(80), transport: Some(Transport::Tls), ..any() }),
        chain("address", ChainMatch { destination: vec![range("10.1.2.3/32")], ..any() }),
    ]);
    assert_eq!(select(&l, facts()), None);
    l.default_chain = Some(chain("default", any()));
    assert_eq!(select(&l, facts()).as_deref(), Some("default"));
    let elsewhere = ConnectionFacts { destination: ([10, 1, 2, 3], 81).into(), ..facts() };
    assert_eq!(select(&l, elsewhere).as_deref(), Some("address"));
}

#[test]
fn the_longest_destination_prefix_wins() {
    let to = |name: &str, r: &str| chain(name, ChainMatch { destination: vec![range(r)], ..any() });
    let l =
        listener(vec![to("8", "10.0.0.0/8"), to("24", "10.1.2.0/24"), to("v6", "::/0"), chain("any", any())]);
    assert_eq!(select(&l, facts()).as_deref(), Some("24"));
    let at =
        |ip: &str| ConnectionFacts { destination: (ip.parse::<IpAddr>().unwrap(), 80).into(), ..facts() };
    assert_eq!(select(&l, at("10.2.0.1")).as_deref(), Some("8"));
    assert_eq!(select(&l, at("11.0.0.1")).as_deref(), Some("any"));
    assert_eq!(select(&l, at("2001:db8::1")).as_deref(), Some("v6"));
    assert_eq!(select(&l, at("::ffff:10.1.2.9")).as_deref(), Some("24"));
}

#[test]
fn exact_server_names_come_before_longer_and_shorter_wildcards() {
    let named = |names: &[&str]| ChainMatch {
        server_names: names.iter().map(|n| Arc::from(*n)).collect(),
        transport: Some(Transport::Tls),
        ..any()
    };
    let l = listener(vec![
        chain("short", named(&["*.com"])),
        chain("long", named(&["*.example.com", "x.org"])),
        chain("exact", named(&["a.example.com"])),
        chain("none", any()),
    ]);
    let tls = |name| ConnectionFacts { server_name: name, transport: Transport::Tls, ..facts() };
    assert_eq!(select(&l, tls(Some("A.example.com"))).as_deref(), Some("exact"));
    assert_eq!(select(&l, tls(Some("b.example.com"))).as_deref(), Some("long"));
    assert_eq!(select(&l, tls(Some("example.com"))).as_deref(), Some("short"));
    assert_eq!(select(&l, tls(Some("x.org"))).as_deref(), Some("long"));
    assert_eq!(select(&l, tls(Some("y.org"))).as_deref(), Some("none"));
    assert_eq!(select(&l, tls(None)).as_deref(), Some("none"));
}

#[test]
fn the_clients_order_of_protocols_decides() {
    let speaks = |name: &str| {
        chain(name, ChainMatch { application_protocols: vec![name.into()], transport: None, ..any() })
    };
    let l = listener(vec![speaks("http/1.1"), speaks("h2"), chain("tcp", any())]);
    let alpn = |p| ConnectionFacts { application_protocols: p, ..facts() };
    assert_eq!(select(&l, alpn(&["h2", "http/1.1"])).as_deref(), Some("h2"));
    assert_eq!(select(&l, alpn(&["x", "http/1.1", "h2"])).as_deref(), Some("http/1.1"));
    assert_eq!(select(&l, alpn(&["x"])).as_deref(), Some("tcp"));
}

#[test]
fn transport_comes_before_application_protocol() {
    let l = listener(vec![
        chain("http", ChainMatch { application_protocols: vec!["h2".into()], ..any() }),
        chain("tls", ChainMatch { transport: Some(Transport::Tls), ..any() }),
    ]);
    let tls = ConnectionFacts { transport: Transport::Tls, application_protocols: &["h2"], ..facts() };
    assert_eq!(select(&l, tls).as_deref(), Some("tls"));
    assert_eq!(
        select(&l, ConnectionFacts { transport: Transport::RawBuffer, ..tls }).as_deref(),
        Some("http")
    );
}

#[test]
fn sources_are_told_apart_by_kind_then_address_then_port() {
    let l = listener(vec![
        chain("local", ChainMatch { source: SourceType::SameIpOrLoopback, ..any() }),
        chain("near", ChainMatch { source_ranges: vec![range("10.9.0.0/16")], ..any() }),
        chain(
            "port",
            ChainMatch { source_ranges: vec![range("10.9.0.0/16")], source_ports: vec![5], ..any() },
        ),
        chain("peer", ChainMatch { direct_source: vec![range("10.8.0.0/16")], ..any() }),
    ]);
    let from = |source: ([u8; 4], u16)| ConnectionFacts { source: source.into(), ..facts() };
    assert_eq!(select(&l, from(([127, 0, 0, 1], 1))).as_deref(), Some("local"));
    assert_eq!(select(&l, from(([10, 1, 2, 3], 1))).as_deref(), Some("local"));
    assert_eq!(select(&l, from(([10, 9, 1, 1], 1))).as_deref(), Some("near"));
    assert_eq!(select(&l, from(([10, 9, 1, 1], 5))).as_deref(), Some("port"));
    assert_eq!(select(&l, from(([10, 8, 1, 1], 5))).as_deref(), Some("peer"));
    assert_eq!(select(&l, from(([10, 7, 1, 1], 5))), None);
}

#[test]
fn ports_may_be_exempt_from_inspection() {
    let mut l = listener(vec![]);
    l.inspect = Inspect { tls: true, http: true, tls_except: vec![25..=25, 100..=200], ..Inspect::default() };
    assert!(!l.inspects_tls(25) && !l.inspects_tls(150) && l.inspects_tls(201));
    assert!(l.inspects_http(25));
    l.inspect.http_except = vec![0..=u16::MAX];
    assert!(!l.inspects_http(25));
}

#[test]
fn the_trace_names_every_loser_and_why() {
    #[derive(Default)]
    struct Lines(Vec<String>);
    impl Trace for Lines {
        fn rejected(&mut self, candidate: &str, why: fmt::Arguments<'_>) {
            self.0.push(format!("- {candidate}: {why}"));
        }
        fn chosen(&mut self, candidate: &str, why: fmt::Arguments<'_>) {
            self.0.push(format!("+ {candidate}: {why}"));
        }
    }
    let l = listener(vec![
        chain("other", ChainMatch { destination_port: Some(81), ..any() }),
        chain("", any()),
        chain("this", ChainMatch { destination_port: Some(80), ..any() }),
    ]);
    let mut lines = Lines::default();
    l.select_chain(&facts(), &mut lines);
    assert_eq!(
        lines.0,
        [
            "- other: its destination port does not fit the connection's, 80",
            "- #1: another fits 80, the connection's destination port, more closely",
            "+ this: it fits best: destination port 80",
        ]
    );
}
