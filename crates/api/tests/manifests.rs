//! What becomes of manifests: objects, complaints with their places, and how one object's mistakes
//! leave the others alone.

#![allow(clippy::unwrap_used)] // In helpers of tests it is as good as in tests.

use std::path::Path;

use outrigger_api::{IntOrString, Parsed, Resource, StringMatch, VirtualService, parse, parse_mesh_config};
use outrigger_base::{Code, Severity};

fn read(text: &str) -> Parsed {
    parse(Path::new("mesh.yaml"), text, "ns")
}

/// Complaints as a person sees them.
fn complaints(text: &str) -> Vec<String> {
    read(text).diagnostics.iter().map(ToString::to_string).collect()
}

/// The only complaint about an otherwise good VirtualService with this rule for HTTP.
fn about_rule(rule: &str) -> String {
    let text = format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: vs}}\n\
         spec: {{hosts: [a], http: [{rule}]}}\n"
    );
    let mut found = complaints(&text);
    assert_eq!(found.len(), 1, "{rule}: {found:?}");
    found.remove(0)
}

fn about_spec(kind: &str, spec: &str) -> Vec<String> {
    let group = if kind == "Service" { "v1" } else { "networking.istio.io/v1" };
    complaints(&format!("apiVersion: {group}\nkind: {kind}\nmetadata: {{name: a}}\nspec: {spec}\n"))
}

fn only_rule(text: &str) -> VirtualService {
    match &read(text).objects[0].resource {
        Resource::VirtualService(object) => object.spec.clone(),
        other => panic!("{other:?}"),
    }
}

const GOOD: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: good}\n";

#[test]
fn an_object_is_read_with_all_that_it_says() {
    let parsed = read(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  namespace: shop\n  labels: {a/b: c}\n\
         spec:\n  clusterIP: None\n  selector: {app: web}\n  ports:\n  - {name: http, port: 80, targetPort: web}\n  \
         - {name: raw, port: 81, targetPort: \"8081\", protocol: TCP, nodePort: 30000}\n",
    );
    assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
    let Resource::Service(service) = &parsed.objects[0].resource else { panic!() };
    assert_eq!(parsed.objects[0].resource.key().to_string(), "Service/shop/web");
    assert_eq!(service.meta.labels.get("a/b"), Some("c"));
    assert_eq!(service.spec.cluster_ip.as_deref(), Some("None"));
    assert_eq!(service.spec.ports[0].target_port, Some(IntOrString::String("web".into())));
    assert_eq!(service.spec.ports[1].target_port, Some(IntOrString::Int(8081)));
}

#[test]
fn objects_without_a_namespace_get_the_default_one_and_namespaces_none() {
    let parsed = read(&format!("{GOOD}---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: a}}\n"));
    let keys: Vec<_> = parsed.objects.iter().map(|object| object.resource.key().to_string()).collect();
    assert_eq!(keys, ["Namespace/good", "ServiceAccount/ns/a"]);
}

#[test]
fn all_mistakes_of_an_object_are_named_with_their_places() {
    let found = complaints(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: vs}\nspec:\n  \
         host: [a]\n  http:\n  - timeout: 5\n    route:\n    - destination: {host: a, subset: on}\n      \
         weight: -1\n      weigth: 1\n  - redirect: {derivePort: FROM_REQUEST_PROT}\n    redirect: {}\n",
    );
    let at = |place: &str, field: &str, message: &str| {
        format!("mesh.yaml:{place}: error[OUT0001] VirtualService/ns/vs spec.{field}: {message}")
    };
    assert_eq!(
        found,
        [
            at(
                "13:5",
                "http[1].redirect",
                "'redirect' is written twice in the same place (keep one of the two)"
            ),
            at("5:3", "host", "no field 'host' is known here (did you mean 'hosts'?)"),
            at(
                "7:14",
                "http[0].timeout",
                "'5' is no duration (write it with a unit, like 5s, 250ms or 1h30m)"
            ),
            at(
                "9:38",
                "http[0].route[0].destination.subset",
                "a text is wanted here, but this is 'on', which YAML takes for true (write it in quotes: \"on\")"
            ),
            at("10:15", "http[0].route[0].weight", "-1 is out of range (it goes from 0 to 4294967295)"),
            at("11:7", "http[0].route[0].weigth", "no field 'weigth' is known here (did you mean 'weight'?)"),
            at(
                "12:28",
                "http[1].redirect.derivePort",
                "'FROM_REQUEST_PROT' is not a possible value (did you mean FROM_REQUEST_PORT? Possible are \
                 FROM_PROTOCOL_DEFAULT, FROM_REQUEST_PORT)"
            ),
        ]
    );
}

