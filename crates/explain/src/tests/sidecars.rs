//! What callers' sidecars do with requests.

use super::support::*;
use crate::{OutcomeKind, Request, Stage, explain};

const BY_WEIGHT: &str = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: split, namespace: shop}
spec:
  hosts: [web]
  http:
  - route:
    - {destination: {host: web, subset: v1}, weight: 30}
    - {destination: {host: web, subset: v2}, weight: 60}
    - {destination: {host: web, subset: none}, weight: 10}
";

#[test]
fn a_service_without_rules_is_shared_by_its_endpoints() {
    let answer = shop("", "http://web/");
    assert_eq!(kind(&answer), (OutcomeKind::Forward, None, None));
    assert_eq!(answer.listener.as_deref(), Some("0.0.0.0_80"));
    assert_eq!(answer.virtual_host.as_deref(), Some("web.shop.svc.cluster.local:80"));
    assert_eq!(answer.route.as_deref(), Some("default"));
    assert_eq!(answer.clusters[0].name, "outbound|80||web.shop.svc.cluster.local");
    assert_eq!(shares(&answer), ["0.500 10.1.0.1:8080", "0.500 10.1.0.2:8080"]);
    assert_eq!(answer.clusters[0].endpoints[0].workload.as_deref(), Some("Pod/shop/web-1"));
    assert_eq!(object(step(&answer, Stage::Name)), "Service/shop/web");
    assert_eq!(object(step(&answer, Stage::Cluster)), "Service/shop/web");
}

#[test]
fn weights_are_shares_of_all_requests_and_an_empty_subset_keeps_its_own() {
    let answer = shop(BY_WEIGHT, "http://web/");
    assert_eq!(kind(&answer), (OutcomeKind::Forward, None, None));
    assert_eq!(shares(&answer), ["0.300 10.1.0.1:8080", "0.600 10.1.0.2:8080"]);
    assert_eq!(object(step(&answer, Stage::Cluster)), "DestinationRule/shop/web");
    let empty = &answer.clusters[2];
    assert_eq!(empty.name, "outbound|80|none|web.shop.svc.cluster.local");
    assert_eq!((empty.share, empty.outcome, empty.endpoints.len()), (0.1, OutcomeKind::NoEndpoint, 0));
    let endpoint = answer.steps.iter().rfind(|s| s.stage == Stage::Endpoint).unwrap();
    assert_eq!(endpoint.rejected.len(), 2);
    assert!(endpoint.rejected[0].why.contains("not of subset none"));
    assert_eq!(object(step(&answer, Stage::Route)), "VirtualService/shop/split");
}

#[test]
fn an_empty_subset_alone_is_503_uh() {
    let only = BY_WEIGHT.replace("weight: 30", "weight: 0").replace("weight: 60", "weight: 0");
    let answer = shop(&only, "http://web/");
    assert_eq!(kind(&answer), (OutcomeKind::NoEndpoint, Some(503), Some("UH")));
}

#[test]
fn of_two_rules_for_one_host_the_older_decides_and_the_other_is_named() {
    let rule = |name: &str, version: &str, time: &str| {
        format!(
            "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: shop{time}}}
spec:
  hosts: [web]
  http: [{{name: to-{version}, route: [{{destination: {{host: web, subset: {version}}}}}]}}]
"
        )
    };
    let older = rule("z", "v2", ", creationTimestamp: '2020-01-01T00:00:00Z'");
    let newer = rule("a", "v1", ", creationTimestamp: '2021-01-01T00:00:00Z'");
    let answer = ask(&manifests(&[SHOP, &newer, &older]), from("shop/client"), get("http://web/"));
    assert_eq!(answer.route.as_deref(), Some("to-v2"));
    let host = step(&answer, Stage::VirtualHost);
    assert_eq!(object(host), "VirtualService/shop/z");
    assert!(host.rejected.iter().any(|r| r.candidate == "VirtualService/shop/a"), "{host:#?}");
    // Without times, names decide.
    let same_age = [SHOP, &rule("z", "v2", ""), &rule("a", "v1", "")];
    let answer = ask(&manifests(&same_age), from("shop/client"), get("http://web/"));
    assert_eq!(answer.route.as_deref(), Some("to-v1"));
}

