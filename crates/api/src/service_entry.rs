//! ServiceEntry (networking.istio.io): a service described by hand.

mod validate;

use std::sync::Arc;

use outrigger_base::Selector;

use crate::schema::{enumeration, message};
use crate::workload_entry::WorkloadEntry;

message! {
    /// A service that no registry knows of.
    pub struct ServiceEntry {
        /// The names it is called by; the first label may be a wildcard.
        pub hosts: Vec<Arc<str>>,
        /// Its virtual addresses or ranges.
        pub addresses: Vec<Arc<str>>,
        /// Its ports.
        pub ports: Vec<ServiceEntryPort>,
        /// Whether it is a part of the mesh; outside if absent.
        pub location: Option<Location>,
        /// How its endpoints are found; `NONE` if absent.
        pub resolution: Option<EntryResolution>,
        /// Its endpoints.
        pub endpoints: Vec<WorkloadEntry>,
        /// Selects its endpoints among workloads of its namespace, instead of `endpoints`.
        pub workload_selector: Option<WorkloadSelector>,
        /// Which namespaces see it; all if empty.
        pub export_to: Vec<Arc<str>>,
        /// Names that its endpoints' certificates may show.
        pub subject_alt_names: Vec<Arc<str>>,
    }
}

message! {
    /// A port of a ServiceEntry.
    pub struct ServiceEntryPort {
        /// Its number, as callers use it.
        pub number: u16,
        /// What is spoken on it; found out if absent.
        pub protocol: Option<Arc<str>>,
        /// Its name, which `ports` of endpoints refer to.
        pub name: Arc<str>,
        /// Where endpoints listen; `number` if absent.
        pub target_port: Option<u16>,
    }
}

message! {
    /// A selection of workloads by labels.
    pub struct WorkloadSelector {
        /// What they must carry.
        pub labels: Selector,
    }
}

enumeration! {
    /// Whether a service is a part of the mesh.
    pub enum Location {
        /// It is not.
        MeshExternal = "MESH_EXTERNAL",
        /// It is.
        MeshInternal = "MESH_INTERNAL",
    }
}

enumeration! {
    /// How the endpoints of a ServiceEntry are found.
    pub enum EntryResolution {
        /// The address that the caller chose is the endpoint.
        None = "NONE",
        /// They are written down, or selected.
        Static = "STATIC",
        /// By resolving names; every address counts.
        Dns = "DNS",
        /// By resolving one name; one address at a time.
        DnsRoundRobin = "DNS_ROUND_ROBIN",
        /// By resolving the name that the caller asked for.
        DynamicDns = "DYNAMIC_DNS",
    }
}
