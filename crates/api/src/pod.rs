//! Pod (v1): where and as whom it runs, which ports it names, and whether it is ready.

use std::sync::Arc;

use crate::check::{Check, Validate};
use crate::schema::{enumeration, message};

message! {
    /// What a Pod asks for.
    pub struct PodSpec {
        /// Its own name below `subdomain`; the pod's name if absent.
        pub hostname: Option<Arc<str>>,
        /// The headless service that gives it a name.
        pub subdomain: Option<Arc<str>>,
        /// As whom it runs; `default` if absent.
        pub service_account_name: Option<Arc<str>>,
        /// The older spelling of `serviceAccountName`.
        pub service_account: Option<Arc<str>>,
        /// Where it runs.
        pub node_name: Option<Arc<str>>,
        /// Whether it shares the node's addresses.
        pub host_network: Option<bool>,
        /// What runs in it.
        pub containers: Vec<Container>,
        /// What runs before, or beside from the start.
        pub init_containers: Vec<Container>,
        unread {
            active_deadline_seconds,
            affinity,
            automount_service_account_token,
            dns_config,
            dns_policy,
            enable_service_links,
            ephemeral_containers,
            host_aliases,
            #[serde(rename = "hostIPC")] host_ipc,
            #[serde(rename = "hostPID")] host_pid,
            host_users,
            hostname_override,
            image_pull_secrets,
            node_selector,
            os,
            overhead,
            preemption_policy,
            priority,
            priority_class_name,
            readiness_gates,
            resource_claims,
            resources,
            restart_policy,
            runtime_class_name,
            scheduler_name,
            scheduling_gates,
            scheduling_group,
            security_context,
            #[serde(rename = "setHostnameAsFQDN")] set_hostname_as_fqdn,
            share_process_namespace,
            termination_grace_period_seconds,
            tolerations,
            topology_spread_constraints,
            volumes,
            workload_ref,
        }
    }
}

message! {
    /// A container of a Pod.
    pub struct Container {
        /// Its name.
        pub name: Arc<str>,
        /// What it runs.
        pub image: Option<String>,
        /// Its ports.
        pub ports: Vec<ContainerPort>,
        unread {
            args,
            command,
            env,
            env_from,
            image_pull_policy,
            lifecycle,
            liveness_probe,
            readiness_probe,
            resize_policy,
            resources,
            restart_policy,
            restart_policy_rules,
            security_context,
            startup_probe,
            stdin,
            stdin_once,
            termination_message_path,
            termination_message_policy,
            tty,
            volume_devices,
            volume_mounts,
            working_dir,
        }
    }
}

message! {
    /// A port of a container.
    pub struct ContainerPort {
        /// What others call it.
        pub name: Option<Arc<str>>,
        /// Its number.
        pub container_port: u16,
        /// TCP, UDP or SCTP; TCP if absent.
        pub protocol: Option<Arc<str>>,
        unread {
            #[serde(rename = "hostIP")] host_ip,
            host_port,
        }
    }
}

message! {
    /// What was observed of a Pod.
    pub struct PodStatus {
        /// Where it is in its life.
        pub phase: Option<PodPhase>,
        /// Its address.
        #[serde(rename = "podIP")]
        pub pod_ip: Option<Arc<str>>,
        /// Its addresses, `podIP` first.
        #[serde(rename = "podIPs")]
        pub pod_ips: Vec<PodIp>,
        /// What holds of it, `Ready` among others.
        pub conditions: Vec<PodCondition>,
        unread {
            #[serde(rename = "hostIP")] host_ip,
            #[serde(rename = "hostIPs")] host_ips,
            allocated_resources,
            container_statuses,
            ephemeral_container_statuses,
            extended_resource_claim_status,
            init_container_statuses,
            message,
            nominated_node_name,
            observed_generation,
            qos_class,
            reason,
            resize,
            resource_claim_statuses,
            resources,
            start_time,
        }
    }
}

impl PodStatus {
    /// Whether the pod says that it may be sent requests.
    pub fn is_ready(&self) -> bool {
        self.conditions.iter().any(|condition| condition.is("Ready"))
    }
}

enumeration! {
    /// Where a Pod is in its life.
    pub enum PodPhase {
        /// Not all containers run yet.
        Pending = "Pending",
        /// It runs.
        Running = "Running",
        /// All containers ended well.
        Succeeded = "Succeeded",
        /// All containers ended, some badly.
        Failed = "Failed",
        /// The node does not answer.
        Unknown = "Unknown",
    }
}

message! {
    /// An address of a Pod.
    pub struct PodIp {
        /// The address.
        pub ip: Arc<str>,
    }
}

message! {
    /// Something that holds, or not.
    pub struct PodCondition {
        /// What it is about, e.g. `Ready`.
        #[serde(rename = "type")]
        pub condition_type: Arc<str>,
        /// `True`, `False` or `Unknown`.
        pub status: Arc<str>,
        unread {
            last_probe_time,
            last_transition_time,
            message,
            observed_generation,
            reason,
        }
    }
}

impl PodCondition {
    /// Whether it is about that and holds.
    fn is(&self, name: &str) -> bool {
        &*self.condition_type == name && &*self.status == "True"
    }
}

impl Validate for PodSpec {
    fn validate(&self, check: &mut Check) {
        for (field, containers) in
            [("containers", &self.containers), ("initContainers", &self.init_containers)]
        {
            check.each(field, containers, |check, container| {
                check.each("ports", &container.ports, |check, port| {
                    check.port("containerPort", port.container_port);
                });
            });
        }
    }
}