#[test]
fn a_bad_object_harms_no_other() {
    let parsed = read(&format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: a}}\nspec: {{ports: [{{port: 80}}\n---\n{GOOD}---\n\
         - nothing\n---\nkind: Service\n---\n\"\n---\n{}",
        GOOD.replace("good", "other")
    ));
    let keys: Vec<_> = parsed.objects.iter().map(|object| object.resource.key().to_string()).collect();
    assert_eq!(keys, ["Namespace/good", "Namespace/other"]);
    assert_eq!(parsed.refused.len(), 1);
    assert_eq!(parsed.refused[0].to_string(), "Service/ns/a");
    assert!(parsed.unidentified);
    let lines: Vec<_> =
        parsed.diagnostics.iter().map(|found| found.position.as_ref().unwrap().line).collect();
    assert_eq!(lines, [4, 10, 12, 14]);
    assert!(parsed.diagnostics.iter().all(|found| found.severity == Severity::Error));
}

#[test]
fn items_of_a_list_stand_alone() {
    let parsed = read(
        "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Namespace, metadata: {name: a}}\n\
         - {apiVersion: v1, kind: Namespace, metadata: {name: b, name: c}}\n\
         - {apiVersion: v1, kind: Namespace, metadata: {name: d, labls: {}}}\n\
         - {apiVersion: v1, kind: Namespace, metadata: {name: e}}\n",
    );
    let names: Vec<_> = parsed.objects.iter().map(|object| object.resource.meta().name.to_string()).collect();
    assert_eq!(names, ["a", "e"]);
    let fields: Vec<_> = parsed.diagnostics.iter().map(|found| found.field.as_str()).collect();
    assert_eq!(fields, ["metadata.name", "metadata.labls"]);
    let place = parsed.objects[1].positions.locate("metadata.name").unwrap();
    assert_eq!((place.line, place.column), (7, 48));
}

#[test]
fn versions_groups_and_kinds_are_told_apart() {
    let object = |api: &str, kind: &str| format!("apiVersion: {api}\nkind: {kind}\nmetadata: {{name: a}}\n");
    let one = |api: &str, kind: &str| complaints(&object(api, kind)).remove(0);
    assert_eq!(
        one("networking.istio.io/v2", "Gateway"),
        "mesh.yaml:1:13: error[OUT0001] Gateway/ns/a apiVersion: Gateway has no version 'v2' (served are \
         networking.istio.io/v1, networking.istio.io/v1beta1, networking.istio.io/v1alpha3)"
    );
    assert_eq!(
        one("extensions/v1beta1", "Deployment"),
        "mesh.yaml:2:7: error[OUT0001] apiVersion: 'extensions/v1beta1' has no kind Deployment (served are apps/v1)"
    );
    assert_eq!(
        one("networking.istio.io/v1", "VirtualServise"),
        "mesh.yaml:2:7: warning[OUT0002] kind: no such kind here: VirtualServise (networking.istio.io/v1) \
         (did you mean 'VirtualService'?)"
    );
    assert_eq!(
        one("v1", "ConfigMap"),
        "mesh.yaml:2:1: warning[OUT0004] ConfigMap/ns/a kind: ConfigMap is known but not acted on yet"
    );
    assert!(one("networking.istio.io/v1", "Sidecar").contains("warning[OUT0004]"));
    assert!(one("gateway.networking.k8s.io/v1", "Gateway").contains("warning[OUT0004]"));
}

