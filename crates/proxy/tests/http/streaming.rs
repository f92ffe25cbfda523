//! Bodies on their way: chunks, trailers, interim responses, back-pressure, tunnels, drains.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Backend, Setup, Then, say};

#[test]
fn chunks_and_trailers_pass_both_ways() {
    let upstream = Backend::start(|_, stream| {
        say(
            stream,
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nx-sum: 5\r\n\r\n",
        )
    });
    let proxy = Setup::to(upstream.address).start();
    let mut client = proxy.client();
    for _ in 0..2 {
        let answer = client.ask(
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n4\r\nwxyz\r\n0\r\nx-up: 1\r\n\r\n",
        );
        assert_eq!(answer.text(), "abcdex-sum: 5\n");
    }
    assert_eq!(upstream.requests()[1].body, b"wxyzx-up: 1\n");
    assert_eq!(upstream.requests()[1].connection, 0);
}

#[test]
fn a_body_that_ends_with_the_connection_is_carried_whole() {
    let upstream = Backend::start(|_, stream| {
        say(stream, "HTTP/1.1 200 OK\r\n\r\nall of it");
        Then::Close
    });
    let proxy = Setup::to(upstream.address).start();
    let mut client = proxy.client();
    for _ in 0..2 {
        assert_eq!(client.ask("GET / HTTP/1.1\r\nhost: a\r\n\r\n").text(), "all of it");
    }
}

#[test]
fn a_body_cut_short_is_never_passed_as_whole() {
    let upstream = Backend::start(|request, stream| {
        let framing =
            if request.path() == "/length" { "content-length: 10" } else { "transfer-encoding: chunked" };
        say(stream, &format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n5\r\nab"));
        Then::Close
    });
    let proxy = Setup::to(upstream.address).start();
    for path in ["/length", "/chunks"] {
        let mut client = proxy.client();
        client.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes());
        let mut all = Vec::new();
        let _ = client.stream.read_to_end(&mut all);
        let text = String::from_utf8(all).unwrap();
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        assert!(!text.ends_with("0\r\n\r\n"), "{text}");
        proxy.wait_for_metric(&["response_code=\"200\"", "response_flags=\"UC\""]);
    }
}

