//! What a decision must know about a request, whatever codec read it.

use std::borrow::Cow;

/// A request as the routing functions see it. Implemented by the proxy over its codecs' types and by
/// `explain` over what a user typed.
pub trait RequestView {
    /// The method, e.g. `GET`.
    fn method(&self) -> &[u8];

    /// The path with its query, as sent (after normalization, if that is on).
    fn path_and_query(&self) -> &[u8];

    /// Host or :authority, with its port if it has one.
    fn authority(&self) -> &[u8];

    /// `http` or `https`, as the client sees it.
    fn scheme(&self) -> &[u8];

    /// The value of a header by its lower-case name, several lines joined by `,`. Not asked for
    /// pseudo-headers and `host`.
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>>;

    /// The same for any name, pseudo-headers and `host` among them.
    fn field(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        match name {
            ":method" => Some(Cow::Borrowed(self.method())),
            ":path" => Some(Cow::Borrowed(self.path_and_query())),
            ":authority" | "host" => Some(Cow::Borrowed(self.authority())),
            ":scheme" => Some(Cow::Borrowed(self.scheme())),
            _ => self.header(name),
        }
    }
}

/// Splits a path from its query, which keeps its `?`; a fragment belongs to neither.
pub fn split_query(path_and_query: &[u8]) -> (&[u8], &[u8]) {
    let whole = match memchr::memchr(b'#', path_and_query) {
        Some(at) => &path_and_query[..at],
        None => path_and_query,
    };
    match memchr::memchr(b'?', whole) {
        Some(at) => whole.split_at(at),
        None => (whole, b""),
    }
}

/// The first query parameter of that name, as sent: nothing is decoded. Empty if it has no `=`.
pub fn query_parameter<'a>(path_and_query: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (_, query) = split_query(path_and_query);
    let query = query.strip_prefix(b"?")?;
    query.split(|b| *b == b'&').find_map(|pair| match memchr::memchr(b'=', pair) {
        Some(at) => (&pair[..at] == name).then_some(&pair[at + 1..]),
        None => (pair == name).then_some(&b""[..]),
    })
}

/// Splits a host from its port, which keeps its `:`; an IPv6 address must stand in brackets.
pub fn split_port(host: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memrchr(b':', host) {
        Some(at) if memchr::memchr(b']', &host[at..]).is_none() => host.split_at(at),
        _ => (host, b""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_is_neither_path_nor_query() {
        assert_eq!(split_query(b"/a?b=1#c?"), (&b"/a"[..], &b"?b=1"[..]));
        assert_eq!(split_query(b"/a#b?c"), (&b"/a"[..], &b""[..]));
    }

    #[test]
    fn the_first_query_parameter_of_a_name_counts_undecoded() {
        let path = b"/p?a=1&flag&b=%20x&a=2&=e";
        assert_eq!(query_parameter(path, b"a"), Some(&b"1"[..]));
        assert_eq!(query_parameter(path, b"flag"), Some(&b""[..]));
        assert_eq!(query_parameter(path, b"b"), Some(&b"%20x"[..]));
        assert_eq!(query_parameter(path, b"c"), None);
        assert_eq!(query_parameter(b"/a=1", b"a"), None);
    }

    #[test]
    fn brackets_keep_an_address_from_looking_like_a_port() {
        assert_eq!(split_port(b"a.b:80"), (&b"a.b"[..], &b":80"[..]));
        assert_eq!(split_port(b"[::1]:80"), (&b"[::1]"[..], &b":80"[..]));
        assert_eq!(split_port(b"[::1]"), (&b"[::1]"[..], &b""[..]));
        assert_eq!(split_port(b"a.b"), (&b"a.b"[..], &b""[..]));
    }
}
