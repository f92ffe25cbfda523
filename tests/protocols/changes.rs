//! What a VirtualService changes about messages, as the upstream and the client see it.

use outrigger_testkit::{Backend, Engine, Message, Then};

use crate::World;

/// Answers with some headers of its own.
fn backend() -> Backend {
    Backend::start(|_, connection| {
        let sent = connection.send(
            "HTTP/1.1 200 OK\r\nx-kept: upstream\r\nx-gone: upstream\r\nx-set: upstream\r\n\
             x-added: upstream\r\nserver: theirs\r\ncontent-length: 0\r\n\r\n",
        );
        sent.map_or(Then::Close, |()| Then::Keep)
    })
}

fn all<'m>(message: &'m Message, name: &str) -> Vec<&'m str> {
    message.headers.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect()
}

#[test]
fn headers_are_set_added_and_removed_both_ways() {
    let routes = "  - headers:
      request: {set: {x-set: ours}, add: {x-added: ours}, remove: [x-gone]}
      response: {set: {x-set: ours}, add: {x-added: ours}, remove: [x-gone]}
    route:
    - destination: {host: app.example}
      headers:
        request: {set: {x-inner: inner}, remove: [x-gone-too]}
        response: {add: {x-inner: inner}}";
    for engine in Engine::available("headers_are_set_added_and_removed_both_ways") {
        let backend = backend();
        let world = World::start(engine, routes, &[backend.port()], &[]);
        let answer = world
            .connect()
            .ask(
                "GET / HTTP/1.1\r\nhost: a\r\nX-Set: client\r\nx-added: client\r\nx-gone: client\r\n\
                 x-gone-too: client\r\nx-inner: client\r\nx-kept: client\r\n\r\n",
            )
            .unwrap();
        let request = &backend.requests()[0];
        let none: [&str; 0] = [];
        assert_eq!(all(request, "x-set"), ["ours"], "{engine:?}");
        assert_eq!(all(request, "x-added"), ["client", "ours"], "{engine:?}");
        assert_eq!(all(request, "x-inner"), ["inner"], "{engine:?}");
        assert_eq!(all(request, "x-gone"), none, "{engine:?}");
        assert_eq!(all(request, "x-gone-too"), none, "{engine:?}");
        assert_eq!(all(request, "x-kept"), ["client"], "{engine:?}");
        assert_eq!(all(&answer, "x-set"), ["ours"], "{engine:?}");
        assert_eq!(all(&answer, "x-added"), ["upstream", "ours"], "{engine:?}");
        assert_eq!(all(&answer, "x-inner"), ["inner"], "{engine:?}");
        assert_eq!(all(&answer, "x-gone"), none, "{engine:?}");
        assert_eq!(all(&answer, "x-kept"), ["upstream"], "{engine:?}");
        assert_eq!(all(&answer, "server"), ["istio-envoy"], "{engine:?}");
    }
}

#[test]
fn host_and_path_are_rewritten() {
    let routes = "  - match: [{uri: {prefix: /host}}]
    rewrite: {authority: inner.example}
    route: [{destination: {host: app.example}}]
  - match: [{uri: {prefix: /set-host}}]
    headers: {request: {set: {':authority': set.example}}}
    route: [{destination: {host: app.example}}]
  - match: [{uri: {prefix: /old}}]
    rewrite: {uri: /new}
    route: [{destination: {host: app.example}}]
  - match: [{uri: {exact: /exact}}]
    rewrite: {uri: /}
    route: [{destination: {host: app.example}}]
  - match: [{uri: {prefix: /both/}}]
    rewrite: {uri: /, authority: both.example}
    route: [{destination: {host: app.example}}]
  - match: [{uri: {prefix: /regex}}]
    rewrite: {uriRegexRewrite: {match: '^/regex/([^/]+)/([^/?]+)', rewrite: '/\\2/\\1'}}
    route: [{destination: {host: app.example}}]
  - route: [{destination: {host: app.example}}]";
    for engine in Engine::available("host_and_path_are_rewritten") {
        let backend = backend();
        let world = World::start(engine, routes, &[backend.port()], &[]);
        for (sent, host, target) in [
            ("/host/a?b=c", "inner.example", "/host/a?b=c"),
            ("/set-host", "set.example", "/set-host"),
            ("/old", "app.example", "/new"),
            ("/old/a?b=c", "app.example", "/new/a?b=c"),
            ("/older", "app.example", "/newer"),
            ("/exact?b=c", "app.example", "/?b=c"),
            ("/both/a", "both.example", "/a"),
            ("/regex/a/b?c=d", "app.example", "/b/a?c=d"),
            ("/plain", "app.example", "/plain"),
        ] {
            assert_eq!(world.get(sent).status(), 200, "{engine:?} {sent}");
            let request = backend.requests().pop().unwrap();
            assert_eq!((request.header("host"), request.target()), (Some(host), target), "{engine:?} {sent}");
        }
    }
}

