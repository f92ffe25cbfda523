//! Subscriptions, answers and versions.

use super::*;

#[test]
fn asking_for_nothing_in_particular_gives_all_clusters_and_listeners() {
    for form in BOTH {
        for names in [&[][..], &["*"]] {
            let mut client = Client::new(form, one(1));
            client.subscribe(CLUSTER, names);
            assert_eq!(client.next_text(), "CDS a-eds@1");
            client.subscribe(LISTENER, names);
            assert_eq!(client.next_text(), "LDS l@1");
            assert_eq!(client.next_text(), "");
        }
    }
}

#[test]
fn endpoints_and_routes_come_only_by_name() {
    for form in BOTH {
        let state =
            assets(1, [(CLUSTER, &[]), (ENDPOINT, &["a@1", "b@1"]), (LISTENER, &[]), (ROUTE, &["r@1"])]);
        let mut client = Client::new(form, state);
        client.subscribe(ENDPOINT, &["a"]);
        assert_eq!(client.drain(), ["EDS a@1"]);
        client.subscribe(ENDPOINT, &["b"]);
        assert_eq!(client.drain(), ["EDS b@1"]);
        client.subscribe(ROUTE, &[]);
        assert_eq!(client.next_text(), "");
    }
}

#[test]
fn clusters_by_name_are_only_these() {
    for form in BOTH {
        let state = assets(1, [(CLUSTER, &["a@1", "b@1"]), (ENDPOINT, &[]), (LISTENER, &[]), (ROUTE, &[])]);
        let mut client = Client::new(form, state);
        client.subscribe(CLUSTER, &["b"]);
        assert_eq!(client.drain(), ["CDS b@1"]);
    }
}

#[test]
fn a_type_without_resources_is_answered_with_an_empty_response() {
    for form in BOTH {
        let state = assets(1, [(CLUSTER, &[]), (ENDPOINT, &[]), (LISTENER, &[]), (ROUTE, &[])]);
        let mut client = Client::new(form, state);
        client.subscribe(LISTENER, &[]);
        assert_eq!(client.drain(), ["LDS"]);
    }
}

#[test]
fn nothing_is_sent_when_nothing_changed_for_the_client() {
    for form in BOTH {
        let mut client = Client::with_everything(form, one(1));
        assert_eq!(client.next_text(), "");
        client.publish(one(2));
        assert_eq!(client.next_text(), "", "{form:?}: equal content in new memory");
        assert_eq!(client.events(), ["settled 2"]);
        let mut other = (*one(3)).clone();
        other.types[1].1 = map(ENDPOINT, &["a-eds@1", "unwanted@1"]);
        client.publish(Arc::new(other));
        assert_eq!(client.next_text(), "", "{form:?}: a change of something not asked for");
    }
}

#[test]
fn an_update_carries_what_changed() {
    for form in BOTH {
        let state = |v: u64, b: &'static str| {
            assets(v, [(CLUSTER, &[]), (ENDPOINT, &["a@1", b]), (LISTENER, &["l@1", b]), (ROUTE, &[])])
        };
        let mut client = Client::with_everything(form, state(1, "b@1"));
        client.publish(state(2, "b@2"));
        let all = if form == Form::Sotw { "LDS b@2 l@1" } else { "LDS b@2" };
        assert_eq!(client.drain(), ["EDS b@2", all], "{form:?}");
    }
}

#[test]
fn requests_that_answer_an_older_response_are_ignored_in_the_state_of_the_world() {
    let mut client = Client::new(Form::Sotw, one(1));
    client.subscribe(ENDPOINT, &["x"]);
    let first = client.next().unwrap();
    client.subscribe(ENDPOINT, &["a-eds"]);
    let second = client.next().unwrap();
    assert_eq!(text(&second), "EDS a-eds@1");
    let names = vec!["other".to_string()];
    let ask = Ask::Sotw { names, version: String::new() };
    client.request(Request { type_url: ENDPOINT.into(), nonce: first.nonce.to_string(), error: None, ask });
    client.ack(&second);
    assert_eq!(client.next_text(), "");
    assert_eq!(client.events().last().unwrap(), "settled 1");
}

