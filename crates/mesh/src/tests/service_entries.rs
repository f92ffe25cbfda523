//! What a ServiceEntry says about its hosts, ports and own endpoints.

use outrigger_api::{EntryResolution, Location};
use outrigger_base::{AppProtocol, Locality};

use super::build::{Ask, entry, entry_port, inline, labels, snapshot_of, vm};
use crate::{EndpointAddress, Registry, Resolution, TlsMode, Visibility};

const HOST: &str = "test.internal.com";

#[test]
fn every_host_is_a_service_of_its_own() {
    let snapshot = snapshot_of([entry("ns", "se", HOST, |_, spec| {
        spec.hosts.push("*.wild.example".into());
        spec.hosts.push("TEST.internal.com".into());
        spec.location = None;
        spec.export_to = vec![".".into()];
        spec.subject_alt_names = vec!["san".into()];
    })]);
    let hosts: Vec<_> = snapshot.services.all.iter().map(|service| service.host.as_str()).collect();
    assert_eq!(hosts, [HOST, "*.wild.example"]);
    let service = snapshot.the_service(HOST, "ns");
    assert_eq!((&*service.name, service.registry), (HOST, Registry::ServiceEntry));
    assert!(service.mesh_external, "outside the mesh unless it is said to be inside");
    assert_eq!(service.visibility, Visibility::Private);
    assert_eq!(&*service.subject_alt_names[0], "san");
    assert!(snapshot.findings()[0].contains("spec.hosts[2]: 'test.internal.com' is written twice"));
}

#[test]
fn the_protocol_comes_from_the_protocol_field_alone() {
    let snapshot = snapshot_of([entry("ns", "se", HOST, |_, spec| {
        spec.ports = vec![
            entry_port("http", 1, ""),
            entry_port("grpc", 2, "TCP"),
            entry_port("x", 3, "http2"),
            entry_port("x", 3306, "unheard"),
        ];
    })]);
    let protocols: Vec<_> = snapshot.the_service(HOST, "ns").ports.iter().map(|port| port.protocol).collect();
    assert_eq!(protocols, [AppProtocol::Auto, AppProtocol::Tcp, AppProtocol::Http2, AppProtocol::Auto]);
}

#[test]
fn a_workloads_own_port_beats_the_target_port_which_beats_the_number() {
    let snapshot = snapshot_of([
        entry("ns", "se", HOST, |_, spec| {
            spec.ports = vec![entry_port("http", 80, "HTTP"), entry_port("other", 81, "HTTP")];
            spec.ports[0].target_port = Some(8888);
        }),
        vm("ns", "a", "10.0.0.1", |_, spec| spec.ports = [("http".into(), 8091)].into()),
        vm("ns", "b", "10.0.0.2", |_, _| ()),
    ]);
    assert_eq!(snapshot.places(HOST, "ns", 80), ["10.0.0.1:8091", "10.0.0.2:8888"]);
    assert_eq!(snapshot.places(HOST, "ns", 81), ["10.0.0.1:81", "10.0.0.2:81"]);
}

#[test]
fn a_workload_entry_brings_weight_place_and_identity() {
    let snapshot = snapshot_of([
        entry("ns", "se", HOST, |_, _| ()),
        vm("ns", "a", "10.0.0.1", |_, spec| {
            spec.weight = Some(20);
            spec.locality = Some("us/us-east-1/az-1/r11".into());
            spec.network = Some("vm-net".into());
            spec.service_account = Some("vm-account".into());
        }),
        vm("ns", "b", "10.0.0.2", |meta, spec| {
            spec.weight = Some(0);
            meta.labels = labels(&[("istio-locality", "eu.eu-1.z"), ("topology.istio.io/network", "n2")]);
        }),
        vm("ns", "c", "10.0.0.3", |meta, spec| {
            spec.service_account = Some("vm-account".into());
            meta.labels = labels(&[("security.istio.io/tlsMode", "disabled")]);
        }),
    ]);
    let endpoints = snapshot.endpoints_of(HOST, "ns");
    let [a, b, c] = endpoints.of_port(80) else { panic!("{endpoints:?}") };
    assert_eq!((a.weight, &*a.service_account, a.tls_mode), (20, "vm-account", TlsMode::Istio));
    assert_eq!(*a.locality, Locality::parse("us/us-east-1/az-1/r11"));
    let place = [
        ("topology.kubernetes.io/region", "us"),
        ("topology.kubernetes.io/zone", "us-east-1"),
        ("topology.istio.io/subzone", "az-1/r11"),
        ("topology.istio.io/cluster", "Kubernetes"),
        ("topology.istio.io/network", "vm-net"),
        ("app", "a"),
    ];
    assert_eq!(*a.labels, labels(&place));
    assert_eq!((a.network.as_str(), &*a.workload_name, &*a.namespace), ("vm-net", "a", "ns"));
    assert_eq!((b.weight, b.tls_mode, b.network.as_str()), (1, TlsMode::Disabled, "n2"));
    assert_eq!(*b.locality, Locality::parse("eu/eu-1/z"));
    assert_eq!(c.tls_mode, TlsMode::Disabled, "the label decides");
}

#[test]
fn a_dns_entry_without_endpoints_is_its_own_endpoint() {
    let snapshot = snapshot_of([entry("ns", "se", HOST, |_, spec| {
        spec.resolution = Some(EntryResolution::Dns);
        spec.workload_selector = None;
        spec.hosts.push("second.example".into());
        spec.ports[0].target_port = Some(8443);
    })]);
    assert_eq!(snapshot.places(HOST, "ns", 80), [format!("{HOST}:8443")]);
    assert_eq!(snapshot.places("second.example", "ns", 80), ["second.example:8443"]);
    let endpoints = snapshot.endpoints_of(HOST, "ns");
    assert_eq!(endpoints.of_port(80)[0].tls_mode, TlsMode::Disabled);
    assert_eq!(snapshot.the_service(HOST, "ns").resolution, Resolution::Dns);
}

