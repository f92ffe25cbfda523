//! Heads and trailers between our form and the `http` crate's, which `h2` speaks (RFC 9113, 8).

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, StatusCode, Uri};

use crate::http::head::{BodyLength, Method, RequestHead, ResponseHead};
use crate::http::headers::Headers;
use crate::http::names::Known;
use crate::http::syntax::{Malformed, is_allowed_trailer, is_valid_authority, is_valid_path, parse_length};

const HEADER: Malformed = Malformed::Syntax("http2.invalid.header.field");
const MESSAGING: Malformed = Malformed::Syntax("http2.violation_of_messaging_rule");

/// Loads a request that arrived over HTTP/2. `ended`: it has no body. `head` must be clear.
pub fn load_request(
    parts: &http::request::Parts,
    ended: bool,
    head: &mut RequestHead,
) -> Result<(), Malformed> {
    let method = head.headers.load(parts.method.as_str().as_bytes());
    head.set_method(method);
    let lengths = load_fields(&parts.headers, &mut head.headers)?;
    head.te_trailers = parts.headers.get(http::header::TE).is_some_and(|te| te == "trailers");
    head.wire_bytes = field_bytes(&parts.headers);
    head.body = match (ended, lengths) {
        (true, None | Some(0)) => BodyLength::Empty,
        (true, Some(_)) => return Err(MESSAGING),
        (false, Some(length)) => BodyLength::Known(length),
        (false, None) => BodyLength::Open,
    };
    let host = parts.uri.authority().map(|a| a.as_str().as_bytes());
    let host = host.or_else(|| parts.headers.get(http::header::HOST).map(HeaderValue::as_bytes));
    match host {
        Some(host) if is_valid_authority(host) => head.set_authority(host),
        Some(_) => return Err(Malformed::Syntax("http1.invalid_authority")),
        None => return Err(Malformed::Syntax("missing_host_header")),
    }
    head.headers.drop_known(Known::Host);
    let path = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str).as_bytes();
    if head.method != Method::Connect {
        let whole_server = path == b"*" && head.method == Method::Options;
        if !is_valid_path(path) && !whole_server {
            return Err(Malformed::Syntax("http1.invalid_url"));
        }
        head.set_path(path);
    }
    Ok(())
}

/// Loads a response that arrived over HTTP/2. `ended`: it has no body. `head` must be clear.
pub fn load_response(
    parts: &http::response::Parts,
    ended: bool,
    head: &mut ResponseHead,
) -> Result<(), Malformed> {
    head.status = parts.status.as_u16();
    head.wire_bytes = field_bytes(&parts.headers);
    let length = load_fields(&parts.headers, &mut head.headers)?;
    head.body = match (ended, length) {
        (true, _) => BodyLength::Empty,
        (false, Some(length)) => BodyLength::Known(length),
        (false, None) => BodyLength::Open,
    };
    Ok(())
}

/// Loads trailers, without those that may not be passed on.
pub fn load_trailers(map: &HeaderMap, into: &mut Headers) {
    for (name, value) in map {
        let name = name.as_str().as_bytes();
        if is_allowed_trailer(Known::of(name), name) {
            into.push_raw(name, value.as_bytes());
        }
    }
}

/// Loads fields; crumbs of cookies become one (RFC 9113, 8.2.3). Gives the content-length.
fn load_fields(map: &HeaderMap, into: &mut Headers) -> Result<Option<u64>, Malformed> {
    let mut length = None;
    let mut cookies: Vec<u8> = Vec::new();
    for (name, value) in map {
        let name = name.as_str().as_bytes();
        match Known::of(name) {
            Known::Cookie => {
                if !cookies.is_empty() {
                    cookies.extend_from_slice(b"; ");
                }
                cookies.extend_from_slice(value.as_bytes());
                continue;
            }
            Known::ContentLength => {
                let parsed = parse_length(value.as_bytes()).ok_or(HEADER)?;
                if length.replace(parsed).is_some() {
                    return Err(HEADER);
                }
            }
            known if known.is_hop_by_hop() => continue,
            _ => {}
        }
        into.push_raw(name, value.as_bytes());
    }
    if !cookies.is_empty() {
        into.push(Known::Cookie, &cookies);
    }
    Ok(length)
}

