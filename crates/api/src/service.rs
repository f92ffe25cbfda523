//! Service (v1).

use std::sync::Arc;

use outrigger_base::Selector;

use crate::int_or_string::IntOrString;
use crate::schema::{enumeration, message};

message! {
    /// What a Service asks for.
    pub struct ServiceSpec {
        /// How it is reached.
        #[serde(rename = "type")]
        pub service_type: Option<ServiceType>,
        /// Its virtual address; `None` for a headless service.
        #[serde(rename = "clusterIP")]
        pub cluster_ip: Option<Arc<str>>,
        /// Its virtual addresses, one per family, `clusterIP` first.
        #[serde(rename = "clusterIPs")]
        pub cluster_ips: Vec<Arc<str>>,
        /// Its ports.
        pub ports: Vec<ServicePort>,
        /// Which workloads answer for it.
        pub selector: Selector,
        /// The host that it stands for (type ExternalName).
        pub external_name: Option<Arc<str>>,
        /// Further addresses that lead to it.
        #[serde(rename = "externalIPs")]
        pub external_ips: Vec<Arc<str>>,
        /// The address families that it is reached over, the preferred one first.
        pub ip_families: Vec<Arc<str>>,
        /// Whether workloads that are not ready are endpoints too.
        pub publish_not_ready_addresses: Option<bool>,
        /// A preference for near endpoints, e.g. `PreferClose`.
        pub traffic_distribution: Option<String>,
        /// Whether only endpoints on the caller's own node are used.
        pub internal_traffic_policy: Option<String>,
        /// `ClientIP` or `None`.
        pub session_affinity: Option<String>,
        unread {
            #[serde(rename = "loadBalancerIP")] load_balancer_ip,
            load_balancer_source_ranges,
            load_balancer_class,
            allocate_load_balancer_node_ports,
            external_traffic_policy,
            health_check_node_port,
            ip_family_policy,
            ip_family,
            session_affinity_config,
            topology_keys,
        }
    }
}

enumeration! {
    /// How a Service is reached.
    pub enum ServiceType {
        /// At a virtual address.
        ClusterIp = "ClusterIP",
        /// Also at a port of every node.
        NodePort = "NodePort",
        /// Also through a balancer outside.
        LoadBalancer = "LoadBalancer",
        /// It only names a host elsewhere.
        ExternalName = "ExternalName",
    }
}

message! {
    /// A port of a Service.
    pub struct ServicePort {
        /// Its name; may be absent if there is only one.
        pub name: Option<Arc<str>>,
        /// The transport: TCP, UDP or SCTP; TCP if absent.
        pub protocol: Option<Arc<str>>,
        /// What is spoken on it.
        pub app_protocol: Option<Arc<str>>,
        /// Its number, as callers use it.
        pub port: u16,
        /// Where workloads listen: a number or the name of a container's port; `port` if absent.
        pub target_port: Option<IntOrString>,
        unread {
            node_port,
        }
    }
}
