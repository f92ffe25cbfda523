//! The answer of the whoami application, laid out as traefik/whoami lays it out, because tests and
//! habits look for its lines.

use std::fmt::Write;
use std::net::SocketAddr;

use http::request::Parts;

use crate::interfaces;

pub fn describe(name: Option<&str>, request: &Parts, peer: SocketAddr) -> String {
    let mut text = String::new();
    if let Some(name) = name {
        let _ = writeln!(text, "Name: {name}");
    }
    let _ = writeln!(text, "Hostname: {}", interfaces::host_name());
    for address in interfaces::addresses() {
        let _ = writeln!(text, "IP: {address}");
    }
    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
    let _ = writeln!(text, "RemoteAddr: {peer}");
    let path = request.uri.path_and_query().map_or("/", |p| p.as_str());
    let _ = writeln!(text, "{} {path} {:?}", request.method, request.version);
    text.push_str(&headers(request));
    text.push('\n');
    text
}

/// Host and User-Agent first, then the others sorted, each name with capitals: the order in which
/// Go writes a request.
fn headers(request: &Parts) -> String {
    let mut first = Vec::new();
    let mut others = Vec::new();
    for (name, value) in &request.headers {
        let line = format!("{}: {}\n", capitals(name.as_str()), String::from_utf8_lossy(value.as_bytes()));
        match name.as_str() {
            "host" => first.insert(0, line),
            "user-agent" => first.push(line),
            _ => others.push(line),
        }
    }
    if let Some(authority) = request.uri.authority().filter(|_| !request.headers.contains_key("host")) {
        first.insert(0, format!("Host: {authority}\n"));
    }
    others.sort();
    first.concat() + &others.concat()
}

fn capitals(name: &str) -> String {
    let mut start = true;
    name.chars()
        .map(|c| {
            let c = if start { c.to_ascii_uppercase() } else { c };
            start = c == '-';
            c
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_in_the_order_that_whoami_has() {
        let (parts, ()) = http::Request::get("/x?y=1")
            .header("x-request-id", "7")
            .header("user-agent", "curl/8")
            .header("accept", "*/*")
            .header("host", "whoami.internal.com")
            .body(())
            .unwrap()
            .into_parts();
        let text = describe(None, &parts, "[::ffff:10.0.0.1]:77".parse().unwrap());
        assert!(text.starts_with("Hostname: "), "{text}");
        assert!(text.contains("\nIP: 127.0.0.1\n"), "{text}");
        let tail = "RemoteAddr: 10.0.0.1:77\nGET /x?y=1 HTTP/1.1\nHost: whoami.internal.com\n\
                    User-Agent: curl/8\nAccept: */*\nX-Request-Id: 7\n\n";
        assert!(text.ends_with(tail), "{text}");
    }
}
