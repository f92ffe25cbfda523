//! What a Gateway must and must not say. The rules are those of Istio's schema and webhook.

use std::net::IpAddr;

use outrigger_base::Host;

use super::{Gateway, Server, ServerTls, ServerTlsMode};
use crate::check::{Check, Validate, is_dns_label};

/// What Istio knows (pkg/config/protocol), and whether TLS is below it.
const PROTOCOLS: &[(&str, bool)] = &[
    ("HTTP", false),
    ("HTTPS", true),
    ("HTTP2", false),
    ("GRPC", false),
    ("GRPC-WEB", false),
    ("HTTP_PROXY", false),
    ("TCP", false),
    ("TLS", true),
    ("MONGO", false),
    ("MYSQL", false),
    ("REDIS", false),
    ("UDP", false),
    ("HBONE", false),
];

impl Validate for Gateway {
    fn validate(&self, check: &mut Check) {
        check.labels("selector", self.selector.labels().iter());
        if self.servers.is_empty() {
            check.within("servers", |check| check.refuse("a Gateway needs a server", "write servers"));
        }
        let mut names = Vec::new();
        check.each("servers", &self.servers, |check, server| {
            server.validate(check);
            let name = &server.port.name;
            if !name.is_empty() && names.contains(&name) {
                let message = format!("the name '{name}' is taken by the port of another server");
                check.within("port", |check| {
                    check.within("name", |check| check.refuse(message, "names of ports must differ"));
                });
            }
            names.push(name);
        });
    }
}

impl Server {
    fn validate(&self, check: &mut Check) {
        let tls_below = self.validate_port(check);
        if self.hosts.is_empty() {
            check.within("hosts", |check| {
                check.refuse("a server needs a host", "write hosts; '*' stands for all");
            });
        }
        check.each("hosts", &self.hosts, |check, host| gateway_host(check, host));
        check.some("bind", &self.bind, |check, bind| {
            if bind.parse::<IpAddr>().is_err() && !bind.starts_with("unix://") {
                check.refuse(format!("'{bind}' is no address"), "write an IP address, or unix:// and a path");
            }
        });
        match (&self.tls, tls_below) {
            (None, Some(true)) => check.within("tls", |check| {
                check.refuse(format!("{} needs tls", self.port.protocol), "write tls, at least its mode");
            }),
            (Some(tls), Some(false)) if !tls.only_redirects() => check.within("tls", |check| {
                check.refuse(
                    format!("there is no TLS in {}", self.port.protocol),
                    "write protocol: HTTPS or TLS; only httpsRedirect goes with plain HTTP",
                );
            }),
            (Some(tls), Some(true)) => check.within("tls", |check| tls.validate(check)),
            _ => {}
        }
    }

    /// Whether TLS is below the protocol; `None` if it is not known.
    fn validate_port(&self, check: &mut Check) -> Option<bool> {
        let mut tls_below = None;
        check.within("port", |check| {
            check.port("number", self.port.number);
            check.optional_port("targetPort", self.port.target_port);
            if self.port.name.is_empty() {
                check.within("name", |check| check.refuse("the port has no name", "write one, such as http"));
            }
            let protocol = &self.port.protocol;
            let names = || PROTOCOLS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
            check.within("protocol", |check| {
                match PROTOCOLS.iter().find(|(name, _)| name.eq_ignore_ascii_case(protocol)) {
                    Some((_, tls)) => tls_below = Some(*tls),
                    None if protocol.is_empty() => check.refuse("the port has no protocol", "such as HTTP"),
                    None => check.refuse(
                        format!("'{protocol}' is no protocol known here"),
                        format!("possible are {}", names()),
                    ),
                }
            });
        });
        tls_below
    }
}

impl ServerTls {
    /// Whether it says nothing but that callers are sent to HTTPS.
    fn only_redirects(&self) -> bool {
        let redirect_alone = ServerTls { https_redirect: self.https_redirect, ..ServerTls::default() };
        *self == redirect_alone
    }

    fn validate(&self, check: &mut Check) {
        let several = [
            !self.credential_names.is_empty() || self.credential_name.is_some(),
            !self.tls_certificates.is_empty(),
        ];
        if self.credential_name.is_some() && !self.credential_names.is_empty() || several == [true, true] {
            check.refuse(
                "credentialName, credentialNames and tlsCertificates exclude each other",
                "keep one of them",
            );
        }
        let terminates = matches!(
            self.mode.unwrap_or(ServerTlsMode::Passthrough),
            ServerTlsMode::Simple | ServerTlsMode::Mutual | ServerTlsMode::OptionalMutual
        );
        let in_files = self.server_certificate.is_some() && self.private_key.is_some();
        if terminates && !in_files && several == [false, false] {
            check.refuse(
                "a server that terminates TLS needs a certificate and a key",
                "write credentialName, or serverCertificate and privateKey",
            );
        }
        if let (Some(least), Some(most)) = (self.min_protocol_version, self.max_protocol_version)
            && most != super::TlsVersion::TlsAuto
            && least as u8 > most as u8
        {
            check.within("minProtocolVersion", |check| {
                check.refuse("it is greater than maxProtocolVersion", "swap the two");
            });
        }
    }
}

/// `host`, `namespace/host`, `./host`, `*/host`.
fn gateway_host(check: &mut Check, text: &str) {
    let (namespace, host) = match text.split_once('/') {
        Some((namespace, host)) => (Some(namespace), host),
        None => (None, text),
    };
    if namespace.is_some_and(|namespace| !matches!(namespace, "." | "*") && !is_dns_label(namespace)) {
        check.refuse(
            format!("'{text}' names no namespace"),
            "write namespace/host, './host' for this namespace or '*/host' for all",
        );
    }
    if let Err(error) = Host::parse(host) {
        check.refuse(format!("'{host}' is no host"), error.to_string());
    }
}
