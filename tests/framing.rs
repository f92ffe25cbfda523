//! Bytes at a gateway, well-formed and not: both engines are sent the proxy's own table, every
//! difference between them is one that the table tells, and no case leaves a connection on which the
//! next request is answered wrong.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use outrigger_testkit::{Backend, Case, Connection, Engine, Mesh, Message, cases, free_ports, get, reply};
use outrigger_tests::{TO_APP, loopback, manifests, wait_for_status};

const TABLE: &str = include_str!("../crates/proxy/tests/http/framing.txt");

/// Cases are sent side by side, each lane through a gateway port and to a backend of its own, so that
/// what a backend got can be held against what its client was answered.
const LANES: usize = 8;

/// Silence after which a proxy has nothing more to say; the long one for machines that are busy.
const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_millis(1500);

#[test]
fn both_engines_answer_every_case_of_the_framing_table_as_it_says() {
    let cases = cases(TABLE);
    assert!(cases.len() > 200, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for engine in Engine::available("both_engines_answer_every_case_of_the_framing_table") {
        let (mesh, lanes) = lanes();
        let _gateway = mesh.gateway("gateway", engine);
        for lane in &lanes {
            wait_for_status(lane.port, "/ready", 200);
        }
        let results = send_all(&lanes, &cases, engine);
        for (case, result) in cases.iter().zip(&results) {
            if case.expected != result.seen {
                println!("{engine:?} differs: {}: {} becomes {}", case.name, case.expected, result.seen);
            }
            if told(case, engine) != result.seen {
                wrong.push(format!(
                    "{engine:?}: {}: the table says {}, saw {}",
                    case.name,
                    told(case, engine),
                    result.seen
                ));
            }
            wrong.extend(result.complaints.iter().map(|c| format!("{engine:?}: {}: {c}", case.name)));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What the table says of an engine.
fn told(case: &Case, engine: Engine) -> &str {
    match &case.envoy {
        Some(envoy) if engine == Engine::Envoy => envoy,
        _ => &case.expected,
    }
}

struct Lane {
    port: u16,
    backend: Backend,
}

fn lanes() -> (Mesh, Vec<Lane>) {
    let lanes: Vec<Lane> = free_ports(LANES)
        .into_iter()
        .map(|port| Lane {
            port,
            backend: Backend::start(|request, connection| reply(connection, 200, request.target())),
        })
        .collect();
    let texts: Vec<String> = lanes
        .iter()
        .map(|lane| {
            let text = manifests(lane.port, TO_APP, &[lane.backend.port()]);
            let suffix = lane.port.to_string();
            text.replace("edge", &format!("edge-{suffix}"))
                .replace("name: routes", &format!("name: routes-{suffix}"))
                .replace("app.example", &format!("app-{suffix}.example"))
                .replace("app-example", &format!("app-{suffix}"))
        })
        .collect();
    (Mesh::start(&[("mesh.yaml", &texts.join("---\n"))]), lanes)
}

/// What became of a case.
#[derive(Default, Clone)]
struct Outcome {
    seen: String,
    complaints: Vec<String>,
}

fn send_all(lanes: &[Lane], cases: &[Case], engine: Engine) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let mut results = vec![Outcome::default(); cases.len()];
    std::thread::scope(|scope| {
        let threads: Vec<_> = lanes
            .iter()
            .map(|lane| {
                scope.spawn(|| {
                    let mut done = Vec::new();
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(case) = cases.get(index) else { return done };
                        let mut outcome = try_case(lane, case, SHORT);
                        if outcome.seen != told(case, engine) {
                            outcome = try_case(lane, case, LONG);
                        }
                        done.push((index, outcome));
                    }
                })
            })
            .collect();
        for (index, outcome) in threads.into_iter().flat_map(|thread| thread.join().unwrap()) {
            results[index] = outcome;
        }
    });
    results
}

fn try_case(lane: &Lane, case: &Case, patience: Duration) -> Outcome {
    let before = lane.backend.requests().len();
    let (seen, mut complaints) = observe(loopback(lane.port), &case.bytes, patience);
    let received = lane.backend.requests().split_off(before);
    complaints.extend(received.iter().filter_map(malformed));
    // What is answered with 200 is answered by the backend; more or fewer requests there mean that
    // both sides saw different ones.
    let answered = seen.split(' ').filter(|word| matches!(*word, "200" | "open")).count();
    if received.len() != answered {
        let targets: Vec<&str> = received.iter().map(|r| r.start.as_str()).collect();
        complaints.push(format!("{answered} were answered, and the backend got {targets:?}"));
    }
    Outcome { seen, complaints }
}

/// Sends bytes and says what came back: statuses, then `open`, `close` or `wait`. On a connection that
/// stays open a second request must be answered, by its own answer.
fn observe(address: SocketAddr, bytes: &[u8], patience: Duration) -> (String, Vec<String>) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    // A peer that refuses early may close while we still send.
    let _ = stream.write_all(bytes);
    let (seen, closed) = read_all(&mut stream, patience, |_| false);
    let mut words = statuses(&seen);
    let mut complaints = Vec::new();
    let end = match (closed, words.is_empty()) {
        (true, _) => "close",
        (false, true) => "wait",
        (false, false) => {
            complaints.extend(desync(&mut stream));
            "open"
        }
    };
    words.push(end.into());
    (words.join(" "), complaints)
}

/// Asks for something that no case asks for; says what was wrong about the answer.
fn desync(stream: &mut TcpStream) -> Option<String> {
    let target = "/the-second-request";
    if stream.write_all(format!("GET {target} HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes()).is_err() {
        return Some("the connection did not take a second request".into());
    }
    let (seen, _) = read_all(stream, LONG, |seen| seen.ends_with(target.as_bytes()));
    let text = String::from_utf8_lossy(&seen);
    let right = statuses(&seen) == ["200"] && text.ends_with(&format!("\r\n\r\n{target}"));
    (!right).then(|| format!("the second request was answered with {text:?}"))
}

/// Reads until the end, silence, or what `enough` asks for; whether the connection was closed.
fn read_all(stream: &mut TcpStream, patience: Duration, enough: impl Fn(&[u8]) -> bool) -> (Vec<u8>, bool) {
    stream.set_read_timeout(Some(patience)).unwrap();
    let mut all = Vec::new();
    let mut buffer = [0; 16 * 1024];
    let start = Instant::now();
    while !enough(&all) {
        match stream.read(&mut buffer) {
            Ok(0) => return (all, true),
            Ok(n) => all.extend_from_slice(&buffer[..n]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                // One that refuses may take a while to close (Envoy's delayed close is a second).
                let refused = statuses(&all).iter().any(|status| status.as_str() >= "400");
                if !refused || start.elapsed() > Duration::from_millis(2500) {
                    return (all, false);
                }
            }
            Err(_) => return (all, true),
        }
    }
    (all, false)
}

fn statuses(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    text.match_indices("HTTP/1.1 ").map(|(at, _)| text[at + 9..at + 12].to_owned()).collect()
}

/// What no upstream may be sent, whatever the client sent.
fn malformed(request: &Message) -> Option<String> {
    let lengths = request.count("content-length") + request.count("transfer-encoding");
    let bad = |byte: u8| byte != b'\t' && (byte < 0x20 || byte == 0x7f);
    let why = if lengths > 1 {
        "several lengths"
    } else if request.count("host") != 1 {
        "not one host"
    } else if request.header("transfer-encoding").is_some_and(|v| v != "chunked") {
        "an unknown coding"
    } else if request.start.split(' ').count() != 3 || !request.start.ends_with(" HTTP/1.1") {
        "a malformed request line"
    } else if request.headers.iter().any(|(n, v)| n.bytes().any(|b| b <= b' ') || v.bytes().any(bad)) {
        "forbidden characters"
    } else {
        return None;
    };
    Some(format!("the backend got {why}: {request:?}"))
}

#[test]
fn pipelined_requests_are_answered_in_order_also_when_each_comes_byte_by_byte() {
    for engine in Engine::available("pipelined_requests_are_answered_in_order") {
        let (mesh, lanes) = lanes();
        let _gateway = mesh.gateway("gateway", engine);
        let lane = &lanes[0];
        wait_for_status(lane.port, "/ready", 200);
        let mut sent = String::new();
        for n in 0..20 {
            sent.push_str(match n % 3 {
                0 => "POST /N HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc",
                1 => "GET /N HTTP/1.1\r\nhost: a\r\n\r\n",
                _ => "POST /N HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            });
            sent = sent.replace("/N ", &format!("/{n} "));
        }
        for piece in [1, 7, sent.len()] {
            let mut connection = Connection::open(loopback(lane.port)).unwrap();
            for part in sent.as_bytes().chunks(piece) {
                connection.send(part).unwrap();
            }
            for n in 0..20 {
                let answer = connection.response(false).unwrap();
                assert_eq!((answer.status(), answer.body), (200, format!("/{n}")), "{engine:?} {piece}");
            }
        }
    }
}

/// Targets as clients write them, and as they are routed by and sent on; `None`: refused.
const TARGETS: &[(&str, Option<&str>)] = &[
    ("/a/b?c=d", Some("/a/b?c=d")),
    ("/a/./b/../c", Some("/a/c")),
    ("/a/%2e%2e/b", Some("/b")),
    ("/a%2e%2E/b", Some("/a../b")),
    ("/.%2e/a", Some("/a")),
    ("/a/../../b", Some("/b")),
    ("/a/.", Some("/a/")),
    ("/a/..", Some("/")),
    ("/a/...", Some("/a/...")),
    ("/..a/.b", Some("/..a/.b")),
    ("/a;b/../c", Some("/c")),
    ("/a//../b", Some("/a/b")),
    ("//a", Some("//a")),
    ("/a\\..\\b", Some("/b")),
    ("/a%5c..%5cb", Some("/a%5c..%5cb")),
    ("/a/..%2fb", Some("/a/..%2fb")),
    ("/%61dmin", Some("/admin")),
    ("/%41%5A%7a%30%2d%5f%7e", Some("/AZz0-_~")),
    ("/a%25%32%65", Some("/a%252e")),
    ("/%21%24%26%27%28%29%2A%2B%2C%3B%3D%3A%40", Some("/%21%24%26%27%28%29%2A%2B%2C%3B%3D%3A%40")),
    ("/a!$&'()*+,;=:@[]", Some("/a!$&'()*+,;=:@[]")),
    ("/a\"<>^`{|}", Some("/a%22%3C%3E%5E%60%7B%7C%7D")),
    ("/a%20%01%0a%7f%80b", Some("/a%20%01%0a%7f%80b")),
    ("/a%2", Some("/a%2")),
    ("/a%zz%u0041", Some("/a%zz%u0041")),
    ("/a%00b", None),
    ("/a?b/../c", Some("/a?b/../c")),
    ("/a?%2e%2e\\%zz%61\"", Some("/a?%2e%2e\\%zz%61\"")),
    ("/a?b?c", Some("/a?b?c")),
    ("/a/..?b", Some("/?b")),
];

#[test]
fn both_engines_route_by_the_same_target() {
    let mut wrong = Vec::new();
    for engine in Engine::available("both_engines_route_by_the_same_target") {
        let (mesh, lanes) = lanes();
        let _gateway = mesh.gateway("gateway", engine);
        let port = lanes[0].port;
        wait_for_status(port, "/ready", 200);
        for (sent, expected) in TARGETS {
            let answer = get(loopback(port), "a", sent).unwrap();
            let seen = (answer.status == 200).then_some(answer.body.as_str());
            if seen != *expected || (seen.is_none() && answer.status != 400) {
                wrong.push(format!("{engine:?}: {sent} becomes {} {}", answer.status, answer.body));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
