use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// A kind of object, with its API group; the version is not part of an object's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Kind as manifests spell it.
    pub kind: &'static str,
}

impl Kind {
    const fn new(group: &'static str, kind: &'static str) -> Self {
        Kind { group, kind }
    }

    /// A namespace.
    pub const NAMESPACE: Kind = Kind::new("", "Namespace");
    /// A service of Kubernetes.
    pub const SERVICE: Kind = Kind::new("", "Service");
    /// The identity of pods.
    pub const SERVICE_ACCOUNT: Kind = Kind::new("", "ServiceAccount");
    /// A pod.
    pub const POD: Kind = Kind::new("", "Pod");
    /// What makes pods.
    pub const DEPLOYMENT: Kind = Kind::new("apps", "Deployment");
    /// A service outside Kubernetes.
    pub const SERVICE_ENTRY: Kind = Kind::new("networking.istio.io", "ServiceEntry");
    /// A workload that is no pod: a VM.
    pub const WORKLOAD_ENTRY: Kind = Kind::new("networking.istio.io", "WorkloadEntry");
    /// Routes of requests to hosts.
    pub const VIRTUAL_SERVICE: Kind = Kind::new("networking.istio.io", "VirtualService");
    /// How callers treat a host: subsets, policies.
    pub const DESTINATION_RULE: Kind = Kind::new("networking.istio.io", "DestinationRule");
    /// Ports at the edge of the mesh.
    pub const GATEWAY: Kind = Kind::new("networking.istio.io", "Gateway");

    /// Every kind that is known here.
    pub const ALL: &'static [Kind] = &[
        Kind::NAMESPACE,
        Kind::SERVICE,
        Kind::SERVICE_ACCOUNT,
        Kind::POD,
        Kind::DEPLOYMENT,
        Kind::SERVICE_ENTRY,
        Kind::WORKLOAD_ENTRY,
        Kind::VIRTUAL_SERVICE,
        Kind::DESTINATION_RULE,
        Kind::GATEWAY,
    ];

    /// The kind of that group and name, if it is known here.
    pub fn find(group: &str, kind: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|k| k.group == group && k.kind == kind)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind)
    }
}

/// The identity of an object. Ordered by kind, namespace, name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceKey {
    /// What it is.
    pub kind: Kind,
    /// Its namespace; empty for objects that have none.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

impl ResourceKey {
    /// The key of the object `namespace/name` of a kind.
    pub fn new(kind: Kind, namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        ResourceKey { kind, namespace: namespace.into(), name: name.into() }
    }
}

impl ResourceKey {
    /// The key as one path, `GROUP/KIND/NAMESPACE/NAME`, for wire metadata; [`Self::from_path`] reads it.
    pub fn to_path(&self) -> String {
        format!("{}/{}/{}/{}", self.kind.group, self.kind.kind, self.namespace, self.name)
    }

    /// Reads what [`Self::to_path`] wrote. `None` for kinds unknown here, so that a newer peer may
    /// name objects that this version has never heard of.
    pub fn from_path(path: &str) -> Option<ResourceKey> {
        let mut parts = path.splitn(4, '/');
        let (group, kind, namespace, name) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        Some(ResourceKey::new(Kind::find(group, kind)?, namespace, name))
    }
}

impl fmt::Display for ResourceKey {
    /// `Kind/namespace/name`; `Kind/name` without a namespace.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{}/{}", self.kind, self.name)
        } else {
            write!(f, "{}/{}/{}", self.kind, self.namespace, self.name)
        }
    }
}

impl Serialize for ResourceKey {
    /// `{kind, namespace, name}`, as the JSON contracts of the programs name objects.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut s = serializer.serialize_struct("ResourceKey", 3)?;
        s.serialize_field("kind", self.kind.kind)?;
        s.serialize_field("namespace", &*self.namespace)?;
        s.serialize_field("name", &*self.name)?;
        s.end()
    }
}

macro_rules! name_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps the name as written.
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                $name(name.into())
            }

            /// The name as written.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether no name was given.
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_newtype! {
    /// A network: workloads of one network reach each other directly. Empty: the default network.
    Network
}
name_newtype! {
    /// A cluster, as `topology.istio.io/cluster` names it.
    ClusterId
}
