//! Where a redirect leads. (envoy: `Http::Utility::newUri`.)

use crate::path::replace_matched;
use crate::{PathMatch, Redirect, RedirectPath, RequestView, split_port, split_query};

impl Redirect {
    /// The value of `location`. `matched` is the condition by which the route was chosen.
    pub fn location<R: RequestView>(&self, matched: &PathMatch, request: &R) -> Vec<u8> {
        let scheme = match &self.scheme {
            Some(scheme) => scheme.as_bytes(),
            None if self.https => b"https",
            None => request.scheme(),
        };
        let mut location = [scheme, b"://"].concat();
        match &self.host {
            Some(host) => location.extend_from_slice(host.as_bytes()),
            None => location.extend_from_slice(self.kept_host(scheme, request)),
        }
        if let Some(port) = self.port {
            location.extend_from_slice(format!(":{port}").as_bytes());
        }
        self.push_path(matched, request.path_and_query(), &mut location);
        location
    }

    /// The request's host; its port goes if there is a new one, or if it was the old scheme's default
    /// and the scheme changes.
    fn kept_host<'a, R: RequestView>(&self, scheme: &[u8], request: &'a R) -> &'a [u8] {
        let authority = request.authority();
        let (host, port) = split_port(authority);
        let default = matches!((request.scheme(), port), (b"http", b":80") | (b"https", b":443"));
        if self.port.is_some() || (default && scheme != request.scheme()) { host } else { authority }
    }

    fn push_path(&self, matched: &PathMatch, path_and_query: &[u8], location: &mut Vec<u8>) {
        let (path, query) = split_query(path_and_query);
        let mut has_query = false;
        match &self.path {
            RedirectPath::Keep => location.extend_from_slice(path),
            RedirectPath::Full(new) => {
                // A query of the new path replaces the request's and is never dropped.
                has_query = new.contains('?');
                location.extend_from_slice(new.as_bytes());
            }
            RedirectPath::Prefix(new) => location.extend_from_slice(&replace_matched(matched, path, new)),
        }
        if !has_query && !self.strip_query {
            location.extend_from_slice(query);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::Request;

    fn keep() -> Redirect {
        Redirect {
            status: 301,
            scheme: None,
            https: false,
            host: None,
            port: None,
            path: RedirectPath::Keep,
            strip_query: false,
        }
    }

    fn location(redirect: &Redirect, request: &Request) -> String {
        String::from_utf8(redirect.location(&PathMatch::Prefix("/old".into()), request)).unwrap()
    }

    #[test]
    fn what_is_not_replaced_stays() {
        let request = Request::get("a.b:8080", "/old/x?q=1");
        assert_eq!(location(&keep(), &request), "http://a.b:8080/old/x?q=1");
        let host = Redirect { host: Some("c.d".into()), ..keep() };
        assert_eq!(location(&host, &request), "http://c.d/old/x?q=1");
        let port = Redirect { port: Some(9), ..keep() };
        assert_eq!(location(&port, &request), "http://a.b:9/old/x?q=1");
        let prefix = Redirect { path: RedirectPath::Prefix("/new".into()), strip_query: true, ..keep() };
        assert_eq!(location(&prefix, &request), "http://a.b:8080/new/x");
    }

    #[test]
    fn a_default_port_goes_with_its_scheme() {
        let https = Redirect { https: true, ..keep() };
        assert_eq!(location(&https, &Request::get("a.b:80", "/")), "https://a.b/");
        assert_eq!(location(&https, &Request::get("a.b:81", "/")), "https://a.b:81/");
        assert_eq!(location(&keep(), &Request::get("a.b:80", "/")), "http://a.b:80/");
    }

    #[test]
    fn a_query_of_the_new_path_replaces_the_old_one() {
        let full =
            |path: &str| Redirect { path: RedirectPath::Full(path.into()), strip_query: true, ..keep() };
        assert_eq!(location(&full("/n?a=1"), &Request::get("h", "/?q")), "http://h/n?a=1");
        assert_eq!(location(&full("/n"), &Request::get("h", "/?q")), "http://h/n");
        let keeps = Redirect { strip_query: false, ..full("/n") };
        assert_eq!(location(&keeps, &Request::get("h", "/?q")), "http://h/n?q");
    }
}
