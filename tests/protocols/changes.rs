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
