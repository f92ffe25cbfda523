//! The proxy under abuse and load: mutated requests, slow readers, a stop in full flight.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use outrigger_testkit::{Engine, Mesh, exchange, free_ports, get, read_answer, wait_until};
use outrigger_tests::{PATIENCE, TO_APP, app, loopback, manifests, wait_for_status};

/// A small generator, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, limit: usize) -> usize {
        self.next() as usize % limit
    }
}

const SEEDS: &[&[u8]] = &[
    b"GET /hello/eric HTTP/1.1\r\nHost: app.example\r\nAccept: */*\r\n\r\n",
    b"POST /hello/eric HTTP/1.1\r\nHost: app.example\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /hello/eric HTTP/1.1\r\nHost: app.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"GET /hello/eric HTTP/1.1\r\nHost: app.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x06\x01\x04\0\0\0\x01abcdef",
];

fn mutate(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len());
        match random.below(5) {
            0 => bytes[at] = random.next() as u8,
            1 => bytes.insert(at, b"\r\n :,;\0\x7f0"[random.below(9)]),
            2 => drop(bytes.remove(at)),
            3 => {
                let end = (at + 1 + random.below(16)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            _ => bytes.truncate(at.max(1)),
        }
        if bytes.is_empty() {
            bytes.push(b'G');
        }
    }
    bytes
}

#[test]
fn ten_thousand_mutated_requests_neither_crash_it_nor_make_it_grow() {
    let [port, backend] = free_ports(2)[..] else { unreachable!() };
    let mesh = Mesh::start(&[("mesh.yaml", &manifests(port, TO_APP, &[backend]))]);
    let _app = app("hello", "v1", backend, mesh.scratch());
    let mut gateway = mesh.gateway("gateway", Engine::Native);
    wait_for_status(port, "/hello/eric", 200);
    let mut random = Random(2026);
    let mut send = |count: usize| {
        for _ in 0..count {
            let seed = SEEDS[random.below(SEEDS.len())];
            let bytes = mutate(seed, &mut random);
            let _ = exchange(loopback(port), &bytes, Duration::from_millis(3));
        }
    };
    // The first ones fill pools and buffers that stay.
    send(500);
    let before = gateway.process().resident_kib();
    send(10_000);
    assert!(gateway.process().is_alive(), "{}", gateway.process().output());
    assert!(!gateway.process().output().contains("panicked"), "{}", gateway.process().output());
    let answer = get(loopback(port), "app.example", "/hello/eric").unwrap();
    assert_eq!(answer.body, "Hello eric(127.0.0.1)");
    let grown = gateway.process().resident_kib().saturating_sub(before);
    println!("grown by {grown} KiB");
    assert!(grown < 10 * 1024, "grown by {grown} KiB");
}

#[test]
fn a_reader_far_slower_than_the_server_does_not_make_it_grow() {
    const SENT: usize = 24 << 20;
    let [port, backend] = free_ports(2)[..] else { unreachable!() };
    let mesh = Mesh::start(&[("mesh.yaml", &manifests(port, TO_APP, &[backend]))]);
    // The server offers a GiB; the reader takes a part of it at 8 MiB/s, far slower than it is offered.
    let server = std::net::TcpListener::bind(loopback(backend)).unwrap();
    std::thread::spawn(move || {
        let block = vec![b'x'; 64 * 1024];
        for stream in server.incoming().map_while(Result::ok) {
            let block = block.clone();
            std::thread::spawn(move || serve_gibibyte(stream, &block));
        }
    });
    let mut gateway = mesh.gateway("gateway", Engine::Native);
    wait_for_status(port, "/small", 200);
    let before = gateway.process().resident_kib();
    let mut reader = TcpStream::connect(loopback(port)).unwrap();
    reader.write_all(b"GET /big HTTP/1.1\r\nHost: app.example\r\n\r\n").unwrap();
    let mut buffer = vec![0; 64 * 1024];
    let (mut received, start) = (0, Instant::now());
    let mut most = 0;
    while received < SENT {
        received += reader.read(&mut buffer).unwrap();
        most = most.max(gateway.process().resident_kib());
        let due = Duration::from_secs_f64(received as f64 / (8 << 20) as f64);
        std::thread::sleep(due.saturating_sub(start.elapsed()));
    }
    let grown = most.saturating_sub(before);
    println!("grown by {grown} KiB");
    assert!(grown < 10 * 1024, "grown by {grown} KiB");
}

