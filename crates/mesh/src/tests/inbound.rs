//! What a proxy serves itself.

use std::net::IpAddr;

use outrigger_api::Resource;

use super::build::{entry, inline, labels, pod, ready, select, service, snapshot_of, targeted, vm};

fn inbound(resources: impl IntoIterator<Item = Resource>, ips: &[&str], namespace: &str) -> Vec<String> {
    let ips: Vec<IpAddr> = ips.iter().map(|ip| ip.parse().unwrap()).collect();
    let served = snapshot_of(resources).inbound_services(&ips, namespace);
    served
        .iter()
        .map(|(service, workload)| {
            format!("{} {} {:?}", service.host, workload.key.name, service.target_ports(workload))
        })
        .collect()
}

#[test]
fn a_pod_serves_every_service_that_selects_it_ready_or_not() {
    let served = inbound(
        [
            service("ns", "a", |_, spec| spec.ports = vec![targeted("http", 80, "web")]),
            service("ns", "other", |_, spec| spec.selector = select(&[("app", "b")])),
            service("elsewhere", "a", |_, _| ()),
            entry("ns", "se", "test.internal.com", |_, spec| spec.ports[0].target_port = Some(9000)),
            pod("ns", "p", "10.0.0.1", |pod| pod.status.conditions = vec![ready("False")]),
        ],
        &["10.0.0.1"],
        "ns",
    );
    assert_eq!(served, ["a.ns.svc.cluster.local p [(80, 8080)]", "test.internal.com p [(80, 9000)]"]);
}

#[test]
fn all_workload_entries_at_an_address_count_in_the_proxys_namespace() {
    let objects = || {
        [
            entry("ns", "a", "a.example", |_, _| ()),
            entry("ns", "b", "b.example", |_, spec| {
                spec.workload_selector.as_mut().unwrap().labels = select(&[("app", "b")]);
            }),
            vm("ns", "vm-a", "10.0.0.1", |_, spec| spec.ports = [("http".into(), 8091)].into()),
            vm("ns", "vm-b", "10.0.0.1", |_, spec| spec.labels = labels(&[("app", "b")])),
            vm("other", "vm-c", "10.0.0.1", |_, _| ()),
        ]
    };
    assert_eq!(
        inbound(objects(), &["10.0.0.1"], "ns"),
        ["a.example vm-a [(80, 8091)]", "b.example vm-b [(80, 80)]"]
    );
    assert!(inbound(objects(), &["10.0.0.1"], "other").is_empty());
    assert!(inbound(objects(), &["10.0.0.9"], "ns").is_empty());
}

#[test]
fn an_endpoint_that_a_service_entry_lists_is_inbound_too() {
    let listed = entry("ns", "se", "test.internal.com", |_, spec| {
        spec.workload_selector = None;
        spec.endpoints = vec![inline("10.0.0.1"), inline("10.0.0.2")];
        spec.endpoints[1].ports = [("http".into(), 7000)].into();
    });
    assert_eq!(inbound([listed], &["10.0.0.2", "fd00::2"], "ns"), ["test.internal.com se [(80, 7000)]"]);
}

#[test]
fn a_service_and_an_entry_of_one_host_may_name_two_ports_of_one_workload() {
    let host = "a.ns.svc.cluster.local";
    let objects = [
        service("ns", "a", |_, spec| spec.ports = vec![targeted("http", 80, "8080")]),
        entry("ns", "se", host, |_, spec| spec.ports[0].target_port = Some(9000)),
        pod("ns", "p", "10.0.0.1", |_| ()),
    ];
    assert_eq!(inbound(objects, &["10.0.0.1"], "ns"), [format!("{host} p [(80, 8080), (80, 9000)]")]);
}