#[test]
fn an_unknown_nonce_acknowledges_nothing() {
    for form in BOTH {
        let mut client = Client::new(form, one(1));
        client.subscribe(CLUSTER, &[]);
        let mut response = client.next().unwrap();
        response.nonce += 7;
        client.ack(&response);
        assert_eq!(client.events(), ["settled 1", "CDS subscribed", "unsettled", "CDS sent 1"]);
    }
}

#[test]
fn subscribing_again_is_answered_again() {
    let mut client = Client::with_everything(Form::Delta, one(1));
    client.subscribe(ENDPOINT, &["a-eds"]);
    assert_eq!(client.drain(), ["EDS a-eds@1"]);
    client.subscribe(CLUSTER, &["*"]);
    assert_eq!(client.drain(), ["CDS"], "the client has them all, but asked");

    let mut client = Client::with_everything(Form::Sotw, one(1));
    client.unsubscribe(ENDPOINT, "a-eds");
    assert_eq!(client.drain(), [""; 0]);
    client.subscribe(ENDPOINT, &["a-eds"]);
    assert_eq!(client.drain(), ["EDS a-eds@1"]);
}

#[test]
fn what_was_unsubscribed_is_not_sent() {
    for form in BOTH {
        let mut client = Client::with_everything(form, one(1));
        client.unsubscribe(ENDPOINT, "a-eds");
        let mut changed = (*one(2)).clone();
        changed.types[1].1 = map(ENDPOINT, &["a-eds@2"]);
        client.publish(Arc::new(changed));
        assert_eq!(client.drain(), [""; 0], "{form:?}");
    }
}

#[test]
fn leaving_the_wildcard_keeps_the_names() {
    let state = |v, a, b| assets(v, [(CLUSTER, &[a, b]), (ENDPOINT, &[]), (LISTENER, &[]), (ROUTE, &[])]);
    let mut client = Client::new(Form::Delta, state(1, "a@1", "b@1"));
    client.subscribe(CLUSTER, &["*", "a"]);
    assert_eq!(client.drain(), ["CDS a@1 b@1"]);
    client.unsubscribe(CLUSTER, "*");
    client.publish(state(2, "a@2", "b@2"));
    assert_eq!(client.drain(), ["CDS a@2"]);
}

#[test]
fn a_missing_name_is_told_to_be_missing_and_comes_when_it_appears() {
    let mut client = Client::new(Form::Delta, one(1));
    client.subscribe(ENDPOINT, &["later"]);
    assert_eq!(client.drain(), ["EDS -later"]);
    let mut changed = (*one(2)).clone();
    changed.types[1].1 = map(ENDPOINT, &["later@1"]);
    client.publish(Arc::new(changed));
    assert_eq!(client.drain(), ["EDS later@1"]);
}

#[test]
fn unknown_types_are_tolerated() {
    for form in BOTH {
        let mut client = Client::new(form, one(1));
        client.subscribe("unknown", &[]);
        assert_eq!(client.next_text(), "");
        client.subscribe("unknown", &["x"]);
        let expected = if form == Form::Sotw { "" } else { "unknown -x" };
        assert_eq!(client.next_text(), expected);
        client.subscribe(CLUSTER, &[]);
        assert_eq!(client.next_text(), "CDS a-eds@1");
    }
}

#[test]
fn a_client_that_comes_back_gets_only_the_difference() {
    let state = assets(
        5,
        [(CLUSTER, &[]), (ENDPOINT, &[]), (LISTENER, &["new@1", "same@1", "changed@2"]), (ROUTE, &["r@1"])],
    );
    let mut client = Client::new(Form::Delta, state);
    client.resume(LISTENER, &["*"], &[("same", "1"), ("changed", "1"), ("gone", "1")]);
    assert_eq!(client.drain(), ["LDS changed@2 new@1 -gone"]);
    assert_eq!(client.events().last().unwrap(), "settled 5");
    client.resume(ROUTE, &["r"], &[("r", "1")]);
    assert_eq!(client.drain(), [""; 0]);
    assert_eq!(client.events(), ["RDS subscribed"]);
}