#[test]
fn protection_that_is_not_enforced_is_an_error() {
    let object = |kind: &str, spec: &str| {
        let text =
            format!("apiVersion: security.istio.io/v1\nkind: {kind}\nmetadata: {{name: a}}\nspec: {spec}\n");
        let found = read(&text).diagnostics.remove(0);
        (found.code, found.severity, found.field)
    };
    let unenforced = |field: &str| (Code::SECURITY_NOT_ENFORCED, Severity::Error, field.to_string());
    assert_eq!(object("AuthorizationPolicy", "{}"), unenforced("kind"));
    assert_eq!(object("RequestAuthentication", "{}"), unenforced("kind"));
    assert_eq!(object("PeerAuthentication", "{mtls: {mode: STRICT}}"), unenforced("spec.mtls.mode"));
    assert_eq!(
        object("PeerAuthentication", "{mtls: {mode: PERMISSIVE}, portLevelMtls: {80: {mode: STRICT}}}"),
        unenforced("spec.portLevelMtls")
    );
    let lenient = object("PeerAuthentication", "{mtls: {mode: PERMISSIVE}}");
    assert_eq!(lenient, (Code::NOT_ACTED_ON, Severity::Warning, "kind".to_string()));
}

#[test]
fn rules_for_http_that_cannot_work_are_refused() {
    let route = "route: [{destination: {host: a}}]";
    let cases = [
        ("{timeout: 1s}".to_string(), "http[0]: it is not said what happens"),
        (format!("{{{route}, redirect: {{uri: /}}}}"), "http[0]: route and redirect exclude"),
        ("{route: [{weight: 1}]}".to_string(), "destination.host: a destination needs a host"),
        ("{route: [{destination: {host: a..b}}]}".to_string(), "'a..b' is no host"),
        (
            "{route: [{destination: {host: a}}, {destination: {host: b}}]}".to_string(),
            "route: none of the destinations has a weight",
        ),
        ("{route: [{destination: {host: a, port: {number: 0}}}]}".to_string(), "port.number: 0 is no port"),
        (
            format!("{{{route}, match: [{{uri: {{regex: 'a(b'}}}}]}}"),
            "uri.regex: 'a(b' is no regular expression",
        ),
        (format!("{{{route}, match: [{{uri: {{regex: 'a(?=b)'}}}}]}}"), "look-around"),
        (format!("{{{route}, match: [{{uri: {{}}}}]}}"), "match[0].uri: it is not said what to compare"),
        (
            format!("{{{route}, match: [{{uri: {{exact: a, prefix: b}}}}]}}"),
            "match[0].uri: exact, prefix and regex exclude",
        ),
        (format!("{{{route}, match: [{{headers: {{'a b': {{exact: c}}}}}}]}}"), "no name of a header"),
        (format!("{{{route}, match: [{{port: 65536}}]}}"), "match[0].port: 65536 is out of range"),
        (format!("{{{route}, timeout: 0s}}"), "timeout: the time must be at least 1ms"),
        (format!("{{{route}, timeout: 1h 30m}}"), "'1h 30m' is no duration"),
        (format!("{{{route}, retries: {{retryOn: '5xx, sometimes'}}}}"), "'sometimes' is nothing to try"),
        ("{redirect: {redirectCode: 200}}".to_string(), "redirectCode: 200 is no redirect"),
        ("{directResponse: {status: 99}}".to_string(), "directResponse.status: 99 is no status"),
        (
            "{directResponse: {status: 200, body: {bytes: '?'}}}".to_string(),
            "directResponse.body.bytes: this is no base64",
        ),
        (
            format!("{{{route}, fault: {{abort: {{percentage: {{value: 1}}}}}}}}"),
            "fault.abort: it is not said",
        ),
        (
            format!("{{{route}, fault: {{abort: {{httpStatus: 500, percentage: {{value: 101}}}}}}}}"),
            "percentage.value: 101 is no percentage",
        ),
        (
            "{rewrite: {uri: /}, redirect: {uri: /}}".to_string(),
            "http[0].rewrite: there is nothing to rewrite",
        ),
    ];
    for (rule, expected) in cases {
        let found = about_rule(&rule);
        assert!(found.contains(expected), "{rule}: {found}");
    }
}

