use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::test_support::{dns_cluster, eds_cluster, endpoints, http_listener, routes};

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn arrived(name: &str, body: Vec<u8>) -> (String, String, bytes::Bytes) {
    (name.into(), "1".into(), body.into())
}

struct Fixture {
    assembly: Assembly,
    start: Instant,
}

impl Fixture {
    fn new() -> Fixture {
        Fixture { assembly: Assembly::default(), start: Instant::now() }
    }

    fn update(&mut self, kind: Type, name: &str, body: Vec<u8>) -> Vec<(String, String)> {
        self.assembly.update(kind, &[arrived(name, body)], &[]).rejected
    }

    fn snapshot(&mut self, seconds: u64) -> Arc<Snapshot> {
        self.assembly.snapshot(self.start + Duration::from_secs(seconds))
    }

    /// Names of the listeners in force after some seconds.
    fn listeners(&mut self, seconds: u64) -> Vec<String> {
        let mut names: Vec<String> =
            self.snapshot(seconds).listeners().keys().map(|name| name.to_string()).collect();
        names.sort();
        names
    }

    /// All of a small configuration.
    fn complete() -> Fixture {
        let mut fixture = Fixture::new();
        fixture.update(Type::Cluster, "c", eds_cluster("c"));
        fixture.update(Type::Endpoint, "c", endpoints("c", &[at(1)]));
        fixture.update(Type::Listener, "l", http_listener("l", at(80), "r"));
        fixture.update(Type::Route, "r", routes("r", "c", None));
        assert_eq!(fixture.listeners(0), ["l"]);
        fixture
    }
}

#[test]
fn nothing_is_served_before_everything_that_was_named_is_there() {
    let mut fixture = Fixture::new();
    assert!(fixture.listeners(0).is_empty());
    fixture.update(Type::Cluster, "c", eds_cluster("c"));
    fixture.update(Type::Listener, "l", http_listener("l", at(80), "r"));
    let wanted = |assembly: &Assembly, kind| assembly.wanted(kind).unwrap().into_iter().collect::<Vec<_>>();
    assert_eq!(wanted(&fixture.assembly, Type::Endpoint), ["c".into()]);
    assert_eq!(wanted(&fixture.assembly, Type::Route), ["r".into()]);
    assert!(fixture.listeners(1).is_empty());
    fixture.update(Type::Route, "r", routes("r", "c", None));
    assert!(fixture.listeners(2).is_empty(), "the cluster has no endpoints yet");
    assert!(!fixture.assembly.is_started());
    fixture.update(Type::Endpoint, "c", endpoints("c", &[at(1)]));
    assert_eq!(fixture.listeners(3), ["l"]);
    assert!(fixture.assembly.is_started() && !fixture.assembly.is_waiting());
}

#[test]
fn what_does_not_come_counts_as_empty_after_fifteen_seconds() {
    let mut fixture = Fixture::new();
    fixture.update(Type::Cluster, "c", eds_cluster("c"));
    fixture.update(Type::Listener, "l", http_listener("l", at(80), "r"));
    assert!(fixture.listeners(0).is_empty());
    assert!(fixture.listeners(14).is_empty());
    assert_eq!(fixture.listeners(15), ["l"]);
    assert!(fixture.snapshot(15).clusters.contains_key("c"));
    assert!(!fixture.assembly.is_waiting(), "it is not waited for again");
}

#[test]
fn an_empty_answer_is_an_answer() {
    let mut fixture = Fixture::new();
    for kind in [Type::Cluster, Type::Listener] {
        fixture.assembly.update(kind, &[], &[]);
    }
    assert!(fixture.listeners(0).is_empty());
    assert!(fixture.assembly.is_started());
}

#[test]
fn a_bad_resource_is_named_and_keeps_its_last_good_version() {
    let mut fixture = Fixture::complete();
    let before = fixture.snapshot(1).routes["r"].clone();
    let update = [
        arrived("r", routes("r", "c", Some("%NOPE%"))),
        arrived("other", routes("another", "c", None)),
        arrived("broken", vec![0xff]),
    ];
    let rejected = fixture.assembly.update(Type::Route, &update, &[]).rejected;
    let names: Vec<&str> = rejected.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["r", "other", "broken"]);
    assert!(rejected[0].1.contains("%NOPE%"), "{}", rejected[0].1);
    assert!(Arc::ptr_eq(&before, &fixture.snapshot(2).routes["r"]));
    assert_eq!(fixture.assembly.rejections().len(), 3);
    assert!(fixture.update(Type::Route, "r", routes("r", "c", Some("%PROTOCOL%"))).is_empty());
    assert!(!Arc::ptr_eq(&before, &fixture.snapshot(3).routes["r"]));
    assert_eq!(fixture.assembly.rejections().len(), 2);
}

