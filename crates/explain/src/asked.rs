//! The request as the production code sees it.

use std::borrow::Cow;

use outrigger_traffic::RequestView;

use crate::request::HttpRequest;

/// A request after what the HTTP manager does to it before routing.
pub(crate) struct Asked<'a> {
    pub(crate) request: &'a HttpRequest,
    pub(crate) authority: &'a [u8],
    pub(crate) path: Vec<u8>,
}

impl RequestView for Asked<'_> {
    fn method(&self) -> &[u8] {
        self.request.method.as_bytes()
    }

    fn path_and_query(&self) -> &[u8] {
        &self.path
    }

    fn authority(&self) -> &[u8] {
        self.authority
    }

    fn scheme(&self) -> &[u8] {
        if self.request.tls { b"https" } else { b"http" }
    }

    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        let mut lines = self.request.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value);
        let first = lines.next()?.as_bytes();
        let mut joined = Cow::Borrowed(first);
        for line in lines {
            let joined = joined.to_mut();
            joined.push(b',');
            joined.extend_from_slice(line.as_bytes());
        }
        Some(joined)
    }
}