#[test]
fn presence_of_a_header_and_rules_in_former_spellings_are_understood() {
    let spec = only_rule(
        "apiVersion: networking.istio.io/v1alpha3\nkind: VirtualService\nmetadata: {name: vs}\nspec:\n  \
         hosts: [a]\n  http:\n  - match: [{headers: {x-a: {}, x-b: {regex: '*'}}, withoutHeaders: {x-c: {}}}]\n    \
         mirror_percent: 5\n    mirror: {host: b}\n    route: [{destination: {host: a}, weight: 0}]\n    fault: \n",
    );
    let rule = &spec.http[0];
    assert_eq!(rule.matches[0].headers["x-a"], StringMatch::Any);
    assert_eq!(rule.mirror_percent, Some(5));
    assert!(rule.fault.is_none());
}

#[test]
fn service_entries_that_cannot_work_are_refused() {
    let port = "ports: [{number: 80, name: http, protocol: HTTP}]";
    let cases = [
        (format!("{{{port}}}"), "spec.hosts: a ServiceEntry needs a host"),
        (format!("{{hosts: ['*'], {port}}}"), "hosts[0]: a service cannot have every name"),
        (
            format!("{{hosts: [a.b], addresses: [10.0.0.0/8], resolution: DNS, {port}}}"),
            "a range needs resolution",
        ),
        (format!("{{hosts: [a.b], addresses: [10.0.0], {port}}}"), "'10.0.0' is no address"),
        (format!("{{hosts: [a.b], endpoints: [{{address: 1.2.3.4}}], {port}}}"), "with resolution NONE"),
        (
            format!("{{hosts: [a.b], resolution: STATIC, endpoints: [{{address: c.d}}], {port}}}"),
            "'c.d' is a name",
        ),
        (
            format!(
                "{{hosts: [a.b], resolution: DNS_ROUND_ROBIN, endpoints: [{{address: c.d}}, {{address: e.f}}], {port}}}"
            ),
            "one endpoint at most",
        ),
        (
            format!(
                "{{hosts: [a.b], resolution: STATIC, endpoints: [{{address: 1.2.3.4}}], workloadSelector: {{labels: {{a: b}}}}, {port}}}"
            ),
            "endpoints and workloadSelector exclude each other",
        ),
        (
            format!("{{hosts: [a.b], resolution: STATIC, endpoints: [{{ports: {{http: 1}}}}], {port}}}"),
            "endpoints[0].address: a workload needs an address",
        ),
        (
            format!(
                "{{hosts: [a.b], resolution: STATIC, endpoints: [{{address: 1.2.3.4, ports: {{web: 1}}}}], {port}}}"
            ),
            "the entry has no port named 'web'",
        ),
        (format!("{{hosts: ['*.b'], resolution: DNS, {port}}}"), "cannot be resolved"),
        (
            "{hosts: [a.b], ports: [{number: 80, name: a}, {number: 80, name: b}]}".into(),
            "port 80 is there twice",
        ),
        (
            "{hosts: [a.b], ports: [{number: 80, name: a}, {number: 81, name: a}]}".into(),
            "the name 'a' is taken",
        ),
        ("{hosts: [a.b], ports: [{number: 80}]}".into(), "ports[0].name: the port has no name"),
        ("{hosts: [a.b], ports: [{name: a}]}".into(), "ports[0].number: 0 is no port"),
    ];
    for (spec, expected) in cases {
        let found = about_spec("ServiceEntry", &spec);
        assert!(found.len() == 1 && found[0].contains(expected), "{spec}: {found:?}");
    }
    let unknown =
        about_spec("ServiceEntry", "{hosts: [a.b], ports: [{number: 80, name: a, protocol: HTPP}]}");
    assert!(unknown[0].contains("warning[OUT0003]"), "{unknown:?}");
}