#[test]
fn conditions_on_path_header_method_and_query_choose_the_route() {
    let rules = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - name: api
    match: [{uri: {prefix: /api}, headers: {x-user: {exact: tester}}}]
    route: [{destination: {host: web, subset: v2}}]
  - name: post
    match: [{method: {exact: POST}}]
    redirect: {uri: /elsewhere, redirectCode: 302}
  - match: [{queryParams: {debug: {exact: '1'}}}]
    directResponse: {status: 418}
  - route: [{destination: {host: web, subset: v1}}]
";
    let all = manifests(&[SHOP, rules]);
    let api = ask(&all, from("shop/client"), with_headers("http://web/api/x", &["x-user: tester"]));
    assert_eq!(api.route.as_deref(), Some("api"));
    assert_eq!(shares(&api), ["1.000 10.1.0.2:8080"]);
    let plain = ask(&all, from("shop/client"), get("http://web/api/x"));
    assert_eq!(plain.route.as_deref(), Some("#3"));
    let rejected = &step(&plain, Stage::Route).rejected;
    assert_eq!(
        (&*rejected[0].candidate, &*rejected[0].why),
        ("api", "not fulfilled: header x-user is \"tester\"")
    );
    let debug = ask(&all, from("shop/client"), get("http://web/?debug=1"));
    assert_eq!(kind(&debug), (OutcomeKind::DirectResponse, Some(418), None));
    assert_eq!(debug.route.as_deref(), Some("#2"));
    let mut post = get("http://web/a?b");
    let crate::Arrival::Http(request) = &mut post else { panic!("a request") };
    request.method = "POST".into();
    let post = ask(&all, from("shop/client"), post);
    assert_eq!(kind(&post), (OutcomeKind::Redirect, Some(302), None));
    assert!(step(&post, Stage::Route).why.contains("redirects to http://web/elsewhere"));
}

#[test]
fn short_names_belong_to_the_callers_namespace() {
    let other = "
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: other}
spec: {containers: [{name: c}]}
status: {phase: Running, podIP: 10.1.0.8, conditions: [{type: Ready, status: 'True'}]}
";
    let all = manifests(&[SHOP, other]);
    for host in ["web.shop", "web.shop.svc", "web.shop.svc.cluster.local", "WEB.shop.svc.cluster.local."] {
        let answer = ask(&all, from("other/client"), get(&format!("http://{host}/")));
        assert_eq!(answer.outcome.kind, OutcomeKind::Forward, "{host}");
        assert_eq!(answer.virtual_host.as_deref(), Some("web.shop.svc.cluster.local:80"), "{host}");
    }
    let unknown = ask(&all, from("other/client"), get("http://web/"));
    assert_eq!(kind(&unknown), (OutcomeKind::Passthrough, None, None));
    assert!(step(&unknown, Stage::Name).why.contains("resolving it fails"));
    assert!(unknown.warnings.iter().any(|warning| warning.contains("resolving it fails")));
}

#[test]
fn missing_destinations_are_503_nc_and_said_aloud() {
    let to = |destination: &str| {
        format!(
            "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: web, namespace: shop}}
spec: {{hosts: [web], http: [{{route: [{{destination: {destination}}}]}}]}}
"
        )
    };
    let cases = [
        ("{host: nobody}", "outbound|80||nobody.shop.svc.cluster.local"),
        ("{host: web, subset: v7}", "outbound|80|v7|web.shop.svc.cluster.local"),
        ("{host: web, port: {number: 81}}", "outbound|81||web.shop.svc.cluster.local"),
    ];
    for (destination, cluster) in cases {
        let answer = shop(&to(destination), "http://web/");
        assert_eq!(kind(&answer), (OutcomeKind::NoCluster, Some(503), Some("NC")), "{destination}");
        assert_eq!(answer.clusters[0].name, cluster);
        assert_eq!((answer.clusters[0].share, answer.clusters[0].outcome), (1.0, OutcomeKind::NoCluster));
        assert!(answer.warnings.iter().any(|w| w.contains("VirtualService/shop/web")), "{destination}");
    }
}

