use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use outrigger_traffic::{Direction, Inspect, Listener, ResponseFlag};

use super::*;
use crate::downstream::{DownstreamFacts, TlsFacts};
use crate::telemetry::record::{Protocol, UpstreamFacts};

fn facts() -> DownstreamFacts {
    let listener = Listener {
        name: "l".into(),
        address: "0.0.0.0:80".parse().unwrap(),
        additional_addresses: Vec::new(),
        bind: true,
        restores_original_dst: false,
        hands_off: false,
        inspect: Inspect::default(),
        chains: Vec::new(),
        default_chain: None,
        direction: Direction::Outbound,
        backlog: None,
        origins: Vec::new(),
    };
    DownstreamFacts {
        id: 7,
        peer: "10.0.0.9:4711".parse().unwrap(),
        local: "[2001:db8::1]:80".parse().unwrap(),
        original_dst: None,
        listener: Arc::new(listener),
        chain: "chain".into(),
        tls: TlsFacts { is_tls: true, sni: Some("a.example".into()), alpn: Vec::new() },
        application_protocols: Vec::new(),
        checked: Cell::new((0, false)),
    }
}

fn headers(pairs: &[(&'static str, &str)]) -> http::HeaderMap {
    pairs.iter().map(|(k, v)| (http::HeaderName::from_static(k), v.parse().unwrap())).collect()
}

fn with_record(test: impl FnOnce(&RequestRecord<'_>)) {
    let facts = facts();
    let request = headers(&[("user-agent", "curl/8 \"x\""), ("x-b", "b")]);
    let response = headers(&[("x-envoy-upstream-service-time", "3")]);
    let started = Instant::now();
    let mut record = RequestRecord {
        finished: started + Duration::from_millis(12),
        response_started: Some(started + Duration::from_millis(4)),
        request: &request,
        response: &response,
        status: Some(503),
        bytes_sent: 19,
        details: "via_upstream",
        route: "r",
        upstream: UpstreamFacts { cluster_name: Some("outbound|80||a"), ..UpstreamFacts::default() },
        ..RequestRecord::new(&facts, Protocol::Http11, started)
    };
    record.flags.set(ResponseFlag::UpstreamRetryLimitExceeded);
    record.flags.set(ResponseFlag::UpstreamConnectionFailure);
    test(&record);
}

#[test]
fn operators_are_written_as_envoy_writes_them() {
    with_record(|record| {
        let table = [
            ("100%% %PROTOCOL%", "100% HTTP/1.1"),
            ("%RESPONSE_CODE% %RESPONSE_FLAGS%", "503 UF,URX"),
            ("%RESPONSE_FLAGS_LONG%", "UpstreamConnectionFailure,UpstreamRetryLimitExceeded"),
            ("%REQ(X-A?X-B)% %REQ(X-A)%", "b -"),
            ("%REQ(USER-AGENT):4%|", "curl|"),
            ("%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% %TRAILER(A)%", "3 -"),
            ("%DURATION% %REQUEST_DURATION% %RESPONSE_DURATION% %RESPONSE_TX_DURATION%", "12 - 4 8"),
            ("%BYTES_RECEIVED%/%BYTES_SENT%", "0/19"),
            ("%UPSTREAM_HOST% %UPSTREAM_CLUSTER% %UPSTREAM_LOCAL_ADDRESS%", "- outbound|80||a -"),
            ("%DOWNSTREAM_LOCAL_ADDRESS%", "[2001:db8::1]:80"),
            ("%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%", "2001:db8::1"),
            ("%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_REMOTE_PORT%", "10.0.0.9:4711 4711"),
            ("%REQUESTED_SERVER_NAME% %ROUTE_NAME% %VIRTUAL_CLUSTER_NAME%", "a.example r -"),
            ("%HOSTNAME% %FILTER_CHAIN_NAME% %ACCESS_LOG_TYPE%", "host chain DownstreamEnd"),
            ("%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS%", "via_upstream -"),
            ("\"%UPSTREAM_TRANSPORT_FAILURE_REASON%\"", "\"-\""),
            ("%CONNECTION_ID%", "7"),
            ("%START_TIME(%Y)%", ""),
        ];
        for (text, expected) in table {
            let mut out = Vec::new();
            Format::parse(text, "host").unwrap().write(record, &mut out);
            let out = String::from_utf8(out).unwrap();
            match text {
                "%START_TIME(%Y)%" => assert!(out.len() == 4 && out.starts_with('2'), "{out}"),
                _ => assert_eq!(out, expected, "{text}"),
            }
        }
    });
}

#[test]
fn a_header_leaves_out_what_is_missing() {
    with_record(|record| {
        let mut out = Vec::new();
        Format::parse_header("[%REQ(X-A)%]%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "h")
            .unwrap()
            .write(record, &mut out);
        assert_eq!(out, b"[]10.0.0.9");
    });
}

#[test]
fn json_keeps_numbers_and_nulls() {
    with_record(|record| {
        let field = |k: &str, v: &str| (Arc::from(k), Arc::from(v));
        let fields = [
            field("code", "%RESPONSE_CODE%"),
            field("agent", "%REQ(USER-AGENT)%"),
            field("none", "%REQ(X-NONE)%"),
            field("mixed", "%RESPONSE_CODE% %REQ(X-NONE)%"),
            field("peer", "%DOWNSTREAM_REMOTE_ADDRESS%"),
            field("literal\n", "x"),
        ];
        let mut out = Vec::new();
        JsonFormat::parse(&fields, "h").unwrap().write(record, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"code\":503,\"agent\":\"curl/8 \\\"x\\\"\",\"none\":null,\"mixed\":\"503 -\",\
             \"peer\":\"10.0.0.9:4711\",\"literal\\n\":\"x\"}\n"
        );
    });
}

#[test]
fn what_cannot_be_answered_is_refused_by_name() {
    let unknown = |name: &str| FormatError::Unknown(name.to_owned());
    let table = [
        ("%DYNAMIC_METADATA(a:b)%", unknown("DYNAMIC_METADATA(a:b)")),
        ("%NOPE%", unknown("NOPE")),
        ("%UPSTREAM_CLUSTER_PORT%", unknown("UPSTREAM_CLUSTER_PORT")),
        ("50% off", FormatError::Malformed(2)),
        ("%", FormatError::Malformed(0)),
        ("%REQ(x", FormatError::Malformed(0)),
        ("a%%b%PROTOCOL:x%", FormatError::Malformed(4)),
    ];
    for (text, expected) in table {
        assert_eq!(Format::parse(text, "").unwrap_err(), expected, "{text}");
    }
    for text in ["%REQ%", "%REQ(a?b?c)%", "%START_TIME(%Q)%", "%PROTOCOL(x)%", "%GRPC_STATUS(x)%"] {
        assert!(matches!(Format::parse(text, ""), Err(FormatError::Argument { .. })), "{text}");
    }
}
