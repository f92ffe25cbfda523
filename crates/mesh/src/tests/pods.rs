//! What becomes of pods.

use outrigger_api::PodPhase;
use outrigger_base::{Kind, Locality};

use super::build::{Ask, Pod, at, container_port, entry, key, labels, owner, pod, ready, snapshot_of};
use crate::{EndpointHealth, Snapshot, TlsMode, Workload};

const HOST: &str = "test.internal.com";

fn with(edit: impl FnOnce(&mut Pod)) -> Snapshot {
    snapshot_of([entry("ns", "se", HOST, |_, _| ()), pod("ns", "p-1", "10.0.0.1", edit)])
}

fn workload(edit: impl FnOnce(&mut Pod)) -> Workload {
    (**with(edit).workload(&key(Kind::POD, "ns", "p-1")).unwrap()).clone()
}

#[test]
fn a_pod_counts_once_it_is_ready() {
    let places = |edit: fn(&mut Pod)| with(edit).places(HOST, "ns", 80);
    assert_eq!(places(|_| ()), ["10.0.0.1:80"]);
    assert!(places(|pod| pod.status.conditions = vec![ready("False")]).is_empty());
    assert!(places(|pod| pod.status.pod_ip = None).is_empty());
    // Nobody wrote conditions: it runs, so it is taken to be ready.
    assert_eq!(places(|pod| pod.status.conditions.clear()), ["10.0.0.1:80"]);
    let pending = |pod: &mut Pod| {
        pod.status.conditions.clear();
        pod.status.phase = Some(PodPhase::Pending);
    };
    assert!(places(pending).is_empty());
    assert!(places(|pod| pod.status.phase = Some(PodPhase::Succeeded)).is_empty());
    assert!(places(|pod| pod.status.phase = Some(PodPhase::Failed)).is_empty());
}

#[test]
fn a_pod_that_is_asked_to_go_is_terminating_until_it_is_gone() {
    let snapshot = with(|pod| pod.meta.deletion_timestamp = at(1));
    let endpoints = snapshot.endpoints_of(HOST, "ns");
    assert_eq!(endpoints.of_port(80)[0].health, EndpointHealth::Terminating);
}

#[test]
fn a_pods_workload_is_named_after_what_made_it() {
    let named = |kind: &str, name: &str, hash: Option<&str>| {
        let workload = workload(|pod| {
            pod.meta.owner_references = vec![owner(kind, name)];
            if let Some(hash) = hash {
                pod.meta.labels.set("pod-template-hash", hash);
            }
        });
        workload.workload_name.to_string()
    };
    assert_eq!(named("ReplicaSet", "hello-7d4b9c8f6d", Some("7d4b9c8f6d")), "hello");
    assert_eq!(named("ReplicaSet", "hello-7d4b9c8f6d", None), "hello");
    assert_eq!(named("ReplicaSet", "hello-world", None), "hello-world");
    assert_eq!(named("ReplicaSet", "hello-7d4b9c8f6d", Some("other")), "hello-7d4b9c8f6d");
    assert_eq!(named("Deployment", "hello2-deploy-v2", None), "hello2-deploy-v2");
    assert_eq!(named("StatefulSet", "db", None), "db");
    assert_eq!(named("Job", "backup-28000000", None), "backup");
    assert_eq!(&*workload(|_| ()).workload_name, "p-1");
}

#[test]
fn named_ports_come_from_tcp_ports_the_first_of_each_name() {
    let workload = workload(|pod| {
        let udp = outrigger_api::ContainerPort { protocol: Some("UDP".into()), ..container_port("dns", 53) };
        pod.spec.containers[0].ports.extend([udp, container_port("web", 1), container_port("dns", 5353)]);
    });
    let ports: Vec<_> = workload.ports.iter().map(|(name, port)| (&**name, *port)).collect();
    assert_eq!(ports, [("dns", 5353), ("web", 8080)]);
}

#[test]
fn place_and_identity_come_from_labels_and_spec() {
    let plain = workload(|_| ());
    assert_eq!((&*plain.service_account, plain.tls_mode), ("default", TlsMode::Disabled));
    let marked = workload(|pod| {
        pod.spec.service_account_name = Some("hello".into());
        pod.meta.labels = labels(&[
            ("security.istio.io/tlsMode", "istio"),
            ("istio-locality", "us.east.a"),
            ("topology.istio.io/network", "n1"),
        ]);
    });
    assert_eq!((&*marked.service_account, marked.tls_mode), ("hello", TlsMode::Istio));
    assert_eq!((*marked.locality).clone(), Locality::parse("us/east/a"));
    assert_eq!(marked.network.as_str(), "n1");
    let by_node = workload(|pod| {
        pod.meta.labels =
            labels(&[("topology.kubernetes.io/region", "eu"), ("topology.kubernetes.io/zone", "eu-1")]);
    });
    assert_eq!((*by_node.locality).clone(), Locality::parse("eu/eu-1"));
}
