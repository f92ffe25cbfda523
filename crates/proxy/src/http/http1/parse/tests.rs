use super::*;
use crate::http::buffer::Input;
use crate::http::http1::body::{Decoded, Decoder};
use crate::http::http1::encode;
use crate::random::Random;

const LIMITS: Limits = Limits { bytes: 60 * 1024, fields: 100, http_10: true };

fn parse(text: &str) -> Result<Option<(RequestHead, RequestLine)>, Malformed> {
    let mut head = RequestHead::default();
    Ok(request(text.as_bytes(), LIMITS, &mut head)?.map(|line| (head, line)))
}

fn good(text: &str) -> (RequestHead, RequestLine) {
    parse(text).unwrap_or_else(|error| panic!("{error}: {text}")).expect("complete")
}

fn answer(text: &str, to: Method) -> Result<Option<(ResponseHead, ResponseLine)>, Malformed> {
    let mut head = ResponseHead::default();
    Ok(response(text.as_bytes(), LIMITS, to, false, &mut head)?.map(|line| (head, line)))
}

#[test]
fn a_head_is_read_up_to_its_empty_line_and_no_further() {
    let (head, line) = good("POST /a?b HTTP/1.1\r\nHost: H:1\r\nX-Y:  v \r\nContent-Length: 4\r\n\r\nbody");
    assert_eq!(line, RequestLine { length: 62, http_10: false, keep_alive: true });
    assert_eq!(
        (head.method_text(), head.path(), head.authority()),
        (&b"POST"[..], &b"/a?b"[..], &b"H:1"[..])
    );
    assert_eq!(head.headers.all(b"x-y").next(), Some(&b"v"[..]));
    assert_eq!(head.body, BodyLength::Known(4));
    assert!(!head.headers.has(Known::Host));
    let text = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    for cut in 0..text.len() {
        assert!(parse(&text[..cut]).unwrap().is_none(), "{cut} bytes are not complete");
    }
}

#[test]
fn targets_say_path_and_host() {
    let cases = [
        ("GET http://B:1/x?y HTTP/1.1", "/x?y", "B:1"),
        ("GET HTTP://b HTTP/1.1", "/", "b"),
        ("GET http://b?q HTTP/1.1", "/?q", "b"),
        ("OPTIONS http://b HTTP/1.1", "*", "b"),
        ("OPTIONS * HTTP/1.1", "*", "a"),
        ("GET /x HTTP/1.1", "/x", "a"),
    ];
    for (line, path, host) in cases {
        let (head, _) = good(&format!("{line}\r\nhost: a\r\n\r\n"));
        assert_eq!((head.path(), head.authority()), (path.as_bytes(), host.as_bytes()), "{line}");
    }
}

#[test]
fn connections_end_or_go_on_as_both_sides_can_tell() {
    let cases = [
        ("1.1", "", true),
        ("1.1", "connection: close\r\n", false),
        ("1.1", "connection: keep-alive, Close\r\n", false),
        ("1.0", "", false),
        ("1.0", "connection: Keep-Alive\r\n", true),
        ("1.0", "connection: keep-alive\r\nconnection: close\r\n", false),
    ];
    for (version, header, keep_alive) in cases {
        let (head, line) = good(&format!("GET / HTTP/{version}\r\nhost: a\r\n{header}\r\n"));
        assert_eq!(line.keep_alive, keep_alive, "{version} {header}");
        assert!(!head.headers.has(Known::Connection));
    }
}

#[test]
fn an_upgrade_counts_only_if_connection_names_it() {
    let head = |fields: &str| good(&format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}\r\n")).0;
    assert_eq!(
        head("connection: Upgrade\r\nupgrade: websocket\r\n").upgrade_protocol(),
        Some(&b"websocket"[..])
    );
    assert_eq!(head("upgrade: websocket\r\n").upgrade_protocol(), None);
    assert_eq!(head("connection: upgrade\r\nupgrade: h2c\r\n").upgrade_protocol(), None);
    assert!(head("te: gzip, Trailers\r\n").te_trailers);
}

#[test]
fn a_response_body_ends_where_its_head_and_request_say() {
    let cases = [
        (Method::Get, "200 OK\r\ncontent-length: 3\r\n", BodyLength::Known(3), true),
        (Method::Get, "200 OK\r\ncontent-length: 0\r\n", BodyLength::Empty, true),
        (Method::Get, "200 OK\r\ntransfer-encoding: chunked\r\n", BodyLength::Open, true),
        (Method::Get, "200 OK\r\n", BodyLength::UntilClose, false),
        (Method::Get, "200 OK\r\nconnection: close\r\ncontent-length: 3\r\n", BodyLength::Known(3), false),
        (Method::Head, "200 OK\r\ncontent-length: 3\r\n", BodyLength::Empty, true),
        (Method::Head, "200 OK\r\n", BodyLength::Empty, true),
        (Method::Get, "204 No Content\r\n", BodyLength::Empty, true),
        (Method::Get, "304 Not Modified\r\ncontent-length: 3\r\n", BodyLength::Empty, true),
    ];
    for (method, text, body, keep_alive) in cases {
        let (head, line) = answer(&format!("HTTP/1.1 {text}\r\n"), method).unwrap().unwrap();
        assert_eq!((head.body, line.keep_alive), (body, keep_alive), "{text}");
    }
}

