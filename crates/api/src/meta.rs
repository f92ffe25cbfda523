//! What every object has: a name, labels, and when it was made.

use std::collections::BTreeMap;
use std::sync::Arc;

use outrigger_base::Labels;

use crate::schema::message;
use crate::timestamp::Timestamp;

message! {
    /// The metadata of an object.
    pub struct Meta {
        /// Its name.
        pub name: Arc<str>,
        /// Its namespace; empty for kinds that have none.
        pub namespace: Arc<str>,
        /// Labels, by which others select it.
        pub labels: Labels,
        /// Notes for tools.
        pub annotations: BTreeMap<Arc<str>, Arc<str>>,
        /// When a server took it in; objects from files have none and count as equally old.
        pub creation_timestamp: Option<Timestamp>,
        /// When somebody asked for its removal; it goes on to exist for a while.
        pub deletion_timestamp: Option<Timestamp>,
        /// The objects that it belongs to.
        pub owner_references: Vec<OwnerReference>,
        /// Identity over its life, given by a server.
        pub uid: Option<Arc<str>>,
        /// Revision, given by a server.
        pub resource_version: Option<Arc<str>>,
        /// Counts changes of the spec, by a server.
        pub generation: Option<i64>,
        unread {
            generate_name,
            finalizers,
            managed_fields,
            self_link,
            deletion_grace_period_seconds,
            cluster_name,
        }
    }
}

message! {
    /// An object that another one belongs to.
    pub struct OwnerReference {
        /// Its group and version.
        pub api_version: Arc<str>,
        /// Its kind.
        pub kind: Arc<str>,
        /// Its name, in the same namespace.
        pub name: Arc<str>,
        /// Its identity.
        pub uid: Arc<str>,
        /// Whether it is the one that manages.
        pub controller: Option<bool>,
        /// Whether it waits for this one at its deletion.
        pub block_owner_deletion: Option<bool>,
    }
}
