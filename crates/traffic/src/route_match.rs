//! Which route of a virtual host takes a request: the first whose conditions all hold. The meaning
//! of each condition is Envoy's (config.route.v3.RouteMatch, HeaderMatcher, QueryParameterMatcher).

use std::fmt;

use crate::{
    HeaderMatch, HeaderTest, PathMatch, QueryMatch, RequestView, Route, RouteMatch, StringMatch, Trace,
    VirtualHost, query_parameter, split_query,
};

impl VirtualHost {
    /// The route that takes a request, with its position.
    pub fn select_route<R: RequestView, T: Trace>(
        &self,
        request: &R,
        trace: &mut T,
    ) -> Option<(usize, &Route)> {
        let (path, _) = split_query(request.path_and_query());
        for (index, route) in self.routes.iter().enumerate() {
            match route.matches.failure(request, path) {
                None => {
                    if T::ENABLED {
                        let conditions = Conditions(&route.matches);
                        trace.chosen(&route.label(index), format_args!("the request has {conditions}"));
                        for (later, route) in self.routes.iter().enumerate().skip(index + 1) {
                            trace.rejected(
                                &route.label(later),
                                format_args!("an earlier route took the request"),
                            );
                        }
                    }
                    return Some((index, route));
                }
                Some(failure) => {
                    if T::ENABLED {
                        trace.rejected(&route.label(index), format_args!("{failure}"));
                    }
                }
            }
        }
        None
    }
}

impl Route {
    /// Its name, or `#` and its position.
    pub fn label(&self, index: usize) -> String {
        if self.name.is_empty() { format!("#{index}") } else { self.name.to_string() }
    }
}

impl RouteMatch {
    /// Whether a request fulfils every condition.
    pub fn matches<R: RequestView>(&self, request: &R) -> bool {
        self.failure(request, split_query(request.path_and_query()).0).is_none()
    }

    /// The first condition that a request fails; `path` is its path without query.
    fn failure<R: RequestView>(&self, request: &R, path: &[u8]) -> Option<Failure<'_>> {
        if !self.path.matches(path, self.case_sensitive) {
            return Some(Failure::Path(&self.path));
        }
        if self.grpc && !is_grpc(request) {
            return Some(Failure::NotGrpc);
        }
        if let Some(header) = self.headers.iter().find(|h| !h.matches(request)) {
            return Some(Failure::Header(header));
        }
        let query = self.query.iter().find(|q| !q.matches(request.path_and_query()));
        query.map(Failure::Query)
    }
}

fn is_grpc<R: RequestView>(request: &R) -> bool {
    let Some(content_type) = request.header("content-type") else { return false };
    content_type.strip_prefix(b"application/grpc").is_some_and(|rest| matches!(rest, [] | [b'+', ..]))
}

impl PathMatch {
    /// Whether a path without query matches. Regular expressions always heed case.
    pub fn matches(&self, path: &[u8], case_sensitive: bool) -> bool {
        let same = |a: &[u8], b: &[u8]| if case_sensitive { a == b } else { a.eq_ignore_ascii_case(b) };
        match self {
            PathMatch::Exact(value) => same(path, value.as_bytes()),
            PathMatch::Prefix(value) => path.get(..value.len()).is_some_and(|p| same(p, value.as_bytes())),
            PathMatch::PathSeparatedPrefix(value) => {
                path.get(..value.len()).is_some_and(|p| same(p, value.as_bytes()))
                    && matches!(path.get(value.len()), None | Some(b'/'))
            }
            PathMatch::Regex(pattern) => pattern.regex.is_match(path),
        }
    }
}