#[test]
fn a_refusal_is_reported_and_nothing_is_sent_again() {
    for form in BOTH {
        let mut client = Client::new(form, one(1));
        client.subscribe(CLUSTER, &[]);
        let response = client.next().unwrap();
        client.events();
        client.answer(&response, Some("a-eds: bad"));
        assert_eq!(client.events(), ["CDS nacked 1 a-eds: a-eds: bad", "settled 1"]);
        assert_eq!(client.next_text(), "");
        client.publish(one(2));
        assert_eq!(client.next_text(), "", "{form:?}: the same would be refused again");
        let mut fixed = (*one(3)).clone();
        fixed.types[0].1 = map(CLUSTER, &["a-eds@2"]);
        client.publish(Arc::new(fixed));
        assert_eq!(client.drain(), ["CDS a-eds@2"]);
    }
}

#[test]
fn requests_wait_while_nothing_has_been_computed() {
    for form in BOTH {
        let mut client = Client::new(form, Assets::pending());
        client.subscribe(CLUSTER, &[]);
        client.subscribe(ENDPOINT, &["a-eds", "missing"]);
        client.subscribe("unknown", &[]);
        assert_eq!(client.next_text(), "");
        client.publish(one(1));
        let endpoints = if form == Form::Sotw { "EDS a-eds@1" } else { "EDS a-eds@1 -missing" };
        assert_eq!(client.drain(), ["CDS a-eds@1", endpoints]);
        client.subscribe(LISTENER, &[]);
        assert_eq!(client.drain(), ["LDS l@1"]);
    }
}

#[test]
fn updates_merge_while_an_answer_is_awaited() {
    for form in BOTH {
        let state = |v, e| assets(v, [(CLUSTER, &[]), (ENDPOINT, &[e]), (LISTENER, &[]), (ROUTE, &[])]);
        let mut client = Client::with_everything(form, state(1, "a@1"));
        client.publish(state(2, "a@2"));
        let response = client.next().unwrap();
        client.publish(state(3, "a@3"));
        client.publish(state(4, "a@4"));
        assert_eq!(client.next_text(), "");
        client.ack(&response);
        assert_eq!(client.drain(), ["EDS a@4"], "{form:?}");
    }
}

#[test]
fn a_client_that_never_answers_still_gets_updates() {
    for form in BOTH {
        let state = |v, e| assets(v, [(CLUSTER, &[]), (ENDPOINT, &[e]), (LISTENER, &[]), (ROUTE, &[])]);
        let mut client = Client::new(form, state(1, "a@1"));
        client.subscribe(ENDPOINT, &["a"]);
        assert_eq!(client.next_text(), "EDS a@1");
        client.publish(state(2, "a@2"));
        assert_eq!(client.next_text(), "");
        let deadline = client.session.deadline(client.now).unwrap();
        client.pass(deadline - client.now);
        assert_eq!(client.next_text(), "EDS a@2");
    }
}

#[test]
fn many_endpoints_come_in_parts_and_each_once() {
    let endpoint = |name: &str| {
        let body = vec![0; 300 * 1024].into();
        Arc::new(Resource { name: name.into(), version: "1".into(), body, needs: None })
    };
    let names = ["a", "b", "c"];
    let big = names.iter().map(|name| ((*name).into(), endpoint(name))).collect();
    let types = vec![(CLUSTER, map(CLUSTER, &[])), (ENDPOINT, Arc::new(big))];
    let mut client = Client::new(Form::Delta, Arc::new(Assets { version: 1, types }));
    client.subscribe(ENDPOINT, &names);
    let parts: Vec<Response> = std::iter::from_fn(|| client.next()).collect();
    assert_eq!(parts.iter().map(text).collect::<Vec<_>>(), ["EDS a@1", "EDS b@1", "EDS c@1"]);
    for part in &parts {
        assert_ne!(client.events().last().unwrap(), "settled 1");
        client.ack(part);
    }
    assert_eq!(client.events().last().unwrap(), "settled 1");
}