#[test]
fn endpoints_change_without_a_new_snapshot() {
    let mut fixture = Fixture::complete();
    let snapshot = fixture.snapshot(1);
    let outcome =
        fixture.assembly.update(Type::Endpoint, &[arrived("c", endpoints("c", &[at(2), at(3)]))], &[]);
    assert!(!outcome.is_structural);
    assert_eq!(snapshot.clusters["c"].endpoints.load().endpoints().len(), 2);
    assert!(Arc::ptr_eq(&snapshot, &fixture.snapshot(2)));
    fixture.assembly.update(Type::Endpoint, &[], &["c".into()]);
    assert!(snapshot.clusters["c"].endpoints.load().endpoints().is_empty());
}

#[test]
fn a_changed_listener_waits_for_its_routes_while_the_old_one_goes_on() {
    let mut fixture = Fixture::complete();
    let before = fixture.snapshot(1).listeners()["l"].clone();
    fixture.update(Type::Listener, "l", http_listener("l", at(80), "r2"));
    let snapshot = fixture.snapshot(2);
    assert!(Arc::ptr_eq(&before, &snapshot.listeners()["l"]));
    assert!(snapshot.routes.contains_key("r"), "the old one still needs its routes");
    fixture.update(Type::Route, "r2", routes("r2", "c", None));
    let snapshot = fixture.snapshot(3);
    assert!(!Arc::ptr_eq(&before, &snapshot.listeners()["l"]));
    fixture.snapshot(4);
    let wanted = fixture.assembly.wanted(Type::Route).unwrap();
    assert_eq!(wanted.into_iter().collect::<Vec<_>>(), ["r2".into()]);
    assert!(!fixture.assembly.routes().contains_key("r"), "what nothing names is forgotten");
}

#[test]
fn a_new_cluster_waits_for_its_endpoints_and_holds_back_nothing_else() {
    let mut fixture = Fixture::complete();
    fixture.update(Type::Cluster, "new", eds_cluster("new"));
    fixture.update(Type::Route, "r", routes("r", "new", None));
    let snapshot = fixture.snapshot(1);
    assert!(!snapshot.clusters.contains_key("new") && snapshot.clusters.contains_key("c"));
    fixture.update(Type::Endpoint, "new", endpoints("new", &[]));
    assert!(fixture.snapshot(2).clusters.contains_key("new"), "an empty answer is an answer");
}

#[test]
fn an_equal_resource_changes_nothing() {
    let mut fixture = Fixture::complete();
    let before = fixture.snapshot(1);
    fixture.update(Type::Cluster, "c", eds_cluster("c"));
    fixture.update(Type::Route, "r", routes("r", "c", None));
    assert!(Arc::ptr_eq(&before, &fixture.snapshot(2)));
}

#[test]
fn what_was_kept_is_served_at_once() {
    let kept = Fixture::complete().assembly.kept();
    let mut fixture = Fixture::new();
    assert!(fixture.assembly.restore(kept).is_empty());
    assert_eq!(fixture.listeners(0), ["l"]);
    assert_eq!(fixture.assembly.versions(Type::Cluster), [("c".into(), "1".into())]);
}

#[test]
fn routes_to_a_new_name_wait_until_it_is_resolved_but_not_for_ever() {
    let mut fixture = Fixture::complete();
    let before = fixture.snapshot(1).routes["r"].clone();
    fixture.update(Type::Cluster, "dns", dns_cluster("dns", "never.example"));
    fixture.update(Type::Route, "r", routes("r", "dns", None));
    let snapshot = fixture.snapshot(2);
    assert!(snapshot.clusters.contains_key("dns"), "so that it is resolved");
    assert!(Arc::ptr_eq(&before, &snapshot.routes["r"]));
    assert!(fixture.assembly.is_waiting());
    assert!(!Arc::ptr_eq(&before, &fixture.snapshot(7).routes["r"]));

    // A restart from disk serves at once whatever names say.
    let mut restarted = Fixture::new();
    restarted.assembly.restore(fixture.assembly.kept());
    assert_eq!(restarted.listeners(0), ["l"]);
}
