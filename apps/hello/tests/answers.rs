//! The programs of the examples seen from outside: real processes, plain HTTP/1 bytes.

// The helpers are test code outside of test functions, which is where the lint looks for it.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

struct Hello {
    child: Child,
    port: u16,
}

impl Hello {
    /// Starts the program on a free port and waits until it says that it listens.
    fn start(words: &[&str], backend: Option<u16>) -> Hello {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(env!("CARGO_BIN_EXE_hello"));
        command.args(words).args(["--port", &port.to_string()]).stdout(Stdio::piped()).stderr(Stdio::null());
        if let Some(backend) = backend {
            command.env("HTTP_HELLO_BACKEND", format!("127.0.0.1:{backend}"));
        }
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.next().unwrap().unwrap().contains("listens"));
        std::thread::spawn(move || lines.for_each(drop));
        Hello { child, port }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    }

    /// The whole answer, head and body.
    fn get(&self, path: &str) -> String {
        let mut stream = self.connect();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn terminate(&self) {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
    }
}

impl Drop for Hello {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

#[test]
fn each_version_greets_in_its_language_and_appends_its_backend() {
    let behind = Hello::start(&["--version", "v3", "--address", "10.0.0.2"], None);
    let front = Hello::start(&["--version", "v2", "--address", "10.0.0.1"], Some(behind.port));
    assert_eq!(body(&front.get("/hello/eric")), "Bonjour eric(10.0.0.1)<-Hola eric(10.0.0.2)");
    assert_eq!(body(&front.get("/env/version")), "v2");
    assert!(front.get("/health").starts_with("HTTP/1.1 200"));
}

#[test]
fn a_backend_that_is_away_gives_502_with_the_reason() {
    let front = Hello::start(&[], Some(1));
    let answer = front.get("/hello/eric");
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
    assert!(body(&answer).contains("the backend 127.0.0.1:1 failed: cannot connect"), "{answer}");
}

#[test]
fn tcp_lines_come_back_with_the_version() {
    let echo = Hello::start(&["--run", "tcp", "--version", "v2"], None);
    let mut stream = echo.connect();
    stream.write_all(b"one\ntwo\n").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "v2 one\nv2 two\n");
}

#[test]
fn a_kept_connection_still_gets_its_answer_after_sigterm() {
    let mut app = Hello::start(&["--run", "http"], None);
    let mut stream = app.connect();
    let mut ask = |path: &str| {
        write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
        let mut answer = vec![0; 1024];
        let length = stream.read(&mut answer).unwrap();
        String::from_utf8(answer[..length].to_vec()).unwrap()
    };
    assert!(!ask("/").contains("connection: close"));
    app.terminate();
    let answer = ask("/delay/200");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // It ends by itself: open connections are given 10 s at most.
    assert!(app.child.wait().unwrap().success());
}
