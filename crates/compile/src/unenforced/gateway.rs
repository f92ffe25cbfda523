//! Gateway.

use std::net::IpAddr;

use outrigger_api::{Gateway, Port, Server, ServerTls, ServerTlsMode};
use outrigger_base::AppProtocol;

use super::findings::Findings;
use crate::listeners::terminates;

pub(super) fn look(spec: &Gateway, findings: &mut Findings) {
    let Gateway { servers, selector: _ } = spec;
    for (i, server) in servers.iter().enumerate() {
        let path = format!("spec.servers[{i}]");
        let Server { port, bind, hosts: _, tls, default_endpoint, name: _ } = server;
        let Port { number: _, protocol, name: _, target_port } = port;
        findings.ignored(
            format!("{path}.port.targetPort"),
            target_port.is_some(),
            "the port of the Service in front of the gateway says where it arrives",
        );
        let carried = AppProtocol::parse(protocol);
        findings.ignored(
            format!("{path}.port.protocol"),
            matches!(carried, AppProtocol::Udp | AppProtocol::Auto),
            "the port is not opened",
        );
        let is_address = |bind: &str| bind.is_empty() || bind.parse::<IpAddr>().is_ok();
        findings.ignored(
            format!("{path}.bind"),
            bind.as_deref().is_some_and(|bind| !is_address(bind)),
            "only addresses can be bound; the port is not opened",
        );
        findings.ignored(
            format!("{path}.defaultEndpoint"),
            default_endpoint.is_some(),
            "traffic goes where VirtualServices say",
        );
        if terminates(server) {
            let mode = tls.as_ref().and_then(mode).map_or("", ServerTlsMode::as_str);
            findings.insecure(
                format!("{path}.tls.mode"),
                &format!("TLS ({mode}) is not terminated yet").replace(" ()", ""),
                "the port is not opened; use PASSTHROUGH",
            );
        }
    }
}

/// Only the mode decides whether there is TLS at all; the other fields say how.
fn mode(tls: &ServerTls) -> Option<ServerTlsMode> {
    let ServerTls {
        https_redirect: _,
        mode,
        server_certificate: _,
        private_key: _,
        ca_certificates: _,
        ca_crl: _,
        credential_name: _,
        credential_names: _,
        ca_cert_credential_name: _,
        tls_certificates: _,
        subject_alt_names: _,
        verify_certificate_spki: _,
        verify_certificate_hash: _,
        min_protocol_version: _,
        max_protocol_version: _,
        cipher_suites: _,
        ecdh_curves: _,
        insecure_skip_verify: _,
    } = tls;
    *mode
}
