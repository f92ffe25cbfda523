//! Reads MeshConfig. Every key of Istio's is known by name; those that nothing acts on are named,
//! so that nobody believes in a setting without effect.

use std::path::Path;
use std::sync::Arc;

use outrigger_base::{Code, Diagnostic};

use super::{AccessLogEncoding, MeshConfig, OutboundMode};
use crate::check::{Check, Finding};
use crate::duration::Duration;
use crate::schema::message;
use crate::traffic_policy::TcpKeepalive;
use crate::virtual_service::HttpRetry;
use crate::yaml::{Positions, Value, decode, mistake_to_diagnostic, only_document};

message! {
    /// MeshConfig as it is written (istio/api mesh/v1alpha1/config.proto).
    pub struct Written {
        /// See [`MeshConfig`]; so for all of these.
        pub root_namespace: Option<Arc<str>>,
        pub trust_domain: Option<Arc<str>>,
        pub outbound_traffic_policy: Option<OutboundTrafficPolicy>,
        pub access_log_file: Option<Arc<str>>,
        pub access_log_format: Option<Arc<str>>,
        pub access_log_encoding: Option<AccessLogEncoding>,
        pub default_service_export_to: Vec<Arc<str>>,
        pub default_virtual_service_export_to: Vec<Arc<str>>,
        pub default_destination_rule_export_to: Vec<Arc<str>>,
        pub default_http_retry_policy: Option<HttpRetry>,
        pub protocol_detection_timeout: Option<Duration>,
        pub connect_timeout: Option<Duration>,
        pub tcp_keepalive: Option<TcpKeepalive>,
        pub dns_refresh_rate: Option<Duration>,
        unread {
            proxy_listen_port,
            proxy_inbound_listen_port,
            proxy_http_port,
            ingress_class,
            ingress_service,
            ingress_controller_mode,
            ingress_selector,
            enable_tracing,
            enable_envoy_access_log_service,
            disable_envoy_listener_log,
            default_config,
            inbound_traffic_policy,
            config_sources,
            enable_auto_mtls,
            trust_domain_aliases,
            ca_certificates,
            locality_lb_setting,
            h2_upgrade_policy,
            inbound_cluster_stat_name,
            outbound_cluster_stat_name,
            certificates,
            service_settings,
            enable_prometheus_merge,
            verify_certificate_at_client,
            ca,
            extension_providers,
            default_providers,
            discovery_selectors,
            path_normalization,
            #[serde(rename = "meshMTLS")] mesh_mtls,
            tls_defaults,
            service_scope_configs,
            service_entry_visibility,
            thrift_config,
            enable_client_side_policy_check,
            disable_policy_checks,
            disable_mixer_http_reports,
            policy_check_fail_open,
            report_batch_max_entries,
            report_batch_max_time,
            mixer_check_server,
            mixer_report_server,
            mixer_address,
            sds_uds_path,
            sds_refresh_delay,
            enable_sds_token_mount,
            sds_use_k8s_sa_jwt,
            sidecar_to_telemetry_session_affinity,
            local_mixer_check,
            auth_policy,
            rds_refresh_delay,
        }
    }
}

message! {
    /// The outbound policy as it is written.
    pub struct OutboundTrafficPolicy {
        /// What happens to destinations that are not known.
        pub mode: Option<OutboundMode>,
    }
}

/// Keys that something acts on.
const ACTED_ON: &[&str] = &[
    "rootNamespace",
    "trustDomain",
    "outboundTrafficPolicy",
    "accessLogFile",
    "accessLogFormat",
    "accessLogEncoding",
    "defaultServiceExportTo",
    "defaultVirtualServiceExportTo",
    "defaultDestinationRuleExportTo",
    "defaultHttpRetryPolicy",
    "protocolDetectionTimeout",
    "connectTimeout",
    "tcpKeepalive",
    "dnsRefreshRate",
];

