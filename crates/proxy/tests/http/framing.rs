//! What is answered to bytes, well-formed and not: the table in `framing.txt`.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use outrigger_testkit::cases;

use crate::support::{Backend, Setup};

const TABLE: &str = include_str!("framing.txt");

/// Sends bytes and says what came back: statuses, then `open`, `close` or `wait`. A proxy that is
/// silent for `patience` has nothing more to say; one that refuses may take longer to close.
fn observe(address: SocketAddr, bytes: &[u8], patience: Duration) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(patience)).unwrap();
    let _ = stream.write_all(bytes);
    let (seen, closed) = read_all(&mut stream);
    let mut words = statuses(&seen);
    let end = match (closed, words.is_empty()) {
        (true, _) => "close",
        (false, true) => "wait",
        (false, false) if serves_another(&mut stream) => "open",
        (false, false) => "confused",
    };
    words.push(end.into());
    words.join(" ")
}

fn serves_another(stream: &mut TcpStream) -> bool {
    stream.write_all(b"GET /again HTTP/1.1\r\nhost: a\r\n\r\n").is_ok()
        && statuses(&read_all(stream).0) == ["200"]
}

fn read_all(stream: &mut TcpStream) -> (Vec<u8>, bool) {
    let mut all = Vec::new();
    let mut buffer = [0; 16 * 1024];
    let start = Instant::now();
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return (all, true),
            Ok(n) => all.extend_from_slice(&buffer[..n]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                let refused = statuses(&all).iter().any(|status| status.as_str() >= "400");
                if !refused || start.elapsed() > Duration::from_millis(1500) {
                    return (all, false);
                }
            }
            Err(_) => return (all, true),
        }
    }
}

fn statuses(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    text.match_indices("HTTP/1.1 ").map(|(at, _)| text[at + 9..at + 12].to_owned()).collect()
}

#[test]
fn every_case_of_the_framing_table_is_answered_as_it_says() {
    let upstream = Backend::saying("ok");
    let proxy = Setup::to(upstream.address).start();
    let cases = cases(TABLE);
    assert!(cases.len() > 120);
    let address = proxy.address;
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = cases
            .chunks(cases.len().div_ceil(8))
            .map(|part| {
                scope.spawn(move || {
                    let mut wrong = Vec::new();
                    for case in part {
                        let seen = observe(address, &case.bytes, Duration::from_millis(150));
                        if seen != case.expected {
                            wrong.push(format!("{}: expected {}, saw {seen}", case.name, case.expected));
                        }
                    }
                    wrong
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