#[test]
fn ports_that_a_rule_names_are_the_callers() {
    let rules = "
apiVersion: v1
kind: Service
metadata: {name: two, namespace: shop}
spec:
  clusterIP: 10.96.0.20
  selector: {app: web}
  ports: [{name: http-a, port: 81, targetPort: 8080}, {name: http-b, port: 82, targetPort: 8081}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: two, namespace: shop}
spec:
  hosts: [two]
  http:
  - match: [{port: 81}]
    directResponse: {status: 201}
  - route: [{destination: {host: two, port: {number: 82}}}]
";
    assert_eq!(kind(&shop(rules, "http://two:81/")).1, Some(201));
    let other = shop(rules, "http://two:82/");
    assert_eq!(other.clusters[0].name, "outbound|82||two.shop.svc.cluster.local");
    assert_eq!(shares(&other), ["0.500 10.1.0.1:8081", "0.500 10.1.0.2:8081"]);
}

#[test]
fn the_most_specific_wildcard_decides_about_a_host() {
    let rules = "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: outside, namespace: shop}
spec:
  hosts: ['*.example.com', '*.a.example.com']
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: NONE
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: wide, namespace: shop}
spec: {hosts: ['*.example.com'], http: [{name: wide, directResponse: {status: 201}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: narrow, namespace: shop}
spec: {hosts: ['*.a.example.com'], http: [{name: narrow, directResponse: {status: 202}}]}
";
    assert_eq!(shop(rules, "http://x.example.com/").route.as_deref(), Some("wide"));
    let narrow = shop(rules, "http://x.a.example.com/");
    assert_eq!(narrow.route.as_deref(), Some("narrow"));
    let host = step(&narrow, Stage::VirtualHost);
    assert!(host.rejected.iter().any(|r| r.why.contains("less specific")), "{host:#?}");
}

#[test]
fn callers_of_a_headless_service_choose_the_endpoint() {
    let rules = "
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {clusterIP: None, selector: {app: web}, ports: [{name: http, port: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: gone, namespace: shop}
spec: {clusterIP: None, selector: {app: nobody}, ports: [{name: http, port: 8080}]}
";
    let answer = shop(rules, "http://db:8080/");
    assert_eq!(kind(&answer), (OutcomeKind::Forward, None, None));
    assert_eq!(answer.clusters[0].name, "outbound|8080||db.shop.svc.cluster.local");
    assert_eq!(shares(&answer), ["0.500 10.1.0.1:8080", "0.500 10.1.0.2:8080"]);
    assert_eq!(shop(rules, "http://gone:8080/").outcome.kind, OutcomeKind::NoEndpoint);
}

#[test]
fn what_nobody_knows_passes_or_is_refused_by_the_mesh_wide_policy() {
    let passes = shop("", "http://www.example.com/");
    assert_eq!(kind(&passes), (OutcomeKind::Passthrough, None, None));
    assert_eq!(passes.virtual_host.as_deref(), Some("allow_any"));
    assert_eq!(passes.clusters[0].name, "PassthroughCluster");
    assert_eq!(shares(&passes), ["1.000 www.example.com:80"]);
    let all = manifests(&[SHOP]);
    let strict = |url: &str| {
        let request = Request { origin: from("shop/client"), arrival: get(url), inbound: false };
        let answer = explain(&all, &registry_only(), &request).unwrap();
        check(&answer);
        answer
    };
    assert_eq!(kind(&strict("http://www.example.com/")), (OutcomeKind::Blackhole, Some(502), None));
    let no_http = strict("http://www.example.com:9999/");
    assert_eq!(kind(&no_http), (OutcomeKind::Blackhole, None, Some("UH")));
    assert_eq!(no_http.listener.as_deref(), Some("virtualOutbound"));
    assert_eq!(strict("http://web/").outcome.kind, OutcomeKind::Forward);
}

#[test]
fn a_rule_for_a_host_without_service_counts_on_port_80_only() {
    let rules = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: alias, namespace: shop}
spec: {hosts: [shop.example.com], http: [{route: [{destination: {host: web, subset: v1}}]}]}
";
    let answer = shop(rules, "http://shop.example.com/");
    assert_eq!(shares(&answer), ["1.000 10.1.0.1:8080"]);
    assert_eq!(shop(rules, "http://shop.example.com:81/").outcome.kind, OutcomeKind::Passthrough);
}

#[test]
fn a_rule_for_a_name_that_no_service_has_is_followed_all_the_same() {
    let rule = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ghost, namespace: shop}
spec: {hosts: [ghost], http: [{route: [{destination: {host: web, subset: v1}}]}]}
";
    let answer = shop(rule, "http://ghost.shop.svc.cluster.local/");
    assert!(step(&answer, Stage::Name).why.contains("VirtualService/shop/ghost speaks about it"));
    assert_eq!(shares(&answer), ["1.000 10.1.0.1:8080"]);
}

#[test]
fn an_allotted_address_of_the_callers_family_is_taken() {
    let entry = "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: far, namespace: shop}
spec:
  hosts: [far.example.com]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 192.0.2.7}]
