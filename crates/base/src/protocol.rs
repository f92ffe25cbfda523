use std::fmt;

/// The protocol of a service's port, as the mesh understands it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum AppProtocol {
    /// HTTP/1.1; HTTP/2 with prior knowledge is accepted too.
    Http,
    /// HTTP/2 with prior knowledge (h2c).
    Http2,
    /// gRPC over HTTP/2.
    Grpc,
    /// gRPC-Web over HTTP/1.1 or 2.
    GrpcWeb,
    /// HTTPS that the mesh does not terminate: TLS routed by SNI.
    Https,
    /// TLS routed by SNI.
    Tls,
    /// Bytes.
    Tcp,
    /// MongoDB, carried as bytes.
    Mongo,
    /// MySQL, carried as bytes; the server speaks first.
    MySql,
    /// Redis, carried as bytes.
    Redis,
    /// Datagrams; not carried by the mesh.
    Udp,
    /// Not declared: found out from the first bytes.
    #[default]
    Auto,
}

impl AppProtocol {
    /// Reads a name of Istio's `protocol` field (any case). Unknown names mean "find out".
    pub fn parse(name: &str) -> AppProtocol {
        match name.to_ascii_lowercase().as_str() {
            "http" | "http_proxy" => AppProtocol::Http,
            "http2" | "h2c" => AppProtocol::Http2,
            "grpc" => AppProtocol::Grpc,
            "grpc-web" => AppProtocol::GrpcWeb,
            "https" => AppProtocol::Https,
            "tls" => AppProtocol::Tls,
            "tcp" => AppProtocol::Tcp,
            "mongo" => AppProtocol::Mongo,
            "mysql" => AppProtocol::MySql,
            "redis" => AppProtocol::Redis,
            "udp" => AppProtocol::Udp,
            _ => AppProtocol::Auto,
        }
    }

    /// The protocol of a Kubernetes Service port: transport UDP, then `appProtocol`, then the prefix
    /// of the port's name before `-`, then well-known server-first ports, else to be found out.
    /// (istio: pkg/config/kube/conversion.go `ConvertProtocol`.)
    pub fn of_service_port(
        transport: &str,
        app_protocol: Option<&str>,
        name: &str,
        port: u16,
    ) -> AppProtocol {
        if transport.eq_ignore_ascii_case("udp") {
            return AppProtocol::Udp;
        }
        let declared = match app_protocol {
            Some(p) if p.eq_ignore_ascii_case("kubernetes.io/h2c") => AppProtocol::Http2,
            Some(p) if p.eq_ignore_ascii_case("kubernetes.io/ws") => AppProtocol::Http,
            Some(p) if p.eq_ignore_ascii_case("kubernetes.io/wss") => AppProtocol::Https,
            Some(p) => AppProtocol::parse(p),
            None => {
                let name = name.to_ascii_lowercase();
                if name == "grpc-web" || name.starts_with("grpc-web-") {
                    AppProtocol::GrpcWeb
                } else {
                    AppProtocol::parse(name.split('-').next().unwrap_or(""))
                }
            }
        };
        match declared {
            // A port name may not claim another transport.
            AppProtocol::Udp => AppProtocol::Auto,
            // These servers speak first: waiting for the client's bytes would stall them.
            AppProtocol::Auto if matches!(port, 25 | 53 | 3306 | 27017) => AppProtocol::Tcp,
            other => other,
        }
    }

    /// Whether requests are seen one by one.
    pub fn is_http(self) -> bool {
        matches!(self, AppProtocol::Http | AppProtocol::Http2 | AppProtocol::Grpc | AppProtocol::GrpcWeb)
    }

    /// Whether the server is spoken to in HTTP/2 from the first byte.
    pub fn is_http2(self) -> bool {
        matches!(self, AppProtocol::Http2 | AppProtocol::Grpc)
    }

    /// Whether it is TLS that the mesh carries without opening it.
    pub fn is_tls(self) -> bool {
        matches!(self, AppProtocol::Https | AppProtocol::Tls)
    }

    /// Whether it is carried as bytes without a look inside.
    pub fn is_tcp(self) -> bool {
        matches!(self, AppProtocol::Tcp | AppProtocol::Mongo | AppProtocol::MySql | AppProtocol::Redis)
    }
}

impl fmt::Display for AppProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AppProtocol::Http => "HTTP",
            AppProtocol::Http2 => "HTTP2",
            AppProtocol::Grpc => "GRPC",
            AppProtocol::GrpcWeb => "GRPC-Web",
            AppProtocol::Https => "HTTPS",
            AppProtocol::Tls => "TLS",
            AppProtocol::Tcp => "TCP",
            AppProtocol::Mongo => "Mongo",
            AppProtocol::MySql => "MySQL",
            AppProtocol::Redis => "Redis",
            AppProtocol::Udp => "UDP",
            AppProtocol::Auto => "auto",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_port_declares_its_protocol_in_this_order() {
        let of = AppProtocol::of_service_port;
        assert_eq!(of("UDP", Some("http"), "http", 80), AppProtocol::Udp);
        assert_eq!(of("TCP", Some("grpc"), "http", 80), AppProtocol::Grpc);
        assert_eq!(of("TCP", Some("kubernetes.io/h2c"), "", 80), AppProtocol::Http2);
        assert_eq!(of("TCP", None, "HTTP-web", 80), AppProtocol::Http);
        assert_eq!(of("TCP", None, "grpc-web-x", 80), AppProtocol::GrpcWeb);
        assert_eq!(of("TCP", None, "httpweb", 80), AppProtocol::Auto);
        assert_eq!(of("TCP", None, "", 3306), AppProtocol::Tcp);
        assert_eq!(of("TCP", None, "", 80), AppProtocol::Auto);
    }
}
