//! Conditions of a route on a request. (istio: core/route/route.go `TranslateRouteMatch`)

use outrigger_api::{HttpMatchRequest, StringMatch};
use outrigger_proto::envoy::config::route::v3::{
    HeaderMatcher, QueryParameterMatcher, RouteMatch, header_matcher::HeaderMatchSpecifier,
    query_parameter_matcher::QueryParameterMatchSpecifier, route_match::PathSpecifier,
};
use outrigger_proto::envoy::r#type::matcher::v3::{
    RegexMatcher, StringMatcher, string_matcher::MatchPattern,
};

use crate::encode::truth;

/// Every request.
pub(super) fn everything() -> RouteMatch {
    RouteMatch { path_specifier: Some(PathSpecifier::Prefix("/".to_string())), ..Default::default() }
}

/// Whether it is every request. An expression that happens to fit every path does not count
/// (istio: core/route/route.go `IsCatchAllRoute`).
pub(super) fn is_everything(matches: &RouteMatch) -> bool {
    let any_path = match &matches.path_specifier {
        Some(PathSpecifier::Prefix(prefix)) => prefix == "/",
        Some(PathSpecifier::SafeRegex(regex)) => regex.regex == "*",
        _ => false,
    };
    any_path && matches.headers.is_empty() && matches.query_parameters.is_empty()
}

/// What is written, but for what is known when routes are built (port, source, gateways).
pub(super) fn of(request: &HttpMatchRequest) -> RouteMatch {
    let mut matches = everything();
    if let Some(path) = request.uri.as_ref().and_then(path) {
        matches.path_specifier = Some(path);
    }
    if request.ignore_uri_case == Some(true) {
        matches.case_sensitive = truth(false);
    }
    let with = request.headers.iter().map(|(name, value)| header(name, value));
    let without = request.without_headers.iter().map(|(name, value)| without_header(name, value));
    let mut headers: Vec<HeaderMatcher> = with.chain(without).collect();
    headers.sort_by(|a, b| a.name.cmp(&b.name));
    let pseudo =
        [(":method", &request.method), (":authority", &request.authority), (":scheme", &request.scheme)];
    headers.extend(pseudo.into_iter().filter_map(|(name, value)| Some(header(name, value.as_ref()?))));
    matches.headers = headers;
    matches.query_parameters =
        request.query_params.iter().map(|(name, value)| query_parameter(name, value)).collect();
    matches
}

fn path(uri: &StringMatch) -> Option<PathSpecifier> {
    match uri {
        StringMatch::Any => None,
        StringMatch::Exact(path) => Some(PathSpecifier::Path(path.to_string())),
        StringMatch::Prefix(prefix) => Some(PathSpecifier::Prefix(prefix.to_string())),
        StringMatch::Regex(regex) => Some(PathSpecifier::SafeRegex(expression(regex))),
    }
}

fn header(name: &str, value: &StringMatch) -> HeaderMatcher {
    let specifier = match string_matcher(value) {
        None => HeaderMatchSpecifier::PresentMatch(true),
        Some(matcher) => HeaderMatchSpecifier::StringMatch(matcher),
    };
    HeaderMatcher { name: name.to_string(), header_match_specifier: Some(specifier), ..Default::default() }
}

/// A missing header counts as empty, so that "does not have this value" holds for it too.
fn without_header(name: &str, value: &StringMatch) -> HeaderMatcher {
    let matcher = header(name, value);
    let by_value = !matches!(matcher.header_match_specifier, Some(HeaderMatchSpecifier::PresentMatch(_)));
    HeaderMatcher { invert_match: true, treat_missing_header_as_empty: by_value, ..matcher }
}

fn query_parameter(name: &str, value: &StringMatch) -> QueryParameterMatcher {
    let specifier = match string_matcher(value) {
        None => QueryParameterMatchSpecifier::PresentMatch(true),
        Some(matcher) => QueryParameterMatchSpecifier::StringMatch(matcher),
    };
    QueryParameterMatcher { name: name.to_string(), query_parameter_match_specifier: Some(specifier) }
}

/// `None` if any value will do.
fn string_matcher(value: &StringMatch) -> Option<StringMatcher> {
    let pattern = match value {
        StringMatch::Any => return None,
        StringMatch::Prefix(prefix) if prefix.is_empty() => return None,
        StringMatch::Regex(regex) if &**regex == "*" => return None,
        StringMatch::Exact(value) => MatchPattern::Exact(value.to_string()),
        StringMatch::Prefix(prefix) => MatchPattern::Prefix(prefix.to_string()),
        StringMatch::Regex(regex) => MatchPattern::SafeRegex(expression(regex)),
    };
    Some(StringMatcher { match_pattern: Some(pattern), ..Default::default() })
}

/// A regular expression; Envoy matches it against the whole.
pub(super) fn expression(regex: &str) -> RegexMatcher {
    RegexMatcher { regex: regex.to_string(), ..Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(edit: impl FnOnce(&mut HttpMatchRequest)) -> RouteMatch {
        let mut request = HttpMatchRequest::default();
        edit(&mut request);
        of(&request)
    }

    #[test]
    fn nothing_written_means_everything() {
        assert!(is_everything(&request(|_| {})));
        assert!(!is_everything(&request(|r| r.uri = Some(StringMatch::Exact("/".into())))));
        assert!(!is_everything(&request(|r| r.method = Some(StringMatch::Exact("GET".into())))));
    }

    #[test]
    fn an_empty_match_asks_for_presence() {
        let matches = request(|r| {
            r.headers.insert("x-a".into(), StringMatch::Any);
            r.headers.insert("x-b".into(), StringMatch::Regex("*".into()));
        });
        for header in matches.headers {
            assert_eq!(header.header_match_specifier, Some(HeaderMatchSpecifier::PresentMatch(true)));
        }
    }

    #[test]
    fn without_a_value_holds_for_a_missing_header_too() {
        let matches = request(|r| {
            r.without_headers.insert("x-a".into(), StringMatch::Exact("1".into()));
            r.without_headers.insert("x-b".into(), StringMatch::Any);
        });
        let [by_value, by_presence] = &matches.headers[..] else { panic!("two headers") };
        assert!(by_value.invert_match && by_value.treat_missing_header_as_empty);
        assert!(by_presence.invert_match && !by_presence.treat_missing_header_as_empty);
    }
}
