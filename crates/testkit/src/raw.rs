use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A parsed response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
    /// The body, chunks put together.
    pub body: String,
}

impl Answer {
    /// The first header of a name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// `GET path` with a Host on a new connection.
pub fn get(address: SocketAddr, host: &str, path: &str) -> std::io::Result<Answer> {
    request(address, &format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"))
}

/// Sends the bytes of a request on a new connection and reads one response.
pub fn request(address: SocketAddr, bytes: &str) -> std::io::Result<Answer> {
    let mut stream = connect(address)?;
    stream.write_all(bytes.as_bytes())?;
    read_answer(&mut stream)
}

/// Sends bytes on a new connection, ends sending, and gives everything that comes back until the
/// other side closes or says nothing for `patience`.
pub fn exchange(address: SocketAddr, bytes: &[u8], patience: Duration) -> std::io::Result<Vec<u8>> {
    let mut stream = connect(address)?;
    stream.set_read_timeout(Some(patience))?;
    // A peer that refuses early may reset while we still write; what it said counts.
    let _ = stream.write_all(bytes);
    let mut received = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return Ok(received),
            Ok(n) => received.extend_from_slice(&buffer[..n]),
        }
    }
}

fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    assert!(address.ip().is_loopback(), "tests talk to loopback only, not to {address}");
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads one response, by Content-Length, chunks, or until the end.
pub fn read_answer(stream: &mut TcpStream) -> std::io::Result<Answer> {
    let bad = |what: &str| std::io::Error::other(format!("the response {what}"));
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break end + 4;
        }
        read_more(stream, &mut bytes)?.then_some(()).ok_or_else(|| bad("ended within its head"))?;
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut lines = head.split("\r\n");
    let status =
        lines.next().and_then(|l| l.split(' ').nth(1)?.parse().ok()).ok_or_else(|| bad("has no status"))?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|l| l.split_once(':'))
        .map(|(n, v)| (n.to_ascii_lowercase(), v.trim().to_string()))
        .collect();
    let mut answer = Answer { status, headers, body: String::new() };
    let mut body = bytes.split_off(head_end);
    let chunked = answer.header("transfer-encoding").is_some_and(|v| v.ends_with("chunked"));
    if let Some(length) = answer.header("content-length").and_then(|v| v.parse::<usize>().ok()) {
        while body.len() < length {
            read_more(stream, &mut body)?.then_some(()).ok_or_else(|| bad("ended within its body"))?;
        }
    } else if chunked {
        while !body.ends_with(b"0\r\n\r\n") {
            read_more(stream, &mut body)?.then_some(()).ok_or_else(|| bad("ended within its chunks"))?;
        }
        body = unchunk(&body).ok_or_else(|| bad("has malformed chunks"))?;
    } else if !matches!(status, 100..=199 | 204 | 304) {
        while read_more(stream, &mut body)? {}
    }
    answer.body = String::from_utf8_lossy(&body).into_owned();
    Ok(answer)
}

fn read_more(stream: &mut TcpStream, into: &mut Vec<u8>) -> std::io::Result<bool> {
    let mut buffer = [0; 16 * 1024];
    let n = stream.read(&mut buffer)?;
    into.extend_from_slice(&buffer[..n]);
    Ok(n > 0)
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|w| w == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..line]).ok()?.split(';').next()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        rest = &rest[line + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}