#[test]
fn the_upstream_is_told_who_asked() {
    for engine in Engine::available("the_upstream_is_told_who_asked") {
        let backend = backend();
        let world = World::start(engine, outrigger_tests::TO_APP, &[backend.port()], &[]);
        let answer = world
            .connect()
            .ask(
                "GET /x HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 10.1.2.3\r\nx-forwarded-proto: https\r\n\
                 x-envoy-peer-metadata: forged\r\nx-envoy-peer-metadata-id: forged\r\n\
                 x-envoy-internal: true\r\nx-envoy-original-path: /forged\r\n\
                 connection: x-hop\r\nx-hop: 1\r\nte: trailers\r\n\r\n",
            )
            .unwrap();
        let request = &backend.requests()[0];
        // For a client on loopback Envoy writes its own address.
        let [forwarded] = all(request, "x-forwarded-for")[..] else { panic!("{request:?}") };
        assert!(forwarded.starts_with("10.1.2.3,"), "{engine:?}: {forwarded}");
        assert!(engine == Engine::Envoy || forwarded == "10.1.2.3,127.0.0.1", "{forwarded}");
        assert_eq!(all(request, "x-forwarded-proto"), ["http"], "{engine:?}");
        assert_eq!(all(request, "x-request-id").len(), 1, "{engine:?}");
        assert_eq!(all(request, "x-hop").len(), 0, "{engine:?}");
        assert_eq!(request.header("x-envoy-original-path"), None, "{engine:?}");
        // Only the native proxy knows Istio's exchange of metadata, and believes no client.
        if engine == Engine::Native {
            let forged: Vec<_> = request.headers.iter().filter(|(_, value)| value == "forged").collect();
            assert!(forged.is_empty(), "{forged:?}");
        }
        assert!(answer.header("x-envoy-upstream-service-time").is_some(), "{engine:?}: {answer:?}");
    }
}

/// Requests whose headers are compared.
const REQUESTS: &[&str] = &[
    "GET /plain HTTP/1.1\r\nhost: app.example\r\n\r\n",
    "GET /case HTTP/1.1\r\nHost: App.Example:8080\r\nAccept: */*\r\n\
     User-Agent: test/1\r\nX-Mixed-Case: A\r\n\r\n",
    "POST /length HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-type: text/plain\r\n\r\nabc",
    "POST /chunked HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\
     trailer: x-sum\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "GET /hops HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, x-hop\r\nx-hop: 1\r\nkeep-alive: 5\r\n\
     proxy-connection: keep-alive\r\nproxy-authorization: b\r\nupgrade: h2c\r\n\r\n",
    "GET /control HTTP/1.1\r\nhost: a\r\nx-envoy-upstream-rq-timeout-ms: 5000\r\n\
     x-envoy-upstream-rq-per-try-timeout-ms: 4000\r\nx-envoy-max-retries: 3\r\nx-envoy-retry-on: 5xx\r\n\
     x-envoy-hedge-on-per-try-timeout: true\r\nx-envoy-upstream-alt-stat-name: z\r\n\
     x-envoy-force-trace: true\r\nx-envoy-decorator-operation: o\r\nx-envoy-expected-rq-timeout-ms: 1\r\n\
     x-envoy-attempt-count: 9\r\nx-envoy-external-address: 1.2.3.4\r\nx-envoy-downstream-service-cluster: s\r\n\
     x-envoy-ip-tags: t\r\nx-envoy-original-host: h\r\nx-envoy-internal: true\r\nx-envoy-original-path: /p\r\n\r\n",
    "GET /forwarded HTTP/1.1\r\nhost: a\r\nx-forwarded-host: h\r\nx-forwarded-port: 1\r\nforwarded: for=1\r\n\
     via: 1.1 v\r\nx-real-ip: 1.1.1.1\r\nx-request-id: mine\r\nx-forwarded-client-cert: forged\r\n\
     traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n",
    "GET /double HTTP/1.1\r\nhost: a\r\ncookie: a=1\r\ncookie: b=2\r\nuser-agent: u\r\n\r\n",
];

#[test]
fn both_engines_send_the_same_headers() {
    let mut first: Option<Vec<[Vec<String>; 2]>> = None;
    for engine in Engine::available("both_engines_send_the_same_headers") {
        let backend = backend();
        let world = World::start(engine, outrigger_tests::TO_APP, &[backend.port()], &[]);
        let seen = REQUESTS.iter().map(|request| {
            let answer = world.connect().ask(request).unwrap();
            [described(&backend.requests().pop().unwrap()), described(&answer)]
        });
        let seen: Vec<_> = seen.collect();
        let Some(native) = &first else {
            first = Some(seen);
            continue;
        };
        for ((request, native), envoy) in REQUESTS.iter().zip(native).zip(&seen) {
            assert_eq!(native, envoy, "native is left, {engine:?} right: {request}");
        }
    }
}

/// Headers in order of their names, without what differs each time. Only the native proxy says who it
/// is: the exchange of metadata is Istio's addition to Envoy.
fn described(message: &Message) -> Vec<String> {
    let told = message.headers.iter().filter(|(name, _)| !name.starts_with("x-envoy-peer-metadata"));
    let mut lines: Vec<String> = told
        .map(|(name, value)| {
            let value = match name.as_str() {
                "x-request-id" if value.len() == 36 => "(id)",
                "x-envoy-upstream-service-time" => "(time)",
                "x-forwarded-for" => "(address)",
                "date" => "(date)",
                _ => value,
            };
            format!("{name}: {value}")
        })
        .collect();
    lines.sort();
    lines
}
