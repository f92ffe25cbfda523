//! The one table of kinds: what is served, under which names, and what becomes of it here.

use outrigger_base::Kind;

use crate::object::Resource;
use crate::read::{NameRule, Reader, pod, service_account, usual};

/// What is known of a kind.
pub struct KindInfo {
    /// Group and name.
    pub kind: Kind,
    /// Served versions, the preferred one first.
    pub versions: &'static [&'static str],
    /// Whether objects of it live in namespaces.
    pub namespaced: bool,
    /// What several of them are called in paths and commands.
    pub plural: &'static str,
    /// What lazy people call it.
    pub short_names: &'static [&'static str],
    /// How its objects may be named.
    pub name_rule: NameRule,
    pub(crate) standing: Standing,
}

/// What becomes of objects of a kind.
#[derive(Clone, Copy)]
pub(crate) enum Standing {
    /// They are read.
    Read(Reader),
    /// They are known, but nothing acts on them.
    Outside,
    /// They ask for protection that nothing enforces.
    Security,
    /// They ask for protection if they say STRICT.
    PeerAuthentication,
}

impl KindInfo {
    /// `group/version`, or the version alone in the core group.
    pub fn api_version(&self, version: &str) -> String {
        if self.kind.group.is_empty() {
            version.to_string()
        } else {
            format!("{}/{version}", self.kind.group)
        }
    }

    /// Whether the mesh acts on objects of this kind.
    pub fn is_read(&self) -> bool {
        matches!(self.standing, Standing::Read(_))
    }
}

/// Every kind that is known, those that are read first.
pub fn kinds() -> impl Iterator<Item = &'static KindInfo> {
    READ.iter().chain(OUTSIDE)
}

/// The kind of that group and name.
pub fn find(group: &str, kind: &str) -> Option<&'static KindInfo> {
    kinds().find(|info| info.kind.group == group && info.kind.kind == kind)
}

/// What is known of a kind that is read.
pub fn info(kind: Kind) -> Option<&'static KindInfo> {
    READ.iter().find(|info| info.kind == kind)
}

const NETWORKING: &[&str] = &["v1", "v1beta1", "v1alpha3"];

const fn read(
    kind: Kind,
    versions: &'static [&'static str],
    plural: &'static str,
    short_names: &'static [&'static str],
    reader: Reader,
) -> KindInfo {
    KindInfo {
        kind,
        versions,
        namespaced: true,
        plural,
        short_names,
        name_rule: NameRule::Subdomain,
        standing: Standing::Read(reader),
    }
}

static READ: &[KindInfo] = &[
    KindInfo {
        namespaced: false,
        name_rule: NameRule::Label,
        ..read(Kind::NAMESPACE, &["v1"], "namespaces", &["ns"], |n, s| usual(n, s, Resource::Namespace))
    },
    KindInfo {
        name_rule: NameRule::Label,
        ..read(Kind::SERVICE, &["v1"], "services", &["svc"], |n, s| usual(n, s, Resource::Service))
    },
    read(Kind::SERVICE_ACCOUNT, &["v1"], "serviceaccounts", &["sa"], service_account),
    read(Kind::POD, &["v1"], "pods", &["po"], pod),
    read(Kind::DEPLOYMENT, &["v1"], "deployments", &["deploy"], |n, s| usual(n, s, Resource::Deployment)),
    read(Kind::SERVICE_ENTRY, NETWORKING, "serviceentries", &["se"], |n, s| {
        usual(n, s, Resource::ServiceEntry)
    }),
    read(Kind::WORKLOAD_ENTRY, NETWORKING, "workloadentries", &["we"], |n, s| {
        usual(n, s, Resource::WorkloadEntry)
    }),
    read(Kind::VIRTUAL_SERVICE, NETWORKING, "virtualservices", &["vs"], |n, s| {
        usual(n, s, Resource::VirtualService)
    }),
    read(Kind::DESTINATION_RULE, NETWORKING, "destinationrules", &["dr"], |n, s| {
        usual(n, s, Resource::DestinationRule)
    }),
    read(Kind::GATEWAY, NETWORKING, "gateways", &["gw"], |n, s| usual(n, s, Resource::Gateway)),
];

const fn outside(
    group: &'static str,
    versions: &'static [&'static str],
    kind: &'static str,
    plural: &'static str,
) -> KindInfo {
    KindInfo {
        kind: Kind { group, kind },
        versions,
        namespaced: true,
        plural,
        short_names: &[],
        name_rule: NameRule::Subdomain,
        standing: Standing::Outside,
    }
}

const fn cluster_wide(
    group: &'static str,
    versions: &'static [&'static str],
    kind: &'static str,
    plural: &'static str,
) -> KindInfo {
    KindInfo { namespaced: false, ..outside(group, versions, kind, plural) }
}

const ISTIO: &str = "networking.istio.io";
const SECURITY: &str = "security.istio.io";
const GATEWAY_API: &str = "gateway.networking.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";

