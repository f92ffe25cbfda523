//! Where a workload is, and the labels that say so.

use std::sync::Arc;

use outrigger_base::constants::{
    LABEL_CLUSTER, LABEL_LOCALITY, LABEL_NETWORK, LABEL_REGION, LABEL_SUBZONE, LABEL_TLS_MODE, LABEL_ZONE,
};
use outrigger_base::{ClusterId, Labels, Locality, Network};

use crate::intern::Pools;
use crate::place::TlsMode;

/// What all workloads of this control plane have in common.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    pub cluster: ClusterId,
    /// The network of pods; WorkloadEntries name their own.
    pub network: Network,
}

/// The locality that the label for it says; dots stand for slashes, unless there are slashes.
/// (istio: model.GetLocalityLabel.)
pub(super) fn labelled_locality(labels: &Labels) -> Option<Locality> {
    let path = labels.get(LABEL_LOCALITY).filter(|path| !path.is_empty())?;
    Some(if path.contains('/') { Locality::parse(path) } else { Locality::parse(&path.replace('.', "/")) })
}

/// The locality that Kubernetes writes on nodes, and on pods since 1.35.
pub(super) fn node_locality(labels: &Labels) -> Locality {
    let label = |key| Arc::from(labels.get(key).unwrap_or(""));
    Locality { region: label(LABEL_REGION), zone: label(LABEL_ZONE), subzone: label(LABEL_SUBZONE) }
}

/// The network that the label for it says.
pub(super) fn labelled_network(labels: &Labels) -> Option<Network> {
    labels.get(LABEL_NETWORK).filter(|name| !name.is_empty()).map(Network::new)
}

/// What the label for it says.
pub(super) fn labelled_tls_mode(labels: &Labels) -> Option<TlsMode> {
    labels.get(LABEL_TLS_MODE).map(|mode| if mode == "istio" { TlsMode::Istio } else { TlsMode::Disabled })
}

/// A workload's labels and those of its place, which beat what the user wrote.
/// (istio: registry/util/label `AugmentLabels`.)
pub(super) fn endpoint_labels(
    labels: &Labels,
    locality: &Locality,
    cluster: &ClusterId,
    network: &Network,
) -> Labels {
    let place = [
        (LABEL_REGION, &*locality.region),
        (LABEL_ZONE, &*locality.zone),
        (LABEL_SUBZONE, &*locality.subzone),
        (LABEL_CLUSTER, cluster.as_str()),
        (LABEL_NETWORK, network.as_str()),
    ];
    let mut all = labels.clone();
    for (key, value) in place {
        if !value.is_empty() {
            all.set(key, value);
        }
    }
    all
}

/// What of a workload is the same for many.
pub(super) struct Shared {
    pub labels: Arc<Labels>,
    pub endpoint_labels: Arc<Labels>,
    pub locality: Arc<Locality>,
}

impl Shared {
    pub(super) fn new(
        labels: Labels,
        locality: Locality,
        cluster: &ClusterId,
        network: &Network,
        pools: &mut Pools,
    ) -> Shared {
        let endpoint_labels = endpoint_labels(&labels, &locality, cluster, network);
        Shared {
            labels: pools.labels.get(labels),
            endpoint_labels: pools.labels.get(endpoint_labels),
            locality: pools.localities.get(locality),
        }
    }
}