";
    let answer = shop(entry, "http://far.example.com/");
    assert!(step(&answer, Stage::Listener).why.contains("240.240."), "{answer:#?}");
    assert_eq!(shares(&answer), ["1.000 192.0.2.7:80"]);
    assert!(answer.warnings.is_empty(), "{:?}", answer.warnings);
}

#[test]
fn the_own_host_is_not_captured() {
    let answer = shop("", "http://localhost:8080/");
    assert_eq!(kind(&answer), (OutcomeKind::NoListener, None, None));
    assert!(answer.listener.is_none() && answer.clusters.is_empty());
}

#[test]
fn the_host_header_decides_where_the_address_says_only_which_port() {
    let answer = ask(
        &manifests(&[SHOP]),
        from("shop/client"),
        with_headers("http://10.96.0.99:80/", &["Host: web.shop.svc.cluster.local"]),
    );
    assert_eq!(answer.virtual_host.as_deref(), Some("web.shop.svc.cluster.local:80"));
    assert_eq!(answer.outcome.kind, OutcomeKind::Forward);
}

#[test]
fn weighted_entries_and_names_to_resolve_have_their_shares() {
    let rules = "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: vms, namespace: shop}
spec:
  hosts: [vms.internal]
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8091}]
  resolution: STATIC
  location: MESH_INTERNAL
  workloadSelector: {labels: {app: vms}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: a, namespace: shop}
spec: {address: 192.168.0.10, labels: {app: vms}, weight: 20}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: b, namespace: shop}
spec: {address: 192.168.0.12, labels: {app: vms}, weight: 80, ports: {http: 8092}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: api, namespace: shop}
spec:
  hosts: [api.example.com]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: DNS
";
    let vms = shop(rules, "http://vms.internal/");
    assert_eq!(shares(&vms), ["0.200 192.168.0.10:8091", "0.800 192.168.0.12:8092"]);
    assert_eq!(vms.clusters[0].endpoints[0].workload.as_deref(), Some("WorkloadEntry/shop/a"));
    let api = shop(rules, "http://api.example.com/");
    assert_eq!(shares(&api), ["1.000 api.example.com:80"]);
    assert_eq!(api.outcome.kind, OutcomeKind::Forward);
}