/// Reads the settings of the mesh. What is wrong or absent has its default.
pub fn parse_mesh_config(file: &Path, text: &str) -> (MeshConfig, Vec<Diagnostic>) {
    let file = Arc::new(file.to_path_buf());
    let (root, mut diagnostics) = only_document(&file, text);
    let Some(root) = root else { return (MeshConfig::default(), diagnostics) };
    let decoded = decode::<Written>(&root);
    diagnostics.extend(decoded.mistakes.iter().map(|mistake| mistake_to_diagnostic(mistake, &file)));
    let positions = Positions::new(file, &root);
    let written = decoded.value.unwrap_or_default();
    for finding in written.findings() {
        diagnostics.push(finding.with_position_of(&positions));
    }
    if let Value::Map(entries) = &root.value {
        let unknown = |key: &str| decoded.mistakes.iter().any(|mistake| mistake.path == key);
        for entry in entries.iter().filter(|entry| !ACTED_ON.contains(&&*entry.key) && !unknown(&entry.key)) {
            let message = format!("the setting '{}' is known but not acted on yet", entry.key);
            let diagnostic =
                Diagnostic::warning(Code::MESH_CONFIG_NOT_ACTED_ON, message).with_field(&*entry.key);
            diagnostics.push(diagnostic.with_position_of(&positions));
        }
    }
    (written.into_config(), diagnostics)
}

trait Locate {
    fn with_position_of(self, positions: &Positions) -> Self;
}

impl Locate for Diagnostic {
    fn with_position_of(mut self, positions: &Positions) -> Self {
        self.position = positions.locate(&self.field);
        self
    }
}

impl Written {
    fn findings(&self) -> Vec<Diagnostic> {
        let mut check = Check::default();
        check.positive("connectTimeout", self.connect_timeout);
        check.positive("dnsRefreshRate", self.dns_refresh_rate);
        check.some("defaultHttpRetryPolicy", &self.default_http_retry_policy, |check, retries| {
            retries.validate(check);
        });
        let to_diagnostic = |finding: Finding| {
            Diagnostic::new(finding.severity, Code::INVALID, finding.message)
                .with_field(finding.path)
                .with_advice(finding.advice)
        };
        check.into_findings().into_iter().map(to_diagnostic).collect()
    }

    fn into_config(self) -> MeshConfig {
        let default = MeshConfig::default();
        let list = |written: Vec<Arc<str>>, default| if written.is_empty() { default } else { written };
        let text = |written: Option<Arc<str>>, default| written.filter(|t| !t.is_empty()).unwrap_or(default);
        let time = |written: Option<Duration>, default| written.filter(|t| !t.is_zero()).unwrap_or(default);
        MeshConfig {
            root_namespace: text(self.root_namespace, default.root_namespace),
            domain: default.domain,
            trust_domain: text(self.trust_domain, default.trust_domain),
            outbound_traffic_policy: self
                .outbound_traffic_policy
                .and_then(|policy| policy.mode)
                .unwrap_or(default.outbound_traffic_policy),
            access_log_file: text(self.access_log_file, default.access_log_file),
            access_log_format: text(self.access_log_format, default.access_log_format),
            access_log_encoding: self.access_log_encoding.unwrap_or(default.access_log_encoding),
            default_service_export_to: list(
                self.default_service_export_to,
                default.default_service_export_to,
            ),
            default_virtual_service_export_to: list(
                self.default_virtual_service_export_to,
                default.default_virtual_service_export_to,
            ),
            default_destination_rule_export_to: list(
                self.default_destination_rule_export_to,
                default.default_destination_rule_export_to,
            ),
            default_http_retry_policy: self.default_http_retry_policy.or(default.default_http_retry_policy),
            // Zero means "wait for ever" here, as in Istio.
            protocol_detection_timeout: self
                .protocol_detection_timeout
                .unwrap_or(default.protocol_detection_timeout),
            connect_timeout: time(self.connect_timeout, default.connect_timeout),
            tcp_keepalive: self.tcp_keepalive.or(default.tcp_keepalive),
            dns_refresh_rate: time(self.dns_refresh_rate, default.dns_refresh_rate),
        }
    }
}
