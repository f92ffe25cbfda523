//! Settings of the whole mesh, in the form of Istio's MeshConfig.

mod read;

use std::sync::Arc;

use outrigger_base::constants::{DEFAULT_DOMAIN, ROOT_NAMESPACE};

pub use self::read::parse_mesh_config;

use crate::duration::Duration;
use crate::schema::enumeration;
use crate::traffic_policy::TcpKeepalive;
use crate::virtual_service::HttpRetry;

/// Settings of the whole mesh. [`Default`] is what holds where nothing is written.
#[derive(Debug, Clone, PartialEq)]
pub struct MeshConfig {
    /// The namespace whose rules apply to all others.
    pub root_namespace: Arc<str>,
    /// The DNS domain of services. Not a key of Istio's MeshConfig; always `cluster.local` for now.
    pub domain: Arc<str>,
    /// Whose authority identities rest on.
    pub trust_domain: Arc<str>,
    /// What sidecars do with destinations that are not known.
    pub outbound_traffic_policy: OutboundMode,
    /// Where access logs go; empty: nowhere.
    pub access_log_file: Arc<str>,
    /// Their format; empty: Envoy's own.
    pub access_log_format: Arc<str>,
    /// Text or JSON.
    pub access_log_encoding: AccessLogEncoding,
    /// Visibility of services that say nothing about it.
    pub default_service_export_to: Vec<Arc<str>>,
    /// Visibility of VirtualServices that say nothing about it.
    pub default_virtual_service_export_to: Vec<Arc<str>>,
    /// Visibility of DestinationRules that say nothing about it.
    pub default_destination_rule_export_to: Vec<Arc<str>>,
    /// What is tried again where routes say nothing about it.
    pub default_http_retry_policy: Option<HttpRetry>,
    /// How long a connection may stay silent before it counts as TCP.
    pub protocol_detection_timeout: Duration,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// Probes on idle connections.
    pub tcp_keepalive: Option<TcpKeepalive>,
    /// How often names of endpoints are resolved again.
    pub dns_refresh_rate: Duration,
}

impl Default for MeshConfig {
    fn default() -> Self {
        let everybody: Vec<Arc<str>> = vec!["*".into()];
        MeshConfig {
            root_namespace: ROOT_NAMESPACE.into(),
            domain: DEFAULT_DOMAIN.into(),
            trust_domain: DEFAULT_DOMAIN.into(),
            outbound_traffic_policy: OutboundMode::AllowAny,
            access_log_file: "".into(),
            access_log_format: "".into(),
            access_log_encoding: AccessLogEncoding::Text,
            default_service_export_to: everybody.clone(),
            default_virtual_service_export_to: everybody.clone(),
            default_destination_rule_export_to: everybody,
            default_http_retry_policy: None,
            protocol_detection_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(10),
            tcp_keepalive: None,
            dns_refresh_rate: Duration::from_secs(60),
        }
    }
}

enumeration! {
    /// What sidecars do with destinations that are not known.
    pub enum OutboundMode {
        /// They let them pass.
        AllowAny = "ALLOW_ANY",
        /// They refuse them.
        RegistryOnly = "REGISTRY_ONLY",
    }
}

enumeration! {
    /// The form of an access log.
    pub enum AccessLogEncoding {
        /// One line of text.
        Text = "TEXT",
        /// One JSON object per line.
        Json = "JSON",
    }
}
