//! What a user sees at a gateway: both engines answer alike, statuses, flags and metrics included.

use outrigger_testkit::{Engine, Mesh, free_ports, get, request};
use outrigger_tests::{app, loopback, manifests, metric, wait_for_status};

const ROUTES: &str = "  - name: moved
    match: [{uri: {exact: /old}}]
    redirect: {uri: /new, redirectCode: 302}
  - name: teapot
    match: [{uri: {prefix: /teapot}, method: {exact: GET}}]
    directResponse: {status: 418, body: {string: short and stout}}
  - name: nowhere
    match: [{uri: {prefix: /nowhere}}]
    route: [{destination: {host: missing.example}}]
  - name: subset
    match: [{uri: {prefix: /subset}}]
    route: [{destination: {host: app.example, subset: missing}}]
  - name: empty
    match: [{uri: {prefix: /empty}}]
    route: [{destination: {host: empty.example}}]
  - name: refused
    match: [{uri: {prefix: /refused}}]
    route: [{destination: {host: refused.example}}]
  - name: rewritten
    match: [{uri: {prefix: /before/}}]
    rewrite: {uri: /hello/}
    headers: {response: {set: {x-rewritten: 'yes'}}}
    route: [{destination: {host: app.example}}]
  - name: by-header
    match: [{uri: {prefix: /hello}, headers: {x-canary: {exact: 'on'}}}]
    route: [{destination: {host: canary.example}}]
  - name: main
    match: [{uri: {prefix: /hello}}]
    route: [{destination: {host: app.example}}]";

#[test]
fn both_engines_answer_alike() {
    for engine in Engine::available("both_engines_answer_alike") {
        let [port, backend, canary, closed] = free_ports(4)[..] else { unreachable!() };
        let text = [
            manifests(port, ROUTES, &[backend]),
            outrigger_tests::service("canary.example", "HTTP", 80, &[canary]),
            outrigger_tests::service("empty.example", "HTTP", 80, &[]),
            outrigger_tests::service("refused.example", "HTTP", 80, &[closed]),
        ]
        .join("---\n");
        let mesh = Mesh::start(&[("mesh.yaml", &text)]);
        let _main = app("hello", "v1", backend, mesh.scratch());
        let _canary = app("hello", "v2", canary, mesh.scratch());
        let gateway = mesh.gateway("gateway", engine);
        wait_for_status(port, "/hello/eric", 200);
        let ask = |path: &str| get(loopback(port), "app.example", path).unwrap();

        let moved = ask("/old");
        assert_eq!(
            (moved.status, moved.header("location")),
            (302, Some("http://app.example/new")),
            "{engine:?}"
        );
        let teapot = ask("/teapot");
        assert_eq!((teapot.status, teapot.body.as_str()), (418, "short and stout"), "{engine:?}");
        let rewritten = ask("/before/eric");
        assert_eq!(rewritten.body, "Hello eric(127.0.0.1)", "{engine:?}");
        assert_eq!(rewritten.header("x-rewritten"), Some("yes"), "{engine:?}");
        let with_header = request(
            loopback(port),
            "GET /hello/eric HTTP/1.1\r\nhost: a\r\nx-canary: on\r\nconnection: close\r\n\r\n",
        );
        assert_eq!(with_header.unwrap().body, "Bonjour eric(127.0.0.1)", "{engine:?}");
        for (path, status) in
            [("/none", 404), ("/nowhere", 503), ("/subset", 503), ("/empty", 503), ("/refused", 503)]
        {
            assert_eq!(ask(path).status, status, "{engine:?} {path}");
        }
        if engine == Engine::Native {
            let text = get(gateway.metrics(), "metrics", "/stats/prometheus").unwrap().body;
            for (flag, code) in [("NR", "404"), ("NC", "503"), ("UH", "503")] {
                let parts = [
                    "istio_requests_total",
                    &format!("response_flags=\"{flag}\""),
                    &format!("response_code=\"{code}\""),
                ];
                assert!(metric(&text, &parts) >= 1.0, "{flag}: {text}");
            }
            assert!(metric(&text, &["istio_requests_total", "UF"]) >= 1.0, "{text}");
        }
    }
}
