//! Policies of a DestinationRule: how endpoints are chosen, connected to and given up.

mod validate;

use std::sync::Arc;

use crate::duration::Duration;
use crate::load_balancer::LoadBalancerSettings;
use crate::schema::{enumeration, message};

message! {
    /// What happens to traffic after routing.
    pub struct TrafficPolicy {
        /// How an endpoint is chosen.
        pub load_balancer: Option<LoadBalancerSettings>,
        /// Limits and timeouts of connections.
        pub connection_pool: Option<ConnectionPool>,
        /// When an endpoint is given up for a while.
        pub outlier_detection: Option<OutlierDetection>,
        /// TLS towards endpoints.
        pub tls: Option<ClientTls>,
        /// What holds for single ports; each block replaces the one above as a whole.
        pub port_level_settings: Vec<PortTrafficPolicy>,
        /// TCP through a proxy that understands CONNECT.
        pub tunnel: Option<Tunnel>,
        /// The PROXY protocol towards endpoints.
        pub proxy_protocol: Option<ProxyProtocol>,
        /// How much of the traffic retries may be.
        pub retry_budget: Option<RetryBudget>,
    }
}

message! {
    /// What holds for one port.
    pub struct PortTrafficPolicy {
        /// The port of the service.
        pub port: Option<PortSelector>,
        /// How an endpoint is chosen.
        pub load_balancer: Option<LoadBalancerSettings>,
        /// Limits and timeouts of connections.
        pub connection_pool: Option<ConnectionPool>,
        /// When an endpoint is given up for a while.
        pub outlier_detection: Option<OutlierDetection>,
        /// TLS towards endpoints.
        pub tls: Option<ClientTls>,
    }
}

message! {
    /// A port by number.
    pub struct PortSelector {
        /// The number.
        pub number: u16,
    }
}

message! {
    /// Limits and timeouts of connections.
    pub struct ConnectionPool {
        /// For every connection.
        pub tcp: Option<TcpSettings>,
        /// For connections that carry HTTP.
        pub http: Option<HttpSettings>,
    }
}

message! {
    /// Limits and timeouts of every connection.
    pub struct TcpSettings {
        /// Most connections to an endpoint's service.
        pub max_connections: Option<i32>,
        /// How long connecting may take.
        pub connect_timeout: Option<Duration>,
        /// Probes on idle connections.
        pub tcp_keepalive: Option<TcpKeepalive>,
        /// The longest life of a connection.
        pub max_connection_duration: Option<Duration>,
        /// How long a connection may carry nothing.
        pub idle_timeout: Option<Duration>,
    }
}

message! {
    /// Probes on idle connections.
    pub struct TcpKeepalive {
        /// Probes without an answer until the connection is given up.
        pub probes: Option<u32>,
        /// Idle time until the first probe.
        pub time: Option<Duration>,
        /// Time between probes.
        pub interval: Option<Duration>,
    }
}

message! {
    /// Limits of connections that carry HTTP.
    pub struct HttpSettings {
        /// Most requests that wait for a connection.
        pub http1_max_pending_requests: Option<i32>,
        /// Most requests under way.
        pub http2_max_requests: Option<i32>,
        /// Most requests on one connection over its life.
        pub max_requests_per_connection: Option<i32>,
        /// Most retries under way.
        pub max_retries: Option<i32>,
        /// How long a connection may be without a request.
        pub idle_timeout: Option<Duration>,
        /// Whether HTTP/1.1 becomes HTTP/2 on the way.
        pub h2_upgrade_policy: Option<H2UpgradePolicy>,
        /// Whether the caller's version of HTTP is kept.
        pub use_client_protocol: Option<bool>,
        /// Most requests at once on one HTTP/2 connection.
        pub max_concurrent_streams: Option<i32>,
        /// Probes on HTTP/2 connections.
        pub http2_keep_alive: Option<Http2KeepAlive>,
    }
}

