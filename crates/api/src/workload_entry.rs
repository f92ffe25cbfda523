//! WorkloadEntry (networking.istio.io): a workload that is no pod, such as a VM; also the form of
//! the endpoints of a ServiceEntry.

use std::collections::BTreeMap;
use std::sync::Arc;

use outrigger_base::Labels;

use crate::check::{Check, Validate};
use crate::schema::message;

message! {
    /// A workload that is no pod.
    pub struct WorkloadEntry {
        /// Where it is: an IP address, a name, or `unix://` and a path.
        pub address: Option<Arc<str>>,
        /// Where it listens, by the name of a service's port.
        pub ports: BTreeMap<Arc<str>, u16>,
        /// Labels, beside those of the object itself.
        pub labels: Labels,
        /// Its network; the default one if absent.
        pub network: Option<Arc<str>>,
        /// Where it runs: `region/zone/subzone`.
        pub locality: Option<Arc<str>>,
        /// Its share; 1 if absent or 0.
        pub weight: Option<u32>,
        /// As whom it runs.
        pub service_account: Option<Arc<str>>,
    }
}

impl Validate for WorkloadEntry {
    fn validate(&self, check: &mut Check) {
        let address = self.address.as_deref().unwrap_or_default();
        if address.is_empty() && self.network.as_deref().unwrap_or_default().is_empty() {
            check.within("address", |check| {
                check.refuse("a workload needs an address, or a network whose gateway leads to it", "");
            });
        }
        if let Some(path) = address.strip_prefix("unix://") {
            self.validate_socket(check, path);
        } else if !address.is_empty() {
            check.within("address", |check| {
                if check.host(address).is_some_and(|host| host.is_wildcard()) {
                    check.refuse("a workload has no wildcard address", "write an IP address or a name");
                }
            });
        }
        check.entries("ports", &self.ports, |check, name, port| {
            if *port == 0 {
                check.refuse("0 is no port", "ports go from 1 to 65535");
            }
            if !is_port_name(name) {
                check.refuse(
                    format!("'{name}' is not allowed as a port's name"),
                    "at most 62 letters, digits and '-', a letter or digit at both ends",
                );
            }
        });
        check.labels("labels", self.labels.iter());
    }
}

impl WorkloadEntry {
    fn validate_socket(&self, check: &mut Check, path: &str) {
        check.within("address", |check| {
            if !path.starts_with(['/', '@']) {
                check.refuse(
                    "a Unix socket needs an absolute path or an abstract name",
                    "as in unix:///run/x",
                );
            }
            if path.ends_with('/') {
                check.refuse("a directory is no socket", "write the path of the socket");
            }
        });
        if !self.ports.is_empty() {
            check.within("ports", |check| {
                check.refuse("a Unix socket has no ports", "leave them out");
            });
        }
    }
}

fn is_port_name(name: &str) -> bool {
    let inside = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    (1..63).contains(&name.len())
        && name.bytes().all(inside)
        && !name.starts_with('-')
        && !name.ends_with('-')
}