#[test]
fn workloads_gateways_rules_and_services_that_cannot_work_are_refused() {
    let cases = [
        ("WorkloadEntry", "{labels: {a: b}}", "spec.address: a workload needs an address"),
        ("WorkloadEntry", "{address: 'unix://run/x'}", "absolute path"),
        ("WorkloadEntry", "{address: 'unix:///x', ports: {a: 1}}", "a Unix socket has no ports"),
        ("WorkloadEntry", "{address: 1.2.3.4, ports: {a_b: 1}}", "'a_b' is not allowed"),
        ("WorkloadEntry", "{address: 1.2.3.4, labels: {a: 'b c'}}", "'b c' cannot be a label's value"),
        ("Gateway", "{selector: {a: b}}", "spec.servers: a Gateway needs a server"),
        (
            "Gateway",
            "{servers: [{port: {number: 80, name: http, protocol: HTPP}, hosts: [a]}]}",
            "'HTPP' is no protocol known here",
        ),
        (
            "Gateway",
            "{servers: [{port: {number: 80, name: http, protocol: HTTP}}]}",
            "servers[0].hosts: a server needs a host",
        ),
        (
            "Gateway",
            "{servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: [a]}]}",
            "servers[0].tls: HTTPS needs tls",
        ),
        (
            "Gateway",
            "{servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['A_B/c']}]}",
            "'A_B/c' names no namespace",
        ),
        ("DestinationRule", "{subsets: [{name: v1}]}", "spec.host: a DestinationRule needs a host"),
        ("DestinationRule", "{host: a, subsets: [{name: v1}, {name: v1}]}", "'v1' is there twice"),
        (
            "DestinationRule",
            "{host: a, trafficPolicy: {portLevelSettings: [{tls: {mode: DISABLE}}]}}",
            "portLevelSettings[0].port: it is not said for which port",
        ),
        (
            "DestinationRule",
            "{host: a, trafficPolicy: {loadBalancer: {simple: RANDOM, consistentHash: {useSourceIp: true}}}}",
            "exclude each other",
        ),
        (
            "DestinationRule",
            "{host: a, trafficPolicy: {outlierDetection: {maxEjectionPercent: 120}}}",
            "120 is no percentage",
        ),
        ("VirtualService", "{hosts: [a]}", "spec: a VirtualService needs rules"),
        (
            "VirtualService",
            "{hosts: ['*'], http: [{redirect: {uri: /}}]}",
            "sidecars cannot have rules for every host",
        ),
        (
            "VirtualService",
            "{hosts: [a.b], tls: [{match: [{sniHosts: [c.d]}], route: [{destination: {host: a}}]}]}",
            "'c.d' is none of the hosts",
        ),
        ("Service", "{ports: [{port: 1}, {port: 2}]}", "a port needs a name where there are several"),
        ("Service", "{ports: [{port: 1, protocol: HTTP}]}", "'HTTP' is no transport"),
        ("Service", "{selector: {a: b}}", "spec.ports: a Service needs a port"),
        ("Service", "{type: ExternalName}", "needs a host"),
    ];
    for (kind, spec, expected) in cases {
        let found = about_spec(kind, spec);
        assert!(found.iter().any(|found| found.contains(expected)), "{kind} {spec}: {found:?}");
    }
}

