//! What the first bytes of a connection say: TLS with server name and ALPN, HTTP/1, HTTP/2, or
//! something else. A pure function over the bytes read so far; `accept` does the reading.
//!
//! It follows Envoy's tls_inspector and http_inspector: filter chains match on what these report.

mod client_hello;
mod http_line;

use std::sync::Arc;

use outrigger_traffic::{Listener, Transport};

/// Most bytes that are looked at; what is not clear by then is plain bytes.
pub const MAX_INSPECTED: usize = 64 * 1024;

/// What was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// TLS or plain.
    pub transport: Transport,
    /// The server name of a ClientHello, lower case.
    pub sni: Option<Arc<str>>,
    /// ALPN of a ClientHello, or `http/1.0`, `http/1.1`, `h2c` for plain HTTP. Chains match on it.
    pub application_protocols: Vec<Arc<str>>,
}

impl Default for Found {
    /// Plain bytes.
    fn default() -> Self {
        Found { transport: Transport::RawBuffer, sni: None, application_protocols: Vec::new() }
    }
}

/// What can be said of the bytes so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing; further bytes are needed.
    More,
    /// All that there is to know.
    Done(Found),
}

/// Looks at a connection's first bytes.
#[derive(Debug, Clone, Copy)]
pub struct Inspector {
    tls: bool,
    http: bool,
}

impl Inspector {
    /// An inspector that looks for what a listener asks for at a port.
    pub fn new(listener: &Listener, destination_port: u16) -> Inspector {
        Inspector {
            tls: listener.inspects_tls(destination_port),
            http: listener.inspects_http(destination_port),
        }
    }

    /// Whether there is anything to look for.
    pub fn is_idle(self) -> bool {
        !self.tls && !self.http
    }

    /// Judges all bytes received so far, from the first on.
    pub fn feed(self, bytes: &[u8]) -> Verdict {
        if bytes.len() >= MAX_INSPECTED {
            return Verdict::Done(Found::default());
        }
        if self.tls {
            match client_hello::parse(bytes) {
                client_hello::Parsed::More => return Verdict::More,
                client_hello::Parsed::Hello { sni, alpn } => {
                    return Verdict::Done(Found {
                        transport: Transport::Tls,
                        sni,
                        application_protocols: alpn,
                    });
                }
                client_hello::Parsed::NotTls => {}
            }
        }
        if self.http {
            match http_line::parse(bytes) {
                http_line::Parsed::More => return Verdict::More,
                http_line::Parsed::Http(version) => {
                    return Verdict::Done(Found {
                        application_protocols: vec![Arc::from(version)],
                        ..Found::default()
                    });
                }
                http_line::Parsed::NotHttp => {}
            }
        }
        Verdict::Done(Found::default())
    }
}

#[cfg(test)]
mod tests;