#[test]
fn interim_responses_pass_and_the_body_waits_for_them() {
    let upstream = Backend::start(|request, stream| {
        if request.head.starts_with("EARLY") {
            say(stream, "HTTP/1.1 100 Continue\r\n\r\n");
            let mut body = [0; 5];
            stream.read_exact(&mut body).unwrap();
            assert_eq!(&body, b"hello");
        }
        say(
            stream,
            "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        )
    });
    let proxy = Setup::to(upstream.address).start();
    let mut client = proxy.client();
    client.send(b"EARLY / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n");
    assert_eq!(client.answer(false).status, 100);
    client.send(b"hello");
    let hints = client.answer(false);
    assert_eq!((hints.status, hints.header("link")), (103, Some("</a>")));
    assert_eq!(client.answer(false).status, 200);
}

#[test]
fn the_proxy_says_go_ahead_itself_where_it_is_told_to() {
    let upstream = Backend::saying("ok");
    let proxy = Setup::to(upstream.address).manager(|m| m.proxy_100_continue = false).start();
    let mut client = proxy.client();
    client.send(b"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n");
    assert_eq!(client.answer(false).status, 100);
    client.send(b"hello");
    assert_eq!(client.answer(false).status, 200);
    assert_eq!(upstream.requests()[0].header("expect"), None);
}

#[test]
fn an_answer_may_come_before_the_request_has_ended() {
    let upstream = Backend::start(|_, stream| {
        say(stream, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nearly");
        let mut rest = [0; 1024];
        while stream.read(&mut rest).is_ok_and(|n| n > 0) {}
        Then::Close
    });
    let proxy = Setup::to(upstream.address).start();
    let mut client = proxy.client();
    client.send(b"EARLY / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\nab");
    assert_eq!(client.answer(false).text(), "early");
    assert!(client.is_closed(), "the rest of the request cannot be told from the next one");
}

#[test]
fn large_bodies_arrive_unchanged() {
    let body: String = (0..2_000_000u32).map(|n| char::from(b'a' + (n % 23) as u8)).collect();
    let copy = body.clone();
    let upstream = Backend::start(move |request, stream| {
        assert_eq!(request.body, copy.as_bytes());
        let mut answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
        for chunk in copy.as_bytes().chunks(70_001) {
            answer.push_str(&format!("{:x}\r\n{}\r\n", chunk.len(), std::str::from_utf8(chunk).unwrap()));
        }
        say(stream, &(answer + "0\r\n\r\n"))
    });
    let proxy = Setup::to(upstream.address).start();
    let mut client = proxy.client();
    let request = format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let answer = client.ask(&request);
    assert_eq!(answer.body.len(), body.len());
    assert!(answer.body == body.as_bytes());
}

#[test]
fn a_slow_reader_slows_the_upstream_down() {
    let sent = Arc::new(AtomicU64::new(0));
    let count = sent.clone();
    let upstream = Backend::start(move |_, stream| {
        say(stream, "HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n");
        stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
        let piece = vec![b'x'; 64 * 1024];
        while stream.write(&piece).is_ok_and(|n| count.fetch_add(n as u64, Ordering::SeqCst) < 1 << 30) {}
        Then::Reset
    });
    let proxy = Setup::to(upstream.address).start();
    let mut client = proxy.client();
    client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    client.head();
    // Nothing is read from here on: the kernel's buffers and ours fill, then the upstream must wait.
    let mut before = 0;
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        std::thread::sleep(Duration::from_millis(100));
        let now = sent.load(Ordering::SeqCst);
        if now == before && now > 0 {
            break;
        }
        before = now;
        assert!(Instant::now() < deadline);
    }
    assert!(before < 64 << 20, "{before} bytes were taken from the upstream");
}

#[test]
fn an_upgrade_becomes_a_tunnel() {
    let upstream = Backend::start(|request, stream| {
        assert_eq!(request.header("connection"), Some("upgrade"));
        assert_eq!(request.header("upgrade"), Some("websocket"));
        say(
            stream,
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nwelcome",
        );
        let mut bytes = [0; 1024];
        while let Ok(n) = stream.read(&mut bytes) {
            if n == 0 || stream.write_all(&bytes[..n]).is_err() {
                break;
            }
        }
        Then::Close
    });
    let proxy = Setup::to(upstream.address).start();
    let mut client = proxy.client();
    client
        .send(b"GET / HTTP/1.1\r\nhost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n");
    let answer = client.answer(false);
    assert_eq!((answer.status, answer.header("upgrade")), (101, Some("websocket")));
    assert_eq!(client.bytes(7), b"welcome");
    for text in [&b"one"[..], b"two", b"\0\x01GET / HTTP/1.1\r\n"] {
        client.send(text);
        assert_eq!(client.bytes(text.len()), text);
    }
    drop(client);
    proxy.wait_for_metric(&["response_code=\"101\""]);
}

#[test]
fn an_upgrade_that_the_upstream_declines_is_an_ordinary_request() {
    let upstream = Backend::saying("no");
    let proxy = Setup::to(upstream.address).start();
    let mut client = proxy.client();
    let answer = client.ask("GET / HTTP/1.1\r\nhost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!((answer.status, answer.text()), (200, "no"));
    assert_eq!(client.ask("GET / HTTP/1.1\r\nhost: a\r\n\r\n").status, 200);
}

#[test]
fn a_drain_ends_connections_between_requests() {
    let upstream = Backend::saying("ok");
    let proxy = Setup::to(upstream.address).start();
    let mut busy = proxy.client();
    assert_eq!(busy.ask("GET / HTTP/1.1\r\nhost: a\r\n\r\n").header("connection"), None);
    let mut idle = proxy.client();
    assert_eq!(idle.ask("GET / HTTP/1.1\r\nhost: a\r\n\r\n").status, 200);
    proxy.proxy.drain();
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        // The worker hears of the drain a moment later.
        let answer = busy.ask("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
        assert_eq!(answer.status, 200);
        if answer.header("connection") == Some("close") {
            break;
        }
        assert!(Instant::now() < deadline);
    }
    assert!(busy.is_closed());
    assert!(idle.is_closed(), "an idle connection is closed at the end of the drain");
}