impl StringMatch {
    /// Whether a value matches.
    pub fn matches(&self, value: &[u8]) -> bool {
        let same = |a: &[u8], b: &[u8], ignore: bool| if ignore { a.eq_ignore_ascii_case(b) } else { a == b };
        match self {
            StringMatch::Exact { value: want, ignore_case } => same(value, want.as_bytes(), *ignore_case),
            StringMatch::Prefix { value: want, ignore_case } => {
                value.get(..want.len()).is_some_and(|v| same(v, want.as_bytes(), *ignore_case))
            }
            StringMatch::Suffix { value: want, ignore_case } => {
                let start = value.len().checked_sub(want.len());
                start.is_some_and(|s| same(&value[s..], want.as_bytes(), *ignore_case))
            }
            StringMatch::Contains { value: want, ignore_case: false } => {
                memchr::memmem::find(value, want.as_bytes()).is_some()
            }
            StringMatch::Contains { value: want, ignore_case: true } => {
                want.is_empty() || value.windows(want.len()).any(|w| w.eq_ignore_ascii_case(want.as_bytes()))
            }
            StringMatch::Regex(pattern) => pattern.regex.is_match(value),
        }
    }
}

impl HeaderMatch {
    /// Whether a request fulfils the condition. A missing header fulfils no condition on its value,
    /// an inverted one neither, unless it counts as empty.
    pub fn matches<R: RequestView>(&self, request: &R) -> bool {
        let value = request.field(&self.name);
        match &self.test {
            HeaderTest::Present(present) => {
                ((value.is_some() || self.missing_is_empty) == *present) != self.invert
            }
            HeaderTest::Value(test) => match &value {
                Some(value) => test.matches(value) != self.invert,
                None => self.missing_is_empty && test.matches(b"") != self.invert,
            },
        }
    }
}

impl QueryMatch {
    /// Whether a path with query fulfils the condition.
    pub fn matches(&self, path_and_query: &[u8]) -> bool {
        match (query_parameter(path_and_query, self.name.as_bytes()), &self.test) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(value), Some(test)) => test.matches(value),
        }
    }
}

/// Why a route does not take a request.
enum Failure<'a> {
    Path(&'a PathMatch),
    NotGrpc,
    Header(&'a HeaderMatch),
    Query(&'a QueryMatch),
}

impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Path(path) => write!(f, "the path is not {path}"),
            Failure::NotGrpc => f.write_str("the request is not gRPC"),
            Failure::Header(header) => write!(f, "not fulfilled: {header}"),
            Failure::Query(query) => write!(f, "not fulfilled: {query}"),
        }
    }
}

/// Shows conditions as `path prefix "/a", header x is "1"`.
struct Conditions<'a>(&'a RouteMatch);

impl fmt::Display for Conditions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.path)?;
        if self.0.grpc {
            f.write_str(", is gRPC")?;
        }
        self.0.headers.iter().try_for_each(|header| write!(f, ", {header}"))?;
        self.0.query.iter().try_for_each(|query| write!(f, ", {query}"))
    }
}

impl fmt::Display for PathMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PathMatch::Prefix(value) => write!(f, "path prefix {value:?}"),
            PathMatch::Exact(value) => write!(f, "path {value:?}"),
            PathMatch::Regex(pattern) => write!(f, "path regex {:?}", pattern.source),
            PathMatch::PathSeparatedPrefix(value) => write!(f, "path {value:?} or below"),
        }
    }
}

impl fmt::Display for StringMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, value, ignore_case) = match self {
            StringMatch::Exact { value, ignore_case } => ("is", value, *ignore_case),
            StringMatch::Prefix { value, ignore_case } => ("starts with", value, *ignore_case),
            StringMatch::Suffix { value, ignore_case } => ("ends with", value, *ignore_case),
            StringMatch::Contains { value, ignore_case } => ("contains", value, *ignore_case),
            StringMatch::Regex(pattern) => ("matches", &pattern.source, false),
        };
        write!(f, "{verb} {value:?}{}", if ignore_case { " in any case" } else { "" })
    }
}

impl fmt::Display for HeaderMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match (&self.test, self.invert) {
            (HeaderTest::Present(present), invert) => {
                write!(f, "header {name} is {}", if *present != invert { "present" } else { "absent" })
            }
            (HeaderTest::Value(test), false) => write!(f, "header {name} {test}"),
            (HeaderTest::Value(test), true) => write!(f, "not: header {name} {test}"),
        }
    }
}

impl fmt::Display for QueryMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.test {
            None => write!(f, "query parameter {} is present", self.name),
            Some(test) => write!(f, "query parameter {} {test}", self.name),
        }
    }
}

#[cfg(test)]
mod tests;
