use super::*;
use crate::test_support::{Request, any_path, pattern, route, virtual_host};
use crate::{NoTrace, RouteMatch};

fn with_path(path: PathMatch) -> RouteMatch {
    RouteMatch { path, ..any_path() }
}

fn header(name: &str, test: HeaderTest) -> HeaderMatch {
    HeaderMatch { name: name.into(), test, invert: false, missing_is_empty: false }
}

fn is(value: &str) -> StringMatch {
    StringMatch::Exact { value: value.into(), ignore_case: false }
}

fn get(path: &'static str) -> Request {
    Request::get("a.b", path)
}

#[test]
fn the_first_route_that_matches_takes_the_request() {
    let routes = vec![
        route("exact", with_path(PathMatch::Exact("/a".into()))),
        route("", with_path(PathMatch::Prefix("/a".into()))),
        route("rest", any_path()),
    ];
    let host = virtual_host("v", &["*"], routes);
    let select = |path| host.select_route(&get(path), &mut NoTrace).map(|(i, r)| r.label(i));
    assert_eq!(select("/a?x=1").as_deref(), Some("exact"));
    assert_eq!(select("/ab").as_deref(), Some("#1"));
    assert_eq!(select("/b").as_deref(), Some("rest"));
    assert_eq!(virtual_host("v", &["*"], vec![]).select_route(&get("/"), &mut NoTrace), None);
}

#[test]
fn path_conditions_look_at_the_path_without_query() {
    let regex = with_path(PathMatch::Regex(pattern("^(?:/a|/ab)$")));
    assert!(regex.matches(&get("/ab?c")));
    assert!(!regex.matches(&get("/abc")));
    let below = with_path(PathMatch::PathSeparatedPrefix("/a".into()));
    assert!(below.matches(&get("/a")) && below.matches(&get("/a/b")) && below.matches(&get("/a?b")));
    assert!(!below.matches(&get("/ab")));
    let any_case = RouteMatch { case_sensitive: false, ..with_path(PathMatch::Exact("/A".into())) };
    assert!(any_case.matches(&get("/a")));
    assert!(!with_path(PathMatch::Exact("/A".into())).matches(&get("/a")));
}

#[test]
fn header_conditions_join_lines_and_treat_missing_ones_as_envoy_does() {
    let mut request = get("/");
    request.headers = vec![("x", "1"), ("x", "2")];
    let check = |h: HeaderMatch| h.matches(&request);
    assert!(check(header("x", HeaderTest::Value(is("1,2")))));
    assert!(check(header(":method", HeaderTest::Value(is("GET")))));
    assert!(check(header("host", HeaderTest::Value(is("a.b")))));
    assert!(check(header("x", HeaderTest::Present(true))));
    assert!(check(header("y", HeaderTest::Present(false))));
    let inverted = |name, test| HeaderMatch { invert: true, ..header(name, test) };
    assert!(check(inverted("x", HeaderTest::Value(is("1")))));
    assert!(check(inverted("y", HeaderTest::Present(true))));
    // A missing header fulfils nothing, not even the opposite, unless it counts as empty.
    assert!(!check(inverted("y", HeaderTest::Value(is("1")))));
    let lenient = HeaderMatch { missing_is_empty: true, ..inverted("y", HeaderTest::Value(is("1"))) };
    assert!(check(lenient));
}

#[test]
fn string_conditions_heed_case_only_when_asked() {
    let cases = [
        (StringMatch::Prefix { value: "Ab".into(), ignore_case: true }, "aBc", "bab"),
        (StringMatch::Suffix { value: "bc".into(), ignore_case: false }, "abc", "aBC"),
        (StringMatch::Contains { value: "B".into(), ignore_case: true }, "abc", "ac"),
        (StringMatch::Contains { value: "b".into(), ignore_case: false }, "abc", "aBc"),
        (StringMatch::Regex(pattern("^(?:a+)$")), "aa", "aab"),
        (StringMatch::Exact { value: "abc".into(), ignore_case: true }, "ABC", "ab"),
    ];
    for (test, yes, no) in cases {
        assert!(test.matches(yes.as_bytes()) && !test.matches(no.as_bytes()), "{test}");
    }
}

#[test]
fn query_conditions_must_hold_too() {
    let asks = |test| RouteMatch { query: vec![QueryMatch { name: "q".into(), test }], ..any_path() };
    assert!(asks(None).matches(&get("/?q")));
    assert!(!asks(None).matches(&get("/?p")));
    assert!(asks(Some(is("1"))).matches(&get("/?q=1&q=2")));
    assert!(!asks(Some(is("2"))).matches(&get("/?q=1&q=2")));
}

#[test]
fn grpc_conditions_look_at_the_content_type() {
    let grpc = RouteMatch { grpc: true, ..any_path() };
    let with = |value| Request { headers: vec![("content-type", value)], ..get("/") };
    assert!(grpc.matches(&with("application/grpc")) && grpc.matches(&with("application/grpc+proto")));
    assert!(!grpc.matches(&with("application/grpc-web")) && !grpc.matches(&get("/")));
}
