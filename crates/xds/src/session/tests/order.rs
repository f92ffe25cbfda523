//! Make before break.

use super::*;

/// The state after `one`: a second cluster with endpoints, and listener and route that use it.
fn two(version: u64) -> Arc<Assets> {
    assets(
        version,
        [
            (CLUSTER, &["a-eds@1", "b-eds@1"]),
            (ENDPOINT, &["a-eds@1", "b-eds@1"]),
            (LISTENER, &["l@2"]),
            (ROUTE, &["r@2"]),
        ],
    )
}

/// The state after `two`: only the second cluster.
fn other(version: u64) -> Arc<Assets> {
    assets(
        version,
        [(CLUSTER, &["b-eds@1"]), (ENDPOINT, &["b-eds@1"]), (LISTENER, &["l@2"]), (ROUTE, &["r@3"])],
    )
}

fn clusters(form: Form, delta: &str, sotw: &str) -> String {
    if form == Form::Sotw { sotw.into() } else { delta.into() }
}

#[test]
fn clusters_then_endpoints_then_listeners_then_routes() {
    for form in BOTH {
        let mut client = Client::with_everything(form, one(1));
        client.publish(two(2));
        let cds = client.next().unwrap();
        assert_eq!(text(&cds), clusters(form, "CDS b-eds@1", "CDS a-eds@1 b-eds@1"));
        assert_eq!(client.next_text(), "", "nothing before the clusters are answered");
        client.subscribe(ENDPOINT, &["b-eds"]);
        let eds = client.next().unwrap();
        assert_eq!(text(&eds), "EDS b-eds@1", "a subscription is answered at once");
        client.ack(&cds);
        assert_eq!(client.next_text(), "", "nothing before the endpoints are answered");
        client.ack(&eds);
        let lds = client.next().unwrap();
        assert_eq!(text(&lds), "LDS l@2");
        assert_eq!(client.next_text(), "");
        client.ack(&lds);
        assert_eq!(client.drain(), ["RDS r@2"]);
        assert_eq!(client.events().last().unwrap(), "settled 2");
    }
}

#[test]
fn a_route_waits_until_the_endpoints_of_a_new_cluster_were_asked_for() {
    for form in BOTH {
        let mut client = Client::with_everything(form, one(1));
        client.publish(two(2));
        let cds = client.next().unwrap();
        client.ack(&cds);
        assert_eq!(client.next_text(), "");
        client.pass(Duration::from_secs(1));
        client.subscribe(ENDPOINT, &["b-eds"]);
        assert_eq!(client.drain(), ["EDS b-eds@1", "LDS l@2", "RDS r@2"]);
    }
}

#[test]
fn waiting_has_an_end() {
    for form in BOTH {
        let mut client = Client::with_everything(form, one(1));
        client.publish(two(2));
        let cds = client.next().unwrap();
        client.ack(&cds);
        assert_eq!(client.next_text(), "");
        client.pass(Duration::from_secs(5));
        assert_eq!(client.drain(), ["LDS l@2", "RDS r@2"], "{form:?}");
    }
}

#[test]
fn a_refusal_does_not_hold_up_what_follows() {
    for form in BOTH {
        let mut client = Client::with_everything(form, one(1));
        let mut next = (*two(2)).clone();
        next.types[0].1 = map(CLUSTER, &["a-eds@1", "bad@1"]);
        client.publish(Arc::new(next));
        let cds = client.next().unwrap();
        client.answer(&cds, Some("bad"));
        assert_eq!(client.drain(), ["LDS l@2", "RDS r@2"], "{form:?}");
    }
}

#[test]
fn endpoints_of_a_refused_cluster_are_not_waited_for() {
    for form in BOTH {
        let mut client = Client::with_everything(form, one(1));
        client.publish(two(2));
        let cds = client.next().unwrap();
        client.answer(&cds, Some("b-eds: no"));
        assert_eq!(client.drain(), ["LDS l@2", "RDS r@2"], "{form:?}");
    }
}

