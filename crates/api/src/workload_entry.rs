//! WorkloadEntry (networking.istio.io): a workload that is no pod, such as a VM; also the form of
//! the endpoints of a ServiceEntry.

use std::collections::BTreeMap;
use std::sync::Arc;

use outrigger_base::Labels;

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