/// What the fields would take uncompressed.
fn field_bytes(map: &HeaderMap) -> usize {
    map.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

/// A request for `h2`. `None`: it cannot be said in HTTP/2.
pub fn request(head: &RequestHead) -> Option<Request<()>> {
    let mut uri = http::uri::Parts::default();
    uri.scheme = Some(if head.https { Scheme::HTTPS } else { Scheme::HTTP });
    uri.authority = Some(Authority::from_maybe_shared(Bytes::copy_from_slice(head.authority())).ok()?);
    uri.path_and_query = Some(PathAndQuery::from_maybe_shared(Bytes::copy_from_slice(head.path())).ok()?);
    let mut request = Request::new(());
    *request.uri_mut() = Uri::from_parts(uri).ok()?;
    *request.method_mut() = http::Method::from_bytes(head.method_text()).ok()?;
    *request.version_mut() = http::Version::HTTP_2;
    fill(&head.headers, request.headers_mut());
    if head.te_trailers {
        request.headers_mut().insert(http::header::TE, HeaderValue::from_static("trailers"));
    }
    Some(request)
}

/// A response for `h2`.
pub fn response(head: &ResponseHead) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(head.status).unwrap_or(StatusCode::BAD_GATEWAY);
    *response.version_mut() = http::Version::HTTP_2;
    fill(&head.headers, response.headers_mut());
    response
}

/// Trailers for `h2`.
pub fn trailers(headers: &Headers) -> HeaderMap {
    let mut map = HeaderMap::new();
    fill(headers, &mut map);
    map
}

fn fill(headers: &Headers, map: &mut HeaderMap) {
    map.reserve(headers.len());
    let block = headers.to_bytes();
    for (known, name, value) in headers.shared(&block) {
        if known.is_hop_by_hop() {
            continue;
        }
        // Both were validated when they were read or written; a failure would only lose the field.
        let name = HeaderName::from_lowercase(name);
        let value = HeaderValue::from_maybe_shared(value);
        if let (Ok(name), Ok(value)) = (name, value) {
            map.append(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(request: Request<()>, ended: bool) -> Result<RequestHead, Malformed> {
        let mut head = RequestHead::default();
        load_request(&request.into_parts().0, ended, &mut head).map(|()| head)
    }

    #[test]
    fn a_request_of_http2_can_be_said_in_http1() {
        let request = Request::post("http://h:1/p?q")
            .header("cookie", "a=1")
            .header("x", "y")
            .header("cookie", "b=2")
            .header("te", "trailers")
            .header("host", "other")
            .body(());
        let head = load(request.unwrap(), false).unwrap();
        assert_eq!((head.authority(), head.path()), (&b"h:1"[..], &b"/p?q"[..]));
        assert_eq!((head.body, head.te_trailers), (BodyLength::Open, true));
        let fields: Vec<_> = head.headers.iter().map(|(_, n, v)| [n, b"=", v].concat()).collect();
        assert_eq!(fields, [b"x=y".to_vec(), b"cookie=a=1; b=2".to_vec()]);
    }

    #[test]
    fn a_length_without_a_body_is_refused() {
        let request = || Request::get("http://h/").header("content-length", "5").body(()).unwrap();
        assert_eq!(load(request(), true).map(|_| ()), Err(MESSAGING));
        assert_eq!(load(request(), false).unwrap().body, BodyLength::Known(5));
    }

    #[test]
    fn heads_survive_the_way_to_h2_and_back() {
        let request = Request::get("http://h/p").header("a", "1").header("a", "2").body(()).unwrap();
        let head = load(request, true).unwrap();
        let again = super::request(&head).unwrap();
        assert_eq!(again.uri(), "http://h/p");
        assert_eq!(again.headers().get_all("a").iter().count(), 2);
    }
}