message! {
    /// Probes on HTTP/2 connections.
    pub struct Http2KeepAlive {
        /// Time between probes.
        pub interval: Option<Duration>,
        /// How long an answer may take.
        pub timeout: Option<Duration>,
    }
}

enumeration! {
    /// Whether HTTP/1.1 becomes HTTP/2 on the way.
    pub enum H2UpgradePolicy {
        /// As the mesh has it.
        Default = "DEFAULT",
        /// It does not.
        DoNotUpgrade = "DO_NOT_UPGRADE",
        /// It does.
        Upgrade = "UPGRADE",
    }
}

message! {
    /// When an endpoint is given up for a while.
    pub struct OutlierDetection {
        /// Former name of a count of errors in a row; not acted on by Istio any more.
        pub consecutive_errors: Option<i32>,
        /// Whether failures to connect count apart from answers.
        pub split_external_local_origin_errors: Option<bool>,
        /// Failures to connect in a row.
        pub consecutive_local_origin_failures: Option<u32>,
        /// Answers 502, 503, 504 in a row; 0: not counted.
        pub consecutive_gateway_errors: Option<u32>,
        /// Answers 5xx in a row; 5 if absent, 0: not counted.
        pub consecutive_5xx_errors: Option<u32>,
        /// Time between looks.
        pub interval: Option<Duration>,
        /// How long it is given up for the first time.
        pub base_ejection_time: Option<Duration>,
        /// The greatest part of endpoints that may be given up.
        pub max_ejection_percent: Option<i32>,
        /// Below this part of usable endpoints none is given up.
        pub min_health_percent: Option<i32>,
        /// Which statuses count as errors, instead of 5xx.
        pub outlier_detection_http_error_codes: Vec<u16>,
    }
}

message! {
    /// TLS towards endpoints.
    pub struct ClientTls {
        /// Whether, and with which certificates.
        pub mode: Option<ClientTlsMode>,
        /// File with the client's certificate.
        pub client_certificate: Option<String>,
        /// File with its key.
        pub private_key: Option<String>,
        /// File with the authorities of servers.
        pub ca_certificates: Option<String>,
        /// Secret with certificate, key and authorities.
        pub credential_name: Option<String>,
        /// Names that servers' certificates may show.
        pub subject_alt_names: Vec<String>,
        /// The name in the handshake.
        pub sni: Option<String>,
        /// Whether servers' certificates are taken without a check.
        pub insecure_skip_verify: Option<bool>,
        /// File with revoked certificates.
        pub ca_crl: Option<String>,
    }
}

enumeration! {
    /// Whether TLS is used towards endpoints, and with which certificates.
    pub enum ClientTlsMode {
        /// Not used.
        Disable = "DISABLE",
        /// Used, without a certificate of one's own.
        Simple = "SIMPLE",
        /// Used, with a certificate that is named here.
        Mutual = "MUTUAL",
        /// Used, with the mesh's own certificates.
        IstioMutual = "ISTIO_MUTUAL",
    }
}

message! {
    /// TCP through a proxy that understands CONNECT.
    pub struct Tunnel {
        /// `CONNECT` or `POST`.
        pub protocol: Option<String>,
        /// Where the tunnel ends.
        pub target_host: Arc<str>,
        /// The port there.
        pub target_port: u16,
    }
}

message! {
    /// The PROXY protocol towards endpoints.
    pub struct ProxyProtocol {
        /// Its version; V1 if absent.
        pub version: Option<ProxyProtocolVersion>,
    }
}

enumeration! {
    /// A version of the PROXY protocol.
    pub enum ProxyProtocolVersion {
        /// The text form.
        V1 = "V1",
        /// The binary form.
        V2 = "V2",
    }
}

message! {
    /// How much of the traffic retries may be.
    pub struct RetryBudget {
        /// Percent of requests under way; 20 if absent.
        pub percent: Option<f64>,
        /// Retries that are always allowed.
        pub min_retry_concurrency: Option<u32>,
        /// The time over which requests are counted.
        pub budget_interval: Option<Duration>,
    }
}