#[test]
fn a_client_that_never_asked_for_endpoints_is_not_waited_for() {
    for form in BOTH {
        let mut client = Client::new(form, one(1));
        client.subscribe(CLUSTER, &[]);
        client.subscribe(ROUTE, &["r"]);
        client.drain();
        client.publish(two(2));
        assert_eq!(
            client.drain(),
            [clusters(form, "CDS b-eds@1", "CDS a-eds@1 b-eds@1"), "RDS r@2".to_string()]
        );
    }
}

#[test]
fn removals_come_last_and_after_a_delay() {
    for form in BOTH {
        let mut client = Client::with_everything(form, two(1));
        client.publish(other(2));
        assert_eq!(client.drain(), ["RDS r@3"], "{form:?}: the old cluster stays for now");
        assert_eq!(client.events().last().unwrap(), "settled 2");
        client.pass(Duration::from_millis(999));
        assert_eq!(client.next_text(), "");
        assert_eq!(client.session.deadline(client.now), Some(client.now + Duration::from_millis(1)));
        client.pass(Duration::from_millis(1));
        let all = if form == Form::Sotw { vec!["CDS b-eds@1"] } else { vec!["CDS -a-eds", "EDS -a-eds"] };
        assert_eq!(client.drain(), all);
        assert_eq!(client.session.deadline(client.now), None);
    }
}

#[test]
fn removals_wait_for_the_answer_of_the_routes() {
    let mut client = Client::with_everything(Form::Delta, two(1));
    client.publish(other(2));
    let rds = client.next().unwrap();
    client.pass(Duration::from_secs(3));
    assert_eq!(client.next_text(), "");
    client.ack(&rds);
    assert_eq!(client.next_text(), "");
    client.pass(Duration::from_secs(1));
    assert_eq!(client.next_text(), "CDS -a-eds");
}

#[test]
fn while_a_removal_waits_the_state_of_the_world_holds_both() {
    let mut client = Client::with_everything(Form::Sotw, two(1));
    client.publish(other(2));
    client.drain();
    let mut third = (*other(3)).clone();
    third.types[0].1 = map(CLUSTER, &["b-eds@1", "c@1"]);
    client.publish(Arc::new(third));
    assert_eq!(client.drain(), ["CDS b-eds@1 c@1 a-eds@1"]);
    client.pass(Duration::from_secs(1));
    assert_eq!(client.drain(), ["CDS b-eds@1 c@1"]);
}

#[test]
fn what_comes_back_while_its_removal_waits_stays() {
    for form in BOTH {
        let mut client = Client::with_everything(form, two(1));
        client.publish(other(2));
        client.drain();
        client.publish(two(3));
        assert_eq!(client.drain(), ["RDS r@2"], "{form:?}");
        client.pass(Duration::from_secs(10));
        assert_eq!(client.drain(), [""; 0], "{form:?}");
    }
}

#[test]
fn a_changed_cluster_gets_its_endpoints_again() {
    for form in BOTH {
        let mut client = Client::with_everything(form, one(1));
        let mut next = (*one(2)).clone();
        next.types[0].1 = map(CLUSTER, &["a-eds@2"]);
        next.types[3].1 = map(ROUTE, &["r@2"]);
        client.publish(Arc::new(next));
        let cds = client.next().unwrap();
        assert_eq!(text(&cds), "CDS a-eds@2");
        let eds = client.next().unwrap();
        assert_eq!(text(&eds), "EDS a-eds@1", "Envoy warms a changed cluster only with these");
        client.ack(&eds);
        client.ack(&cds);
        assert_eq!(client.drain(), ["RDS r@2"]);
    }
}

