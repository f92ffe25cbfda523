//! The DNS table.

use outrigger_api::{Resource, ServiceType};

use super::build::{Pod, entry, pod, ready, service, snapshot_of};

fn names(resources: impl IntoIterator<Item = Resource>) -> Vec<String> {
    let snapshot = snapshot_of(resources);
    snapshot.names().iter().map(|(host, ips)| format!("{host} {ips:?}")).collect()
}

#[test]
fn a_name_resolves_to_its_virtual_addresses() {
    let names = names([
        service("ns", "a", |_, spec| spec.cluster_ip = Some("10.96.0.1".into())),
        entry("ns", "range", "range.example", |_, spec| spec.addresses = vec!["10.0.0.0/8".into()]),
        entry("ns", "two", "two.example", |_, spec| {
            spec.addresses = vec!["10.1.0.1".into(), "fd00::1".into()];
        }),
        entry("ns", "wild", "*.example", |_, spec| spec.addresses = vec!["10.1.0.9".into()]),
    ]);
    assert_eq!(names, ["a.ns.svc.cluster.local [10.96.0.1]", "two.example [10.1.0.1, fd00::1]"]);
}

#[test]
fn a_headless_name_resolves_to_ready_pods_and_each_named_pod_to_itself() {
    let member = |name: &str, ip: &str, edit: fn(&mut Pod)| {
        pod("ns", name, ip, |pod| {
            pod.spec.hostname = Some(name.into());
            pod.spec.subdomain = Some("db".into());
            edit(pod);
        })
    };
    let headless = |ports: bool| {
        names([
            service("ns", "db", move |_, spec| {
                spec.cluster_ip = Some("None".into());
                if !ports {
                    spec.ports.clear();
                }
            }),
            member("db-1", "10.0.0.2", |_| ()),
            member("db-0", "10.0.0.1", |_| ()),
            member("db-2", "10.0.0.3", |pod| pod.status.conditions = vec![ready("False")]),
            pod("ns", "loner", "10.0.0.4", |pod| pod.spec.subdomain = Some("elsewhere".into())),
        ])
    };
    let wanted = [
        "db-0.db.ns.svc.cluster.local [10.0.0.1]",
        "db-1.db.ns.svc.cluster.local [10.0.0.2]",
        "db.ns.svc.cluster.local [10.0.0.1, 10.0.0.2, 10.0.0.4]",
    ];
    assert_eq!(headless(true), wanted);
    assert_eq!(headless(false), wanted);
}

#[test]
fn an_external_name_resolves_as_the_host_that_it_stands_for() {
    let stands_for = |name: &str, target: &str| {
        let target = Some(target.into());
        service("ns", name, |_, spec| {
            spec.service_type = Some(ServiceType::ExternalName);
            spec.external_name = target;
        })
    };
    let names = names([
        stands_for("inside", "two.example"),
        stands_for("outside", "unknown.example"),
        entry("ns", "two", "two.example", |_, spec| spec.addresses = vec!["10.1.0.1".into()]),
    ]);
    assert_eq!(names, ["inside.ns.svc.cluster.local [10.1.0.1]", "two.example [10.1.0.1]"]);
}

#[test]
fn of_several_services_with_one_host_the_first_speaks() {
    let host = "a.ns.svc.cluster.local";
    let names = names([
        entry("other", "se", host, |_, spec| spec.addresses = vec!["10.6.6.6".into()]),
        service("ns", "a", |_, spec| spec.cluster_ip = Some("10.96.0.1".into())),
    ]);
    assert_eq!(names, [format!("{host} [10.96.0.1]")]);
}
