//! Gateway (networking.istio.io): where traffic enters.

mod validate;

use std::sync::Arc;

use outrigger_base::Selector;

use crate::schema::{enumeration, message};

message! {
    /// Ports that proxies at the edge open.
    pub struct Gateway {
        /// What they open.
        pub servers: Vec<Server>,
        /// Which proxies, in all namespaces; every gateway if empty.
        pub selector: Selector,
    }
}

message! {
    /// A port, and the hosts that are served on it.
    pub struct Server {
        /// The port.
        pub port: Port,
        /// The address to bind, instead of all.
        pub bind: Option<Arc<str>>,
        /// Hosts, each optionally behind `namespace/`.
        pub hosts: Vec<Arc<str>>,
        /// How TLS is treated.
        pub tls: Option<ServerTls>,
        /// A loopback address or Unix socket that all traffic goes to.
        pub default_endpoint: Option<String>,
        /// A name for people.
        pub name: Option<Arc<str>>,
    }
}

message! {
    /// A port of a Gateway.
    pub struct Port {
        /// Its number, as callers use it.
        pub number: u16,
        /// What is spoken on it.
        pub protocol: Arc<str>,
        /// Its name.
        pub name: Arc<str>,
        /// No longer acted on by Istio either.
        pub target_port: Option<u16>,
    }
}

message! {
    /// How a Gateway treats TLS.
    pub struct ServerTls {
        /// Whether plain HTTP is answered with a redirect to HTTPS.
        pub https_redirect: Option<bool>,
        /// Who terminates it, and whether callers need certificates.
        pub mode: Option<ServerTlsMode>,
        /// File with the server's certificate.
        pub server_certificate: Option<String>,
        /// File with its key.
        pub private_key: Option<String>,
        /// File with the authorities of callers.
        pub ca_certificates: Option<String>,
        /// File with revoked certificates.
        pub ca_crl: Option<String>,
        /// Secret with certificate and key.
        pub credential_name: Option<String>,
        /// Several such secrets, for different kinds of keys.
        pub credential_names: Vec<String>,
        /// Secret with the authorities of callers.
        pub ca_cert_credential_name: Option<String>,
        /// Several pairs of certificate and key in files.
        pub tls_certificates: Vec<ServerCertificate>,
        /// Names that callers' certificates may show.
        pub subject_alt_names: Vec<String>,
        /// Accepted hashes of callers' public keys.
        pub verify_certificate_spki: Vec<String>,
        /// Accepted hashes of callers' certificates.
        pub verify_certificate_hash: Vec<String>,
        /// Oldest version of TLS.
        pub min_protocol_version: Option<TlsVersion>,
        /// Newest version of TLS.
        pub max_protocol_version: Option<TlsVersion>,
        /// Ciphers, for TLS up to 1.2.
        pub cipher_suites: Vec<String>,
        /// Curves for the key exchange.
        pub ecdh_curves: Vec<String>,
        /// Not for servers; refused by Istio's own checks.
        pub insecure_skip_verify: Option<bool>,
    }
}

message! {
    /// A pair of certificate and key.
    pub struct ServerCertificate {
        /// File with the certificate.
        pub server_certificate: Option<String>,
        /// File with the key.
        pub private_key: Option<String>,
        /// File with the authorities of callers.
        pub ca_certificates: Option<String>,
    }
}

enumeration! {
    /// Who terminates TLS at a Gateway, and whether callers need certificates.
    pub enum ServerTlsMode {
        /// Nobody here: routed by the name in the handshake.
        Passthrough = "PASSTHROUGH",
        /// The gateway.
        Simple = "SIMPLE",
        /// The gateway; callers need certificates.
        Mutual = "MUTUAL",
        /// Nobody here: the name in the handshake says which service and port is meant.
        AutoPassthrough = "AUTO_PASSTHROUGH",
        /// The gateway; callers need certificates of the mesh.
        IstioMutual = "ISTIO_MUTUAL",
        /// The gateway; callers may have certificates.
        OptionalMutual = "OPTIONAL_MUTUAL",
    }
}

enumeration! {
    /// A version of TLS.
    pub enum TlsVersion {
        /// What the proxy thinks best.
        TlsAuto = "TLS_AUTO",
        /// TLS 1.0.
        TlsV1_0 = "TLSV1_0",
        /// TLS 1.1.
        TlsV1_1 = "TLSV1_1",
        /// TLS 1.2.
        TlsV1_2 = "TLSV1_2",
        /// TLS 1.3.
        TlsV1_3 = "TLSV1_3",
    }
}