static OUTSIDE: &[KindInfo] = &[
    outside(ISTIO, NETWORKING, "Sidecar", "sidecars"),
    outside(ISTIO, &["v1alpha3"], "EnvoyFilter", "envoyfilters"),
    KindInfo { short_names: &["wg"], ..outside(ISTIO, NETWORKING, "WorkloadGroup", "workloadgroups") },
    outside(ISTIO, &["v1beta1"], "ProxyConfig", "proxyconfigs"),
    KindInfo {
        short_names: &["ap"],
        standing: Standing::Security,
        ..outside(SECURITY, &["v1", "v1beta1"], "AuthorizationPolicy", "authorizationpolicies")
    },
    KindInfo {
        short_names: &["pa"],
        standing: Standing::PeerAuthentication,
        ..outside(SECURITY, &["v1", "v1beta1"], "PeerAuthentication", "peerauthentications")
    },
    KindInfo {
        short_names: &["ra"],
        standing: Standing::Security,
        ..outside(SECURITY, &["v1", "v1beta1"], "RequestAuthentication", "requestauthentications")
    },
    KindInfo {
        short_names: &["telemetry"],
        ..outside("telemetry.istio.io", &["v1", "v1alpha1"], "Telemetry", "telemetries")
    },
    outside("extensions.istio.io", &["v1alpha1"], "WasmPlugin", "wasmplugins"),
    outside("extensions.istio.io", &["v1alpha1"], "TrafficExtension", "trafficextensions"),
    outside(GATEWAY_API, &["v1", "v1beta1"], "Gateway", "gateways"),
    cluster_wide(GATEWAY_API, &["v1", "v1beta1"], "GatewayClass", "gatewayclasses"),
    outside(GATEWAY_API, &["v1", "v1beta1"], "HTTPRoute", "httproutes"),
    outside(GATEWAY_API, &["v1"], "GRPCRoute", "grpcroutes"),
    outside(GATEWAY_API, &["v1alpha2"], "TCPRoute", "tcproutes"),
    outside(GATEWAY_API, &["v1", "v1alpha3", "v1alpha2"], "TLSRoute", "tlsroutes"),
    outside(GATEWAY_API, &["v1beta1"], "ReferenceGrant", "referencegrants"),
    outside("", &["v1"], "ConfigMap", "configmaps"),
    outside("", &["v1"], "Secret", "secrets"),
    outside("", &["v1"], "Endpoints", "endpoints"),
    outside("", &["v1"], "Event", "events"),
    outside("", &["v1"], "LimitRange", "limitranges"),
    outside("", &["v1"], "PersistentVolumeClaim", "persistentvolumeclaims"),
    outside("", &["v1"], "PodTemplate", "podtemplates"),
    outside("", &["v1"], "ReplicationController", "replicationcontrollers"),
    outside("", &["v1"], "ResourceQuota", "resourcequotas"),
    cluster_wide("", &["v1"], "Node", "nodes"),
    cluster_wide("", &["v1"], "PersistentVolume", "persistentvolumes"),
    outside("apps", &["v1"], "StatefulSet", "statefulsets"),
    outside("apps", &["v1"], "DaemonSet", "daemonsets"),
    outside("apps", &["v1"], "ReplicaSet", "replicasets"),
    outside("apps", &["v1"], "ControllerRevision", "controllerrevisions"),
    outside("batch", &["v1"], "Job", "jobs"),
    outside("batch", &["v1"], "CronJob", "cronjobs"),
    outside("autoscaling", &["v2", "v1"], "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    outside("policy", &["v1"], "PodDisruptionBudget", "poddisruptionbudgets"),
    outside("networking.k8s.io", &["v1"], "Ingress", "ingresses"),
    outside("networking.k8s.io", &["v1"], "NetworkPolicy", "networkpolicies"),
    cluster_wide("networking.k8s.io", &["v1"], "IngressClass", "ingressclasses"),
    outside("discovery.k8s.io", &["v1"], "EndpointSlice", "endpointslices"),
    outside("coordination.k8s.io", &["v1"], "Lease", "leases"),
    outside(RBAC, &["v1"], "Role", "roles"),
    outside(RBAC, &["v1"], "RoleBinding", "rolebindings"),
    cluster_wide(RBAC, &["v1"], "ClusterRole", "clusterroles"),
    cluster_wide(RBAC, &["v1"], "ClusterRoleBinding", "clusterrolebindings"),
    cluster_wide("storage.k8s.io", &["v1"], "StorageClass", "storageclasses"),
    cluster_wide("scheduling.k8s.io", &["v1"], "PriorityClass", "priorityclasses"),
    cluster_wide("apiextensions.k8s.io", &["v1"], "CustomResourceDefinition", "customresourcedefinitions"),
    cluster_wide("apiregistration.k8s.io", &["v1"], "APIService", "apiservices"),
    cluster_wide(ADMISSION, &["v1"], "MutatingWebhookConfiguration", "mutatingwebhookconfigurations"),
    cluster_wide(ADMISSION, &["v1"], "ValidatingWebhookConfiguration", "validatingwebhookconfigurations"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_that_the_mesh_names_is_read() {
        for kind in Kind::ALL {
            assert!(info(*kind).is_some_and(KindInfo::is_read), "{kind}");
        }
        assert_eq!(READ.len(), Kind::ALL.len());
    }

    #[test]
    fn no_two_rows_stand_for_the_same() {
        let mut names: Vec<_> = kinds().map(|info| info.kind).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        for info in kinds() {
            assert!(!info.versions.is_empty() && !info.plural.is_empty(), "{}", info.kind);
        }
    }
}