fn serve_gibibyte(mut stream: TcpStream, block: &[u8]) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let length: usize = if head.starts_with(b"GET /big") { 1 << 30 } else { 0 };
    let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").as_bytes());
    let mut sent = 0;
    while sent < length && stream.write_all(block).is_ok() {
        sent += block.len();
    }
}

#[test]
fn a_stop_under_keep_alive_load_fails_no_request() {
    let [port, backend] = free_ports(2)[..] else { unreachable!() };
    let mesh = Mesh::start(&[("mesh.yaml", &manifests(port, TO_APP, &[backend]))]);
    let _app = app("hello", "v1", backend, mesh.scratch());
    let mut first = mesh.gateway_with("first", Engine::Native, &["--drain-time", "5"]);
    wait_for_status(port, "/hello/eric", 200);
    // A second proxy on the same port (SO_REUSEPORT) takes over, as in a rolling restart.
    let _second = mesh.gateway("second", Engine::Native);

    let stop = Arc::new(AtomicBool::new(false));
    let (good, failed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let clients: Vec<_> = (0..10)
        .map(|_| {
            let (stop, good, failed) = (stop.clone(), good.clone(), failed.clone());
            std::thread::spawn(move || keep_alive_client(port, &stop, &good, &failed))
        })
        .collect();
    wait_until("load", PATIENCE, || (good.load(Ordering::Relaxed) > 300).then_some(()));
    first.process().signal(libc::SIGTERM);
    let status = first.process().wait(Duration::from_secs(10));
    assert!(status.success(), "{status}: {}", first.process().output());
    let after = good.load(Ordering::Relaxed);
    wait_until("load after the stop", PATIENCE, || {
        (good.load(Ordering::Relaxed) > after + 100).then_some(())
    });
    stop.store(true, Ordering::Relaxed);
    clients.into_iter().for_each(|c| c.join().unwrap());
    assert_eq!(failed.load(Ordering::Relaxed), 0, "of {}", good.load(Ordering::Relaxed));
}

#[test]
fn an_idle_connection_does_not_hold_up_a_stop() {
    let [port, backend] = free_ports(2)[..] else { unreachable!() };
    let mesh = Mesh::start(&[("mesh.yaml", &manifests(port, TO_APP, &[backend]))]);
    let _app = app("hello", "v1", backend, mesh.scratch());
    let mut gateway = mesh.gateway_with("gateway", Engine::Native, &["--drain-time", "60"]);
    wait_for_status(port, "/hello/eric", 200);
    let mut kept = TcpStream::connect(loopback(port)).unwrap();
    kept.write_all(b"GET /hello/eric HTTP/1.1\r\nHost: app.example\r\n\r\n").unwrap();
    assert_eq!(read_answer(&mut kept).unwrap().status, 200);
    gateway.process().signal(libc::SIGTERM);
    let status = gateway.process().wait(Duration::from_secs(10));
    assert!(status.success(), "{status}: {}", gateway.process().output());
}

/// About 50 requests a second on a connection that is kept as long as the server says so.
fn keep_alive_client(port: u16, stop: &AtomicBool, good: &AtomicU64, failed: &AtomicU64) {
    let mut kept: Option<TcpStream> = None;
    while !stop.load(Ordering::Relaxed) {
        let mut stream = match kept.take() {
            Some(stream) => stream,
            None => match TcpStream::connect(loopback(port)) {
                Ok(stream) => stream,
                Err(_) => {
                    failed.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
            },
        };
        let request = b"GET /hello/eric HTTP/1.1\r\nHost: app.example\r\n\r\n";
        match stream.write_all(request).and_then(|()| read_answer(&mut stream)) {
            Ok(answer) if answer.status == 200 => {
                good.fetch_add(1, Ordering::Relaxed);
                if answer.header("connection") != Some("close") {
                    kept = Some(stream);
                }
            }
            _ => drop(failed.fetch_add(1, Ordering::Relaxed)),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