#[test]
fn inline_endpoints_may_be_addresses_names_or_sockets_as_the_resolution_allows() {
    let with = |resolution| {
        snapshot_of([entry("ns", "se", HOST, |_, spec| {
            spec.resolution = Some(resolution);
            spec.workload_selector = None;
            spec.endpoints = vec![inline("10.0.0.2"), inline("b.example"), inline("unix:///s"), inline("")];
            spec.endpoints[0].ports = [("http".into(), 8080)].into();
            spec.endpoints[0].weight = Some(5);
        })])
    };
    let statics = with(EntryResolution::Static);
    assert_eq!(statics.places(HOST, "ns", 80), ["10.0.0.2:8080", "unix:/s"]);
    assert!(statics.findings()[0].contains("spec.endpoints[1].address: 'b.example' is a name"));
    let endpoints = statics.endpoints_of(HOST, "ns");
    assert_eq!(endpoints.of_port(80)[0].workload.to_string(), "ServiceEntry/ns/se");
    assert_eq!((endpoints.of_port(80)[0].weight, &*endpoints.of_port(80)[0].workload_name), (5, "se"));
    let dns = with(EntryResolution::Dns);
    assert_eq!(dns.places(HOST, "ns", 80), ["10.0.0.2:8080", "b.example:80"]);
    assert!(dns.findings()[0].contains("spec.endpoints[2].address: a Unix socket needs resolution STATIC"));
    assert!(with(EntryResolution::None).places(HOST, "ns", 80).is_empty());
}

#[test]
fn a_selector_has_no_effect_where_callers_choose_the_endpoint() {
    let snapshot = snapshot_of([
        entry("ns", "se", HOST, |_, spec| spec.resolution = None),
        vm("ns", "vm", "10.0.0.1", |_, _| ()),
    ]);
    assert!(snapshot.places(HOST, "ns", 80).is_empty());
    let service = snapshot.the_service(HOST, "ns");
    assert_eq!((service.resolution, &service.addresses[..]), (Resolution::None, &[][..]));
    assert!(snapshot.findings()[0].contains("warning[OUT0010] ServiceEntry/ns/se spec.workloadSelector"));
}

#[test]
fn dynamic_dns_and_wildcards_are_kept_without_endpoints_or_addresses() {
    let snapshot = snapshot_of([entry("ns", "se", "*.example.com", |_, spec| {
        spec.resolution = Some(EntryResolution::DynamicDns);
        spec.workload_selector = None;
        spec.location = Some(Location::MeshExternal);
    })]);
    let service = snapshot.the_service("*.example.com", "ns");
    assert_eq!(service.resolution, Resolution::DynamicDns);
    assert!(service.addresses.is_empty());
    assert!(snapshot.names().is_empty());
}

#[test]
fn addresses_may_be_ranges_where_no_name_is_resolved() {
    let with = |resolution| {
        snapshot_of([entry("ns", "se", HOST, |_, spec| {
            spec.resolution = Some(resolution);
            spec.workload_selector = None;
            spec.addresses = vec!["10.1.2.3/32".into(), "10.1.2.3".into(), "10.9.8.7/16".into(), "x".into()];
        })])
    };
    let snapshot = with(EntryResolution::Static);
    let service = snapshot.the_service(HOST, "ns");
    let addresses: Vec<_> =
        service.addresses.iter().map(|a| (a.address.to_string(), a.prefix, a.allotted)).collect();
    assert_eq!(addresses, [("10.1.2.3".into(), 32, false), ("10.9.0.0".into(), 16, false)]);
    assert!(snapshot.findings()[0].contains("spec.addresses[3]: 'x' is neither an address nor a range"));
    assert_eq!(with(EntryResolution::Dns).the_service(HOST, "ns").addresses.len(), 1);
}

#[test]
fn an_entry_without_addresses_is_allotted_one_of_each_family() {
    let snapshot = snapshot_of([entry("ns", "se", HOST, |_, _| ())]);
    let service = snapshot.the_service(HOST, "ns");
    let [v4, v6] = &service.addresses[..] else { panic!("{service:?}") };
    assert!(v4.allotted && v6.allotted);
    assert!(v4.address.to_string().starts_with("240.240."));
    assert!(v6.address.to_string().starts_with("2001:2::"));
}

#[test]
fn a_workload_without_an_address_is_no_endpoint_and_said_to_be_none() {
    let snapshot = snapshot_of([
        entry("ns", "se", HOST, |_, _| ()),
        vm("ns", "far", "", |_, spec| spec.network = Some("far-away".into())),
    ]);
    assert!(snapshot.places(HOST, "ns", 80).is_empty());
    assert!(snapshot.findings()[0].contains("WorkloadEntry/ns/far has no address"));
}

#[test]
fn addresses_are_read_as_istio_writes_them() {
    let read = |text| EndpointAddress::parse(text);
    assert_eq!(read("unix:///run/x"), Some(EndpointAddress::Unix("/run/x".into())));
    assert_eq!(read("unix://@abstract"), Some(EndpointAddress::Unix("@abstract".into())));
    assert_eq!(read("fd00::1"), Some(EndpointAddress::Ip("fd00::1".parse().unwrap())));
    assert_eq!(read("VM.example."), Some(EndpointAddress::Name("vm.example".into())));
    assert_eq!(read(""), None);
}
