//! What is asked: who sends what where.

use std::net::{IpAddr, SocketAddr};

use http::Uri;
use outrigger_base::Labels;
use thiserror::Error;

/// A request and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Who sends it, or which gateway it reaches.
    pub origin: Origin,
    /// What is sent where.
    pub arrival: Arrival,
    /// Explains the receiver's side. The receiver is the origin itself if the request is meant for it,
    /// else whom the origin would send it to, else the origin.
    pub inbound: bool,
}

/// Whose proxy decides.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// The sidecar of a workload.
    Workload(WorkloadName),
    /// A gateway: a Gateway object, or a workload or host that runs one.
    Gateway {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// A proxy that no manifest names.
    Proxy(ProxyOrigin),
}

/// A workload as a user names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadName {
    /// Pod, Deployment or WorkloadEntry; `None`: whichever has that name.
    pub kind: Option<String>,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// A proxy that no manifest names.
#[derive(Debug, Clone, PartialEq)]
pub struct ProxyOrigin {
    /// A gateway, else a sidecar.
    pub gateway: bool,
    /// Its namespace.
    pub namespace: String,
    /// Its labels.
    pub labels: Labels,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// What arrives at the proxy.
#[derive(Debug, Clone, PartialEq)]
pub enum Arrival {
    /// A request.
    Http(HttpRequest),
    /// A connection.
    Tcp {
        /// Where it goes.
        destination: SocketAddr,
        /// Whether its bytes are TLS.
        tls: bool,
        /// The name in the handshake.
        sni: Option<String>,
    },
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method.
    pub method: String,
    /// Whether it is sent over TLS, which hides it from proxies.
    pub tls: bool,
    /// The host to connect to: a name or an address, without brackets.
    pub host: String,
    /// The port to connect to.
    pub port: u16,
    /// Host or :authority.
    pub authority: String,
    /// Path and query.
    pub path: String,
    /// Headers; names in lower case.
    pub headers: Vec<(String, String)>,
}

/// Why what was written is no request.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RequestError {
    /// The origin is not spelled right.
    #[error("{0:?} is no workload; write NAMESPACE/NAME or KIND/NAMESPACE/NAME")]
    Workload(String),
    /// There is no such kind of workload.
    #[error("{0:?} is no kind of workload; it may be Pod, Deployment or WorkloadEntry")]
    Kind(String),
    /// The gateway is not spelled right.
    #[error("{0:?} is no gateway; write NAMESPACE/NAME")]
    Gateway(String),
    /// The URL is not spelled right.
    #[error("{url:?} is no URL: {why}")]
    Url {
        /// As written.
        url: String,
        /// What is the matter.
        why: String,
    },
    /// A header is not spelled right.
    #[error("{0:?} is no header; write NAME: VALUE")]
    Header(String),
}

impl WorkloadName {
    /// Reads `NAMESPACE/NAME` or `KIND/NAMESPACE/NAME`; the kind in any case.
    pub fn parse(text: &str) -> Result<WorkloadName, RequestError> {
        let parts: Vec<&str> = text.split('/').collect();
        if parts.iter().any(|part| part.is_empty()) {
            return Err(RequestError::Workload(text.to_string()));
        }
        let (kind, namespace, name) = match parts[..] {
            [namespace, name] => (None, namespace, name),
            [kind, namespace, name] => {
                let known = ["Pod", "Deployment", "WorkloadEntry"];
                let kind = known.into_iter().find(|known| known.eq_ignore_ascii_case(kind));
                let kind = kind.ok_or_else(|| RequestError::Kind(parts[0].to_string()))?;
                (Some(kind.to_string()), namespace, name)
            }
            _ => return Err(RequestError::Workload(text.to_string())),
        };
        Ok(WorkloadName { kind, namespace: namespace.to_string(), name: name.to_string() })
    }
}

