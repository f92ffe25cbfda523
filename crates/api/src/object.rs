//! Objects of all kinds as one type, and changes of them.

use std::sync::Arc;

use outrigger_base::{Kind, ResourceKey};

use crate::deployment::DeploymentSpec;
use crate::destination_rule::DestinationRule;
use crate::gateway::Gateway;
use crate::meta::Meta;
use crate::namespace::NamespaceSpec;
use crate::opaque::Opaque;
use crate::pod::{PodSpec, PodStatus};
use crate::service::ServiceSpec;
use crate::service_account::ServiceAccountSpec;
use crate::service_entry::ServiceEntry;
use crate::virtual_service::VirtualService;
use crate::workload_entry::WorkloadEntry;

/// An object: what a user declared, and for some kinds what was observed of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Object<S, T = Opaque> {
    /// Name, labels and so on.
    pub meta: Meta,
    /// What is wanted.
    pub spec: S,
    /// What was observed; not read for most kinds.
    pub status: T,
}

impl<S, T: Default> Object<S, T> {
    /// An object of which nothing was observed yet.
    pub fn new(meta: Meta, spec: S) -> Self {
        Object { meta, spec, status: T::default() }
    }
}

/// An object of any kind that the mesh acts on.
#[derive(Debug, Clone, PartialEq)]
pub enum Resource {
    /// A namespace.
    Namespace(Arc<Object<NamespaceSpec>>),
    /// A Kubernetes service.
    Service(Arc<Object<ServiceSpec>>),
    /// The identity of workloads.
    ServiceAccount(Arc<Object<ServiceAccountSpec>>),
    /// Pods to be made.
    Deployment(Arc<Object<DeploymentSpec>>),
    /// A running pod.
    Pod(Arc<Object<PodSpec, PodStatus>>),
    /// A service described by hand.
    ServiceEntry(Arc<Object<ServiceEntry>>),
    /// A workload that is no pod.
    WorkloadEntry(Arc<Object<WorkloadEntry>>),
    /// Routing.
    VirtualService(Arc<Object<VirtualService>>),
    /// What happens after routing.
    DestinationRule(Arc<Object<DestinationRule>>),
    /// Where traffic enters.
    Gateway(Arc<Object<Gateway>>),
}

impl Resource {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Resource::Namespace(_) => Kind::NAMESPACE,
            Resource::Service(_) => Kind::SERVICE,
            Resource::ServiceAccount(_) => Kind::SERVICE_ACCOUNT,
            Resource::Deployment(_) => Kind::DEPLOYMENT,
            Resource::Pod(_) => Kind::POD,
            Resource::ServiceEntry(_) => Kind::SERVICE_ENTRY,
            Resource::WorkloadEntry(_) => Kind::WORKLOAD_ENTRY,
            Resource::VirtualService(_) => Kind::VIRTUAL_SERVICE,
            Resource::DestinationRule(_) => Kind::DESTINATION_RULE,
            Resource::Gateway(_) => Kind::GATEWAY,
        }
    }

    /// Its metadata.
    pub fn meta(&self) -> &Meta {
        match self {
            Resource::Namespace(object) => &object.meta,
            Resource::Service(object) => &object.meta,
            Resource::ServiceAccount(object) => &object.meta,
            Resource::Deployment(object) => &object.meta,
            Resource::Pod(object) => &object.meta,
            Resource::ServiceEntry(object) => &object.meta,
            Resource::WorkloadEntry(object) => &object.meta,
            Resource::VirtualService(object) => &object.meta,
            Resource::DestinationRule(object) => &object.meta,
            Resource::Gateway(object) => &object.meta,
        }
    }

    /// Its identity.
    pub fn key(&self) -> ResourceKey {
        let meta = self.meta();
        ResourceKey::new(self.kind(), meta.namespace.clone(), meta.name.clone())
    }
}

/// One change of what exists.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The object exists now in this form.
    Upsert(Resource),
    /// No such object exists any more.
    Delete(ResourceKey),
}

impl Change {
    /// The object that changed.
    pub fn key(&self) -> ResourceKey {
        match self {
            Change::Upsert(resource) => resource.key(),
            Change::Delete(key) => key.clone(),
        }
    }
}
