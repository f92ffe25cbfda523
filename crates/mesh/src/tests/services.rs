//! What a Service says.

use outrigger_api::{ServicePort, ServiceType};
use outrigger_base::AppProtocol;

use super::build::{Ask, pod, service, service_port, snapshot_of, targeted, vm};
use crate::{Registry, Resolution, TargetPort, Visibility};

const HOST: &str = "a.ns.svc.cluster.local";

#[test]
fn a_service_without_an_address_is_allotted_one_of_each_family() {
    let snapshot = snapshot_of([service("ns", "a", |_, _| ())]);
    let both = snapshot.the_service(HOST, "ns");
    assert_eq!((&*both.name, both.registry), ("a", Registry::Kubernetes));
    assert_eq!(both.resolution, Resolution::Static);
    assert_eq!(both.addresses.iter().map(|a| a.address.is_ipv4()).collect::<Vec<_>>(), [true, false]);
    let only_v6 = snapshot_of([service("ns", "a", |_, spec| spec.ip_families = vec!["IPv6".into()])]);
    assert_eq!(only_v6.the_service(HOST, "ns").addresses, both.addresses[1..]);
}

#[test]
fn written_addresses_are_kept() {
    let snapshot = snapshot_of([service("ns", "a", |_, spec| {
        spec.cluster_ip = Some("10.96.0.10".into());
        spec.cluster_ips = vec!["10.96.0.10".into(), "fd00::10".into()];
    })]);
    let addresses: Vec<String> =
        snapshot.the_service(HOST, "ns").addresses.iter().map(|a| a.address.to_string()).collect();
    assert_eq!(addresses, ["10.96.0.10", "fd00::10"]);
}

#[test]
fn a_headless_service_has_no_address_and_keeps_its_endpoints() {
    let snapshot = snapshot_of([
        service("ns", "a", |_, spec| spec.cluster_ip = Some("None".into())),
        pod("ns", "p", "10.0.0.1", |_| ()),
    ]);
    let service = snapshot.the_service(HOST, "ns");
    assert!(service.headless && service.addresses.is_empty());
    assert_eq!(service.resolution, Resolution::None);
    assert_eq!(snapshot.places(HOST, "ns", 80), ["10.0.0.1:80"]);
}

#[test]
fn protocols_come_from_transport_app_protocol_and_name() {
    let snapshot = snapshot_of([service("ns", "a", |_, spec| {
        spec.ports = vec![
            service_port("grpc-x", 1),
            ServicePort { app_protocol: Some("kubernetes.io/h2c".into()), ..service_port("http", 2) },
            service_port("db", 3306),
            ServicePort { protocol: Some("UDP".into()), ..service_port("dns", 53) },
            service_port("dns-tcp", 53),
        ];
    })]);
    let ports = &snapshot.the_service(HOST, "ns").ports;
    let protocols: Vec<_> = ports.iter().map(|port| (port.number, port.protocol)).collect();
    assert_eq!(
        protocols,
        [(1, AppProtocol::Grpc), (2, AppProtocol::Http2), (3306, AppProtocol::Tcp), (53, AppProtocol::Tcp)]
    );
}

#[test]
fn target_ports_are_numbers_names_or_the_port_itself() {
    let snapshot = snapshot_of([
        service("ns", "a", |_, spec| {
            spec.ports =
                vec![service_port("one", 80), targeted("two", 81, "9000"), targeted("three", 82, "web")];
        }),
        pod("ns", "p", "10.0.0.1", |_| ()),
    ]);
    let ports = &snapshot.the_service(HOST, "ns").ports;
    assert_eq!(ports[2].target, TargetPort::Name("web".into()));
    for (port, place) in [(80, "10.0.0.1:80"), (81, "10.0.0.1:9000"), (82, "10.0.0.1:8080")] {
        assert_eq!(snapshot.places(HOST, "ns", port), [place]);
    }
}

#[test]
fn an_external_name_is_the_only_endpoint() {
    let snapshot = snapshot_of([
        service("ns", "a", |_, spec| {
            spec.service_type = Some(ServiceType::ExternalName);
            spec.external_name = Some("db.example.com".into());
        }),
        vm("ns", "vm", "10.0.0.1", |_, _| ()),
        pod("ns", "p", "10.0.0.2", |_| ()),
    ]);
    let service = snapshot.the_service(HOST, "ns");
    assert_eq!(service.external_name.as_ref().unwrap().as_str(), "db.example.com");
    assert_eq!((service.resolution, service.addresses.len()), (Resolution::Dns, 0));
    assert_eq!(snapshot.places(HOST, "ns", 80), ["db.example.com:80"]);
}

#[test]
fn visibility_comes_from_an_annotation() {
    let with = |text: &str| {
        let annotated = service("ns", "a", |meta, _| {
            meta.annotations.insert("networking.istio.io/exportTo".into(), text.into());
        });
        snapshot_of([annotated]).the_service(HOST, "ns").visibility.clone()
    };
    assert_eq!(with(""), Visibility::Public);
    assert_eq!(with("."), Visibility::Private);
    assert_eq!(with("ns"), Visibility::Private);
    assert_eq!(with("~"), Visibility::Nobody);
    assert_eq!(with("~,*"), Visibility::Public);
    assert_eq!(with("b, ., a"), Visibility::Namespaces(vec!["a".into(), "b".into(), "ns".into()]));
}

#[test]
fn not_ready_pods_are_endpoints_where_the_service_wants_them() {
    let with = |publish| {
        snapshot_of([
            service("ns", "a", |_, spec| spec.publish_not_ready_addresses = Some(publish)),
            pod("ns", "p", "10.0.0.1", |pod| pod.status.conditions = vec![super::build::ready("False")]),
        ])
        .places(HOST, "ns", 80)
    };
    assert_eq!(with(true), ["10.0.0.1:80"]);
    assert!(with(false).is_empty());
}

#[test]
fn a_second_family_is_used_where_the_service_asks_for_it() {
    let with = |families: &[&str]| {
        let families = families.iter().map(|f| (*f).into()).collect();
        let mut places = snapshot_of([
            service("ns", "a", |_, spec| spec.ip_families = families),
            pod("ns", "p", "10.0.0.1", |pod| {
                let ip = |text: &str| outrigger_api::PodIp { ip: text.into() };
                pod.status.pod_ips = vec![ip("10.0.0.1"), ip("fd00::1")];
            }),
        ])
        .places(HOST, "ns", 80);
        places.sort();
        places
    };
    assert_eq!(with(&[]), ["10.0.0.1:80"]);
    assert_eq!(with(&["IPv6"]), ["fd00::1:80"]);
    assert_eq!(with(&["IPv4", "IPv6"]), ["10.0.0.1:80", "fd00::1:80"]);
}