#[test]
fn responses_that_could_be_read_in_two_ways_are_refused() {
    for fields in [
        "content-length: 1\r\ncontent-length: 1\r\n",
        "content-length: 1\r\ntransfer-encoding: chunked\r\n",
        "content-length: 1, 1\r\n",
        "content-length: +1\r\n",
        "transfer-encoding: gzip\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
        "x : y\r\n",
        "x: a\r\n b\r\n",
        "x: a\0\r\n",
    ] {
        let result = answer(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n"), Method::Get);
        assert!(result.is_err(), "{fields:?}");
    }
    assert!(answer("HTTP/1.1 099 X\r\n\r\n", Method::Get).is_err());
    assert!(answer("HTTP/1.1 101 Switching\r\n\r\n", Method::Get).is_err(), "nobody asked for an upgrade");
}

/// Whatever is accepted is passed on in a form that is read in the same way: what a request's head
/// and body are does not depend on who reads them.
#[test]
fn mutated_requests_are_refused_or_understood_the_same_downstream_and_upstream() {
    let seeds: [&[u8]; 5] = [
        b"GET /a?b=c HTTP/1.1\r\nhost: a\r\naccept: */*\r\nconnection: keep-alive\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a:80\r\nContent-Length: 11\r\n\r\nhello world",
        b"POST /x HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: chunked\r\nTrailer: t\r\n\r\n5;e=1\r\nhello\r\n0\r\nt: 1\r\n\r\n",
        b"GET http://b:8080/y HTTP/1.1\r\nhost: a\r\nconnection: upgrade, x\r\nupgrade: websocket\r\nx: 1\r\n\r\n",
        b"PUT /z HTTP/1.0\r\nconnection: keep-alive\r\ncontent-length: 0\r\nexpect: 100-continue\r\n\r\n",
    ];
    let random = Random::seeded(2026);
    let mut accepted = 0;
    for round in 0..40_000 {
        let bytes = mutate(seeds[round % seeds.len()], &random);
        let Some(first) = read(&bytes) else { continue };
        accepted += 1;
        let wire = write(&first);
        let again = read(&wire).unwrap_or_else(|| panic!("{}", describe(&bytes, &wire)));
        assert_eq!(first.0.method_text(), again.0.method_text(), "{}", describe(&bytes, &wire));
        assert_eq!(first.0.path(), again.0.path(), "{}", describe(&bytes, &wire));
        assert_eq!(first.0.authority(), again.0.authority(), "{}", describe(&bytes, &wire));
        assert_eq!(first.1, again.1, "{}", describe(&bytes, &wire));
        assert_eq!(first.2.len(), again.2.len(), "{}", describe(&bytes, &wire));
        assert_eq!(again.3, 0, "nothing is left over: {}", describe(&bytes, &wire));
    }
    assert!(accepted > 2_000, "{accepted} were accepted");
}

type Message = (RequestHead, Vec<u8>, Headers, usize);

/// Reads one request as the server does: head, body, trailers, and how much is left over.
fn read(bytes: &[u8]) -> Option<Message> {
    let mut head = RequestHead::default();
    let line = request(bytes, LIMITS, &mut head).ok()??;
    let mut input = Input::default();
    input.extend(&bytes[line.length..]);
    let (mut decoder, mut body, mut trailers) = (Decoder::new(head.body), Vec::new(), Headers::default());
    loop {
        match decoder.decode(&mut input, &mut trailers).ok()? {
            Decoded::Data(n) => {
                body.extend_from_slice(&input.data()[..n]);
                input.consume(n);
                decoder.consumed(n);
            }
            Decoded::More => return None,
            Decoded::End => return Some((head, body, trailers, input.len())),
        }
    }
}

fn write((head, body, trailers, _): &Message) -> Vec<u8> {
    let mut out = Vec::new();
    match encode::request(head, &mut out) {
        encode::Encoder::Done => {}
        encode::Encoder::Plain => out.extend_from_slice(body),
        encode::Encoder::Chunked { .. } => {
            if !body.is_empty() {
                encode::chunk_size(body.len(), &mut out);
                out.extend_from_slice(body);
                out.extend_from_slice(b"\r\n");
            }
            encode::last_chunk(trailers, &mut out);
        }
    }
    out
}

fn describe(bytes: &[u8], wire: &[u8]) -> String {
    format!("{:?}\nwas passed on as\n{:?}", String::from_utf8_lossy(bytes), String::from_utf8_lossy(wire))
}

fn mutate(seed: &[u8], random: &Random) -> Vec<u8> {
    const SPICE: [&[u8]; 14] = [
        b"\r\n",
        b"\n",
        b"\r",
        b" ",
        b"\t",
        b"\0",
        b":",
        b",",
        b"\xff",
        b"0",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Host: b\r\n",
        b"\r\n ",
    ];
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(2) {
        let at = random.below(bytes.len() as u32) as usize;
        match random.below(5) {
            0 => bytes[at] = (random.next() & 0xff) as u8,
            1 => drop(bytes.remove(at)),
            2 => {
                let spice = SPICE[random.below(SPICE.len() as u32) as usize];
                bytes.splice(at..at, spice.iter().copied());
            }
            3 => {
                let end = (at + random.below(12) as usize).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            _ => bytes[at] ^= 0x20,
        }
    }
    bytes
}