impl Origin {
    /// Reads the `NAMESPACE/NAME` of a gateway.
    pub fn gateway(text: &str) -> Result<Origin, RequestError> {
        match text.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
                Ok(Origin::Gateway { namespace: namespace.to_string(), name: name.to_string() })
            }
            _ => Err(RequestError::Gateway(text.to_string())),
        }
    }
}

impl HttpRequest {
    /// Reads what curl would take: a URL, a method, and headers as `NAME: VALUE`. A header `host`
    /// replaces the URL's host in what is sent, not in where it is sent.
    pub fn parse(url: &str, method: &str, headers: &[String]) -> Result<HttpRequest, RequestError> {
        let refuse = |why: &str| RequestError::Url { url: url.to_string(), why: why.to_string() };
        let full = if url.contains("://") { url.to_string() } else { format!("http://{url}") };
        let uri: Uri = full.parse().map_err(|e: http::uri::InvalidUri| refuse(&e.to_string()))?;
        let tls = match uri.scheme_str() {
            Some("http" | "ws") => false,
            Some("https" | "wss") => true,
            _ => return Err(refuse("the scheme must be http or https")),
        };
        let authority = uri.authority().ok_or_else(|| refuse("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(refuse("it must not hold a user"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_string();
        if host.is_empty() {
            return Err(refuse("it has no host"));
        }
        let default_port = if tls { 443 } else { 80 };
        let port = match uri.port() {
            Some(port) => port.as_str().parse().map_err(|_| refuse("its port is out of range"))?,
            None => default_port,
        };
        let written = authority.host();
        let mut request = HttpRequest {
            method: method.to_string(),
            tls,
            port,
            authority: if port == default_port { written.to_string() } else { format!("{written}:{port}") },
            host,
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_string(),
            headers: Vec::new(),
        };
        for header in headers {
            let (name, value) = header.split_once(':').ok_or_else(|| RequestError::Header(header.clone()))?;
            let name = name.trim().to_ascii_lowercase();
            if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
                return Err(RequestError::Header(header.clone()));
            }
            match name.as_str() {
                "host" => request.authority = value.trim().to_string(),
                _ => request.headers.push((name, value.trim().to_string())),
            }
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_to_connect_and_what_to_ask_for() {
        let read = |url: &str| HttpRequest::parse(url, "GET", &[]).unwrap();
        let plain = read("http://a.b/c?d=1");
        assert_eq!((&*plain.host, plain.port, &*plain.authority, &*plain.path), ("a.b", 80, "a.b", "/c?d=1"));
        let port = read("https://[::1]:8443");
        assert_eq!((&*port.host, port.port, &*port.authority, &*port.path), ("::1", 8443, "[::1]:8443", "/"));
        assert!(port.tls);
        assert_eq!(read("web:8001/x").authority, "web:8001");
        assert!(HttpRequest::parse("ftp://a", "GET", &[]).is_err());
        assert!(HttpRequest::parse("http://u@a/", "GET", &[]).is_err());
    }

    #[test]
    fn a_host_header_changes_what_is_asked_for_only() {
        let headers = ["Host: x.y".to_string(), "X-A: 1".to_string()];
        let read = HttpRequest::parse("http://10.0.0.1:8080/", "POST", &headers).unwrap();
        assert_eq!((&*read.host, &*read.authority), ("10.0.0.1", "x.y"));
        assert_eq!(read.headers, [("x-a".to_string(), "1".to_string())]);
        assert!(HttpRequest::parse("http://a", "GET", &["x y".to_string()]).is_err());
    }

    #[test]
    fn origins_are_read() {
        let workload = WorkloadName::parse("deployment/ns/web").unwrap();
        assert_eq!((workload.kind.as_deref(), &*workload.name), (Some("Deployment"), "web"));
        assert_eq!(WorkloadName::parse("ns/web").unwrap().kind, None);
        for bad in ["web", "/web", "Service/ns/web", "a/b/c/d"] {
            assert!(WorkloadName::parse(bad).is_err(), "{bad}");
        }
        assert!(Origin::gateway("istio-system/gw").is_ok() && Origin::gateway("gw").is_err());
    }
}