#[test]
fn names_are_those_of_kubernetes() {
    for (name, ok) in [("a-b", true), ("a.b", true), ("A", false), ("a_b", false), ("\"\"", false)] {
        let text = format!(
            "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {{name: {name}}}\n\
             spec: {{address: 1.2.3.4}}\n"
        );
        assert_eq!(read(&text).objects.len(), usize::from(ok), "{name}");
    }
}

#[test]
fn anchors_and_merge_keys_are_followed() {
    let spec = only_rule(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: vs}\nspec:\n  \
         hosts: &hosts [a]\n  exportTo: ['.']\n  http:\n  - &rule\n    timeout: 5s\n    \
         route: [{destination: {host: a}}]\n  - <<: *rule\n    timeout: 6s\n  gateways: *hosts\n",
    );
    assert_eq!(spec.gateways, spec.hosts);
    let seconds: Vec<_> = spec.http.iter().map(|rule| rule.timeout.unwrap().get().as_secs()).collect();
    assert_eq!(seconds, [5, 6]);
    assert_eq!(&*spec.http[1].route[0].destination.host, "a");
}

#[test]
fn what_is_written_back_reads_the_same() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: ns, creationTimestamp: 2026-01-01T00:00:00Z}\n\
         spec:\n  nodeName: n1\n  volumes: [{name: a, emptyDir: {}}]\n  containers: [{name: a, image: b, env: [{name: x, value: ''}]}]\n\
         status: {podIP: 10.0.0.1, phase: Running, conditions: [{type: Ready, status: 'True'}]}\n---\n\
         apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: sa, namespace: ns}\nsecrets: [{name: s}]\n---\n\
         apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: dr, namespace: ns}\n\
         spec: {host: a, trafficPolicy: {tls: {}, connectionPool: {tcp: {connectTimeout: 1500ms}}}, subsets: [{name: v1}]}\n";
    let parsed = read(text);
    assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
    for object in &parsed.objects {
        let written = object.resource.to_value().to_string();
        let again = read(&written);
        assert!(again.diagnostics.is_empty(), "{written}: {:?}", again.diagnostics);
        assert_eq!(again.objects[0].resource, object.resource);
    }
    let rule = parsed.objects[2].resource.to_value();
    assert_eq!(
        rule["spec"]["trafficPolicy"],
        serde_json::json!({"tls": {}, "connectionPool": {"tcp": {"connectTimeout": "1.5s"}}})
    );
    let pod = parsed.objects[0].resource.to_value();
    assert_eq!(pod["spec"]["volumes"][0]["emptyDir"], serde_json::json!({}));
}

#[test]
fn settings_of_the_mesh_without_effect_are_named() {
    let (config, found) = parse_mesh_config(
        Path::new("mesh.yaml"),
        "accessLogFile: /dev/stdout\noutboundTrafficPolicy: {mode: REGISTRY_ONLY}\nenableTracing: true\n\
         defaultConfig: {concurrency: 2}\nrootNamespce: a\nconnectTimeout: 3s\n",
    );
    assert_eq!(&*config.access_log_file, "/dev/stdout");
    assert_eq!(config.outbound_traffic_policy.as_str(), "REGISTRY_ONLY");
    assert_eq!(config.connect_timeout.get().as_secs(), 3);
    let found: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "mesh.yaml:5:1: error[OUT0001] rootNamespce: no field 'rootNamespce' is known here (did you mean \
             'rootNamespace'?)",
            "mesh.yaml:3:1: warning[OUT0009] enableTracing: the setting 'enableTracing' is known but not acted on yet",
            "mesh.yaml:4:1: warning[OUT0009] defaultConfig: the setting 'defaultConfig' is known but not acted on yet",
        ]
    );
    let (config, found) = parse_mesh_config(Path::new("mesh.yaml"), "# nothing\n");
    assert!(found.is_empty() && config == outrigger_api::MeshConfig::default());
}
