//! What a TrafficPolicy must and must not say.

use super::{
    ClientTls, ClientTlsMode, ConnectionPool, HttpSettings, OutlierDetection, PortTrafficPolicy, RetryBudget,
    TcpSettings, TrafficPolicy, Tunnel,
};
use crate::check::Check;

impl TrafficPolicy {
    pub(crate) fn validate(&self, check: &mut Check) {
        check.some("loadBalancer", &self.load_balancer, |check, settings| settings.validate(check));
        check.some("connectionPool", &self.connection_pool, |check, pool| pool.validate(check));
        check.some("outlierDetection", &self.outlier_detection, |check, detection| detection.validate(check));
        check.some("tls", &self.tls, |check, tls| tls.validate(check));
        check.each("portLevelSettings", &self.port_level_settings, |check, port| port.validate(check));
        check.some("tunnel", &self.tunnel, |check, tunnel| tunnel.validate(check));
        check.some("retryBudget", &self.retry_budget, |check, budget| budget.validate(check));
    }
}

impl PortTrafficPolicy {
    fn validate(&self, check: &mut Check) {
        match &self.port {
            Some(port) => check.within("port", |check| check.port("number", port.number)),
            None => check
                .within("port", |check| check.refuse("it is not said for which port", "write port.number")),
        }
        check.some("loadBalancer", &self.load_balancer, |check, settings| settings.validate(check));
        check.some("connectionPool", &self.connection_pool, |check, pool| pool.validate(check));
        check.some("outlierDetection", &self.outlier_detection, |check, detection| detection.validate(check));
        check.some("tls", &self.tls, |check, tls| tls.validate(check));
    }
}

impl ConnectionPool {
    fn validate(&self, check: &mut Check) {
        check.some("tcp", &self.tcp, |check, tcp| tcp.validate(check));
        check.some("http", &self.http, |check, http| http.validate(check));
    }
}

impl TcpSettings {
    fn validate(&self, check: &mut Check) {
        check.not_negative("maxConnections", self.max_connections);
        check.positive("connectTimeout", self.connect_timeout);
        check.positive("maxConnectionDuration", self.max_connection_duration);
        check.some("tcpKeepalive", &self.tcp_keepalive, |check, keepalive| {
            check.positive("time", keepalive.time);
            check.positive("interval", keepalive.interval);
        });
    }
}

impl HttpSettings {
    fn validate(&self, check: &mut Check) {
        check.not_negative("http1MaxPendingRequests", self.http1_max_pending_requests);
        check.not_negative("http2MaxRequests", self.http2_max_requests);
        check.not_negative("maxRequestsPerConnection", self.max_requests_per_connection);
        check.not_negative("maxRetries", self.max_retries);
        check.not_negative("maxConcurrentStreams", self.max_concurrent_streams);
        check.positive("idleTimeout", self.idle_timeout);
        check.some("http2KeepAlive", &self.http2_keep_alive, |check, keepalive| {
            check.positive("interval", keepalive.interval);
            check.positive("timeout", keepalive.timeout);
        });
    }
}

impl OutlierDetection {
    fn validate(&self, check: &mut Check) {
        check.not_negative("consecutiveErrors", self.consecutive_errors);
        check.positive("interval", self.interval);
        check.positive("baseEjectionTime", self.base_ejection_time);
        check.percent("maxEjectionPercent", self.max_ejection_percent);
        check.percent("minHealthPercent", self.min_health_percent);
        check.each(
            "outlierDetectionHttpErrorCodes",
            &self.outlier_detection_http_error_codes,
            |check, code| {
                if !(100..=599).contains(code) {
                    check.refuse(format!("{code} is no HTTP status"), "they go from 100 to 599");
                }
            },
        );
    }
}

impl ClientTls {
    fn validate(&self, check: &mut Check) {
        let in_files = self.client_certificate.is_some() && self.private_key.is_some();
        if self.mode == Some(ClientTlsMode::Mutual) && self.credential_name.is_none() && !in_files {
            check.refuse(
                "MUTUAL needs a certificate and a key",
                "write credentialName, or clientCertificate and privateKey",
            );
        }
        let named_here = self.credential_name.is_some()
            || self.client_certificate.is_some()
            || self.private_key.is_some()
            || self.ca_certificates.is_some();
        if self.mode == Some(ClientTlsMode::IstioMutual) && named_here {
            check.refuse(
                "ISTIO_MUTUAL takes the certificates of the mesh, so none can be named",
                "write mode: MUTUAL, or leave the certificates out",
            );
        }
    }
}

impl Tunnel {
    fn validate(&self, check: &mut Check) {
        check.within("targetHost", |check| {
            if self.target_host.is_empty() {
                check.refuse("a tunnel needs a host where it ends", "write targetHost");
            } else {
                check.host(&self.target_host);
            }
        });
        check.port("targetPort", self.target_port);
        check.some("protocol", &self.protocol, |check, protocol| {
            if !matches!(&**protocol, "CONNECT" | "POST") {
                check.refuse(format!("'{protocol}' makes no tunnel"), "possible are CONNECT, POST");
            }
        });
    }
}

impl RetryBudget {
    fn validate(&self, check: &mut Check) {
        check.percent("percent", self.percent);
    }
}
