//! Service (v1).

use std::sync::Arc;

use outrigger_base::Selector;

use crate::check::{Check, Validate, is_dns_label};
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

impl Validate for ServiceSpec {
    fn validate(&self, check: &mut Check) {
        let headless = self.cluster_ip.as_deref() == Some("None");
        let external = self.service_type == Some(ServiceType::ExternalName);
        if external && self.external_name.as_deref().unwrap_or_default().is_empty() {
            check.within("externalName", |check| {
                check.refuse("a Service of type ExternalName needs a host", "write externalName");
            });
        }
        check.some("externalName", &self.external_name, |check, host| {
            check.host(host);
        });
        check.some("clusterIP", &self.cluster_ip, |check, address| virtual_address(check, address));
        check.each("clusterIPs", &self.cluster_ips, |check, address| virtual_address(check, address));
        check.each("externalIPs", &self.external_ips, |check, address| virtual_address(check, address));
        check.labels("selector", self.selector.labels().iter());
        if self.ports.is_empty() && !headless && !external {
            check.within("ports", |check| check.refuse("a Service needs a port", "write ports"));
        }
        let mut seen: Vec<&ServicePort> = Vec::new();
        check.each("ports", &self.ports, |check, port| {
            port.validate(check, self.ports.len() > 1);
            if let Some(same) = seen.iter().find(|other| other.name == port.name && port.name.is_some()) {
                let message = format!("the name '{}' is taken", same.name.as_deref().unwrap_or_default());
                check.within("name", |check| check.refuse(message, "names of ports must differ"));
            }
            if seen.iter().any(|other| other.port == port.port && other.transport() == port.transport()) {
                let message = format!("port {} is there twice", port.port);
                check.within("port", |check| check.refuse(message, "keep one of the two"));
            }
            seen.push(port);
        });
    }
}

impl ServicePort {
    /// TCP, UDP or SCTP.
    pub fn transport(&self) -> &str {
        self.protocol.as_deref().unwrap_or("TCP")
    }

    fn validate(&self, check: &mut Check, must_have_name: bool) {
        check.port("port", self.port);
        if let Some(IntOrString::Int(number)) = self.target_port {
            check.port("targetPort", number);
        }
        if !matches!(self.transport(), "TCP" | "UDP" | "SCTP") {
            let message = format!("'{}' is no transport", self.transport());
            let advice = "TCP, UDP and SCTP are; what is spoken on the port is said by appProtocol";
            check.within("protocol", |check| check.refuse(message, advice));
        }
        match self.name.as_deref().unwrap_or_default() {
            "" if must_have_name => {
                let message = "a port needs a name where there are several";
                check.within("name", |check| check.refuse(message, "write one, such as http"));
            }
            "" => {}
            // Capitals are Kubernetes' to refuse: they change nothing about what a name says.
            name if is_dns_label(&name.to_ascii_lowercase()) => {}
            name => {
                let message = format!("'{name}' is not allowed as a port's name");
                let advice = "at most 63 lower-case letters, digits and '-'";
                check.within("name", |check| check.refuse(message, advice));
            }
        }
    }
}

fn virtual_address(check: &mut Check, address: &str) {
    if !matches!(address, "" | "None") && address.parse::<std::net::IpAddr>().is_err() {
        check.refuse(format!("'{address}' is no address"), "write an IP address");
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_name_of_a_port_may_be_in_capitals() {
        let refused = |name: &str| {
            let text = format!(
                "{{apiVersion: v1, kind: Service, metadata: {{name: a}}, spec: {{ports: [{{port: 80, name: {name}}}]}}}}"
            );
            !crate::parse(Path::new("a.yaml"), &text, "default").diagnostics.is_empty()
        };
        assert!(!refused("HTTP-web"));
        assert!(refused("http_web"));
    }
}