#[test]
fn endpoints_pass_everything_that_waits() {
    for form in BOTH {
        let mut client = Client::with_everything(form, one(1));
        client.publish(two(2));
        let cds = client.next().unwrap();
        let mut next = (*two(3)).clone();
        next.types[1].1 = map(ENDPOINT, &["a-eds@2", "b-eds@1"]);
        client.publish(Arc::new(next));
        assert_eq!(client.next_text(), "EDS a-eds@2");
        client.ack(&cds);
        assert_eq!(client.next_text(), "", "{form:?}: the route still waits for the new endpoints");
    }
}

#[test]
fn frequent_changes_of_endpoints_do_not_starve_routes() {
    for form in BOTH {
        let mut client = Client::with_everything(form, one(1));
        let mut routes_seen = false;
        let mut answer: Option<Response> = None;
        client.publish(two(2));
        client.drain();
        client.subscribe(ENDPOINT, &["b-eds"]);
        for version in 3..100 {
            let mut next = (*two(version)).clone();
            let endpoint: &'static str = format!("a-eds@{version}").leak();
            next.types[1].1 = map(ENDPOINT, &[endpoint, "b-eds@1"]);
            next.types[3].1 = map(ROUTE, &["r@7"]);
            client.publish(Arc::new(next));
            let response = client.next();
            routes_seen |= response.as_ref().is_some_and(|r| text(r) == "RDS r@7");
            if let Some(before) = std::mem::replace(&mut answer, response) {
                client.ack(&before);
            }
        }
        assert!(routes_seen, "{form:?}");
    }
}

#[test]
fn a_new_listener_gets_its_new_route_while_it_warms() {
    for form in BOTH {
        let mut client = Client::with_everything(form, one(1));
        let mut next = (*one(2)).clone();
        next.types[2].1 = map(LISTENER, &["l@1", "new@1"]);
        next.types[3].1 = map(ROUTE, &["r@2", "of-new@1"]);
        client.publish(Arc::new(next));
        let lds = client.next().unwrap();
        client.subscribe(ROUTE, &["of-new"]);
        let rds = client.next().unwrap();
        assert_eq!(text(&rds), "RDS of-new@1", "the old route waits, the new one must not");
        client.ack(&rds);
        client.ack(&lds);
        assert_eq!(client.drain(), ["RDS r@2"]);
    }
}

#[test]
fn a_client_that_comes_back_gets_its_routes_after_its_clusters() {
    let mut client = Client::new(Form::Delta, other(9));
    client.resume(CLUSTER, &["*"], &[("a-eds", "1")]);
    client.resume(ENDPOINT, &["a-eds"], &[("a-eds", "1")]);
    client.resume(LISTENER, &["*"], &[("l", "2")]);
    client.resume(ROUTE, &["r"], &[("r", "1")]);
    let cds = client.next().unwrap();
    assert_eq!(text(&cds), "CDS b-eds@1", "the cluster that its routes still name stays");
    assert_eq!(client.next_text(), "");
    client.subscribe(ENDPOINT, &["b-eds"]);
    let eds = client.next().unwrap();
    client.ack(&cds);
    assert_eq!(client.next_text(), "");
    client.ack(&eds);
    assert_eq!(client.drain(), ["RDS r@3"]);
    client.pass(Duration::from_secs(1));
    assert_eq!(client.drain(), ["CDS -a-eds", "EDS -a-eds"]);
}

#[test]
fn a_client_that_comes_back_unchanged_is_left_alone() {
    let mut client = Client::new(Form::Delta, one(9));
    client.resume(CLUSTER, &["*"], &[("a-eds", "1")]);
    client.resume(ENDPOINT, &["a-eds"], &[("a-eds", "1")]);
    client.resume(LISTENER, &["*"], &[("l", "1")]);
    client.resume(ROUTE, &["r"], &[("r", "1")]);
    assert_eq!(client.drain(), [""; 0]);
    assert_eq!(client.events().last().unwrap(), "RDS subscribed");
    assert_eq!(client.session.deadline(client.now), None);
}
