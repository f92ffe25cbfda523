//! A control plane that knows two names and has no proxies.

use std::io::{Read, Write};
use std::net::TcpListener;

const NAMES: &str = r#"{
  "back.default.svc.cluster.local": ["172.18.1.97", "fd00::97"],
  "six.internal": ["fd00::6"],
  "near.shop.svc.cluster.local": ["10.0.0.2"]
}"#;

/// Answers until it is killed.
pub fn serve() {
    let admin = std::env::args().skip_while(|word| word != "--admin").nth(1).unwrap();
    let listener = TcpListener::bind(admin).unwrap();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut head = [0; 1024];
        let length = stream.read(&mut head).unwrap_or(0);
        let head = String::from_utf8_lossy(&head[..length]).into_owned();
        let body = match head.split(' ').nth(1) {
            Some("/names") => NAMES,
            Some("/synced") => r#"{"snapshot": 1, "synced": true, "proxies": 0, "pending": []}"#,
            _ => "{}",
        };
        let length = body.len();
        let answer =
            format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
        let _ = stream.write_all(answer.as_bytes());
    }
}
