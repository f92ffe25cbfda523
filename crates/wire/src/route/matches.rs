//! Conditions of routes.

use outrigger_proto::envoy::config::route::v3::header_matcher::HeaderMatchSpecifier;
use outrigger_proto::envoy::config::route::v3::query_parameter_matcher::QueryParameterMatchSpecifier;
use outrigger_proto::envoy::config::route::v3::route_match::{GrpcRouteMatchOptions, PathSpecifier};
use outrigger_proto::envoy::config::route::v3::{
    HeaderMatcher, QueryParameterMatcher, RouteMatch as Message,
};
use outrigger_traffic::{HeaderMatch, HeaderTest, PathMatch, QueryMatch, RouteMatch, StringMatch};

use crate::at::{At, Fault, unset};
use crate::string_match::{full_match, string_match};
use crate::values::flag;

pub(super) fn read(message: Message, at: &At<'_>) -> Result<RouteMatch, Fault> {
    let Message {
        case_sensitive,
        runtime_fraction,
        headers,
        query_parameters,
        cookies,
        grpc,
        tls_context,
        dynamic_metadata,
        filter_state,
        path_specifier,
    } = message;
    unset!(at, runtime_fraction, cookies, tls_context, dynamic_metadata, filter_state);
    let header = |(index, matcher): (usize, HeaderMatcher)| header(matcher, &at.item("headers", index));
    let query = |(index, matcher): (usize, QueryParameterMatcher)| {
        query(matcher, &at.item("query_parameters", index))
    };
    Ok(RouteMatch {
        path: path(at.required("path_specifier", path_specifier)?, at)?,
        case_sensitive: flag(case_sensitive).unwrap_or(true),
        headers: headers.into_iter().enumerate().map(header).collect::<Result<_, _>>()?,
        query: query_parameters.into_iter().enumerate().map(query).collect::<Result<_, _>>()?,
        grpc: matches!(grpc, Some(GrpcRouteMatchOptions {})),
    })
}

fn path(specifier: PathSpecifier, at: &At<'_>) -> Result<PathMatch, Fault> {
    Ok(match specifier {
        PathSpecifier::Prefix(value) => PathMatch::Prefix(value.into()),
        PathSpecifier::Path(value) => PathMatch::Exact(value.into()),
        PathSpecifier::SafeRegex(regex) => PathMatch::Regex(full_match(regex, &at.field("safe_regex"))?),
        PathSpecifier::PathSeparatedPrefix(value) => {
            if !value.starts_with('/')
                || value.len() < 2
                || value.ends_with('/')
                || value.contains(['?', '#'])
            {
                let why = format!("{value:?} must start with a slash and not end with one");
                return Err(at.field("path_separated_prefix").refuse(why));
            }
            PathMatch::PathSeparatedPrefix(value.into())
        }
        PathSpecifier::ConnectMatcher(_) => {
            return Err(at.field("connect_matcher").refuse("it is not supported"));
        }
        PathSpecifier::PathMatchPolicy(_) => {
            return Err(at.field("path_match_policy").refuse("it is not supported"));
        }
    })
}

fn header(matcher: HeaderMatcher, at: &At<'_>) -> Result<HeaderMatch, Fault> {
    let HeaderMatcher { name, invert_match, treat_missing_header_as_empty, header_match_specifier } = matcher;
    let lower = name.to_ascii_lowercase();
    let known_pseudo = [":method", ":path", ":authority", ":scheme"].contains(&lower.as_str());
    if !known_pseudo && http::HeaderName::from_bytes(lower.as_bytes()).is_err() {
        return Err(at.field("name").refuse(format!("{name:?} is no header name")));
    }
    let heeding_case = false;
    let test = match header_match_specifier {
        // Without a condition on the value the header must be there.
        None => HeaderTest::Present(true),
        Some(HeaderMatchSpecifier::PresentMatch(present)) => HeaderTest::Present(present),
        Some(HeaderMatchSpecifier::StringMatch(matcher)) => {
            HeaderTest::Value(string_match(matcher, &at.field("string_match"))?)
        }
        Some(HeaderMatchSpecifier::SafeRegexMatch(regex)) => {
            HeaderTest::Value(StringMatch::Regex(full_match(regex, &at.field("safe_regex_match"))?))
        }
        Some(HeaderMatchSpecifier::ExactMatch(value)) => {
            HeaderTest::Value(StringMatch::Exact { value: value.into(), ignore_case: heeding_case })
        }
        Some(HeaderMatchSpecifier::PrefixMatch(value)) => {
            HeaderTest::Value(StringMatch::Prefix { value: value.into(), ignore_case: heeding_case })
        }
        Some(HeaderMatchSpecifier::SuffixMatch(value)) => {
            HeaderTest::Value(StringMatch::Suffix { value: value.into(), ignore_case: heeding_case })
        }
        Some(HeaderMatchSpecifier::ContainsMatch(value)) => {
            HeaderTest::Value(StringMatch::Contains { value: value.into(), ignore_case: heeding_case })
        }
        Some(HeaderMatchSpecifier::RangeMatch(_)) => {
            return Err(at.field("range_match").refuse("it is not supported"));
        }
    };
    Ok(HeaderMatch {
        name: lower.into(),
        test,
        invert: invert_match,
        missing_is_empty: treat_missing_header_as_empty,
    })
}

fn query(matcher: QueryParameterMatcher, at: &At<'_>) -> Result<QueryMatch, Fault> {
    let QueryParameterMatcher { name, query_parameter_match_specifier } = matcher;
    let test = match query_parameter_match_specifier {
        None | Some(QueryParameterMatchSpecifier::PresentMatch(true)) => None,
        Some(QueryParameterMatchSpecifier::PresentMatch(false)) => {
            return Err(at.field("present_match").refuse("only true is supported"));
        }
        Some(QueryParameterMatchSpecifier::StringMatch(matcher)) => {
            Some(string_match(matcher, &at.field("string_match"))?)
        }
    };
    Ok(QueryMatch { name: name.into(), test })
}
