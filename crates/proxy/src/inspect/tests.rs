use super::*;

fn inspector() -> Inspector {
    Inspector { tls: true, http: true }
}

fn plain(protocols: &[&str]) -> Verdict {
    Verdict::Done(Found {
        application_protocols: protocols.iter().map(|p| Arc::from(*p)).collect(),
        ..Found::default()
    })
}

fn with_length(bytes: usize, body: &[u8]) -> Vec<u8> {
    let length = body.len().to_be_bytes();
    [&length[length.len() - bytes..], body].concat()
}

/// A ClientHello as a handshake message, without records.
fn client_hello(sni: Option<&str>, alpn: &[&str]) -> Vec<u8> {
    let mut extensions = vec![0x0a, 0x0a, 0, 0]; // GREASE
    if let Some(name) = sni {
        let entry = [&[0u8][..], &with_length(2, name.as_bytes())].concat();
        extensions.extend([0, 0]);
        extensions.extend(with_length(2, &with_length(2, &entry)));
    }
    if !alpn.is_empty() {
        let names: Vec<u8> = alpn.iter().flat_map(|p| with_length(1, p.as_bytes())).collect();
        extensions.extend([0, 16]);
        extensions.extend(with_length(2, &with_length(2, &names)));
    }
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend(with_length(1, &[9; 32]));
    body.extend(with_length(2, &[0x13, 0x01, 0x13, 0x02]));
    body.extend(with_length(1, &[0]));
    body.extend(with_length(2, &extensions));
    [&[1u8][..], &with_length(3, &body)].concat()
}

fn records(message: &[u8], size: usize) -> Vec<u8> {
    message.chunks(size).flat_map(|part| [&[22u8, 3, 1][..], &with_length(2, part)].concat()).collect()
}

fn tls(sni: Option<&str>, alpn: &[&str]) -> Verdict {
    Verdict::Done(Found {
        transport: Transport::Tls,
        sni: sni.map(Arc::from),
        application_protocols: alpn.iter().map(|p| Arc::from(*p)).collect(),
    })
}

#[test]
fn first_bytes_tell_the_protocol() {
    let table: &[(&[u8], Verdict)] = &[
        (b"", Verdict::More),
        (b"GET / HTTP/1.1\r\n", plain(&["http/1.1"])),
        (b"\r\nGET / HTTP/1.1\r\n", plain(&["http/1.1"])),
        (b"GET /a b HTTP/1.0\n", plain(&["http/1.0"])),
        (b"POST http://a/ HTTP/1.1\r\nHost", plain(&["http/1.1"])),
        (b"GE", Verdict::More),
        (b"GET ", Verdict::More),
        (b"GET / HTTP/1.1", Verdict::More),
        (b"get / HTTP/1.1\r\n", plain(&[])),
        (b"GET key\r\n", plain(&[])),
        (b"GET / HTTP/1.2\r\n", plain(&[])),
        (b"GET  HTTP/1.1\r\n", plain(&[])),
        (b"GET /\x00", plain(&[])),
        (b"EHLO a", plain(&[])),
        (b"FOO / HTTP/1.1\r\n", plain(&[])),
        (b"\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n", plain(&[])),
        (b"PR", Verdict::More),
        (b"PRI * HTTP/2.0\r\n\r\nSM", Verdict::More),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", plain(&["h2c"])),
        (b"PRI * HTTP/2.0\r\n\r\nXX", plain(&[])),
        (b"PROPFIND / HTTP/1.1\r\n", plain(&["http/1.1"])),
        (b"\x00\x01", plain(&[])),
        (b"\x16", Verdict::More),
        (b"\x16\x03\x01", Verdict::More),
        (b"\x16\x02\x01", plain(&[])),
        (b"\x16\x03\x01\x00\x00", plain(&[])),
        (b"\x16\x03\x01\xff\xff", plain(&[])),
        (b"\x16\x03\x01\x00\x01\x02", plain(&[])),
    ];
    for (bytes, expected) in table {
        assert_eq!(inspector().feed(bytes), *expected, "{:?}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn a_client_hello_is_understood_however_it_is_cut() {
    let cases: &[(Option<&str>, &[&str])] = &[
        (Some("Hello2-svc.NS.svc"), &["h2", "http/1.1"]),
        (Some("a"), &[]),
        (None, &["istio"]),
        (None, &[]),
    ];
    for (sni, alpn) in cases {
        let message = client_hello(*sni, alpn);
        let expected = tls(sni.map(str::to_ascii_lowercase).as_deref(), alpn);
        for size in [1, 2, 7, 100, message.len()] {
            let bytes = records(&message, size);
            for cut in 0..bytes.len() {
                let verdict = inspector().feed(&bytes[..cut]);
                assert_eq!(verdict, Verdict::More, "{sni:?} records of {size} bytes, cut at {cut}");
            }
            assert_eq!(inspector().feed(&bytes), expected, "{sni:?} in records of {size} bytes");
        }
    }
}

#[test]
fn no_mutation_of_a_client_hello_panics_or_hangs() {
    let message = records(&client_hello(Some("a.b.c"), &["h2", "http/1.1"]), 50);
    let random = crate::random::Random::seeded(3);
    for at in 0..message.len() {
        for _ in 0..40 {
            let mut bytes = message.clone();
            bytes[at] = random.next() as u8;
            if random.below(3) == 0 {
                let other = random.below(bytes.len() as u32) as usize;
                bytes[other] ^= 1 << random.below(8);
            }
            let whole = inspector().feed(&bytes);
            // A verdict on a part of the bytes stands when more arrive.
            let cut = random.below(bytes.len() as u32) as usize;
            let part = inspector().feed(&bytes[..cut]);
            assert!(part == Verdict::More || part == whole, "byte {at}, cut {cut}: {part:?} then {whole:?}");
        }
    }
}

#[test]
fn what_is_not_asked_for_is_not_looked_for() {
    let tls_only = Inspector { tls: true, http: false };
    assert_eq!(tls_only.feed(b"GET / HTTP/1.1\r\n"), plain(&[]));
    let http_only = Inspector { tls: false, http: true };
    assert_eq!(http_only.feed(&records(&client_hello(Some("a"), &[]), 400)), plain(&[]));
}

#[test]
fn an_endless_request_line_ends_as_plain_bytes() {
    let mut bytes = b"GET /".to_vec();
    bytes.resize(MAX_INSPECTED - 1, b'a');
    assert_eq!(inspector().feed(&bytes), Verdict::More);
    bytes.push(b'a');
    assert_eq!(inspector().feed(&bytes), plain(&[]));
}
