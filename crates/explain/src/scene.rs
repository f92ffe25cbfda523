//! What exists at the moment that is explained.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::IpAddr;

use outrigger_api::{Change, MeshConfig};
use outrigger_base::{ClusterId, Diagnostic, Host, Network, constants};
use outrigger_mesh::{Mesh, Options, Snapshot};

use crate::manifests::Manifests;

/// What holds for the whole mesh.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Mesh-wide settings.
    pub config: MeshConfig,
    /// The cluster of all workloads.
    pub cluster: ClusterId,
    /// The network of pods.
    pub network: Network,
}

impl Default for Setting {
    fn default() -> Self {
        Setting {
            config: MeshConfig::default(),
            cluster: ClusterId::new(constants::DEFAULT_CLUSTER_ID),
            network: Network::default(),
        }
    }
}

/// The mesh as the manifests make it.
pub(crate) struct Scene<'a> {
    pub(crate) manifests: &'a Manifests,
    pub(crate) setting: &'a Setting,
    pub(crate) mesh: Snapshot,
    pub(crate) names: BTreeMap<Host, Vec<IpAddr>>,
    /// What was found on the way.
    found: RefCell<Vec<Diagnostic>>,
}

impl<'a> Scene<'a> {
    pub(crate) fn new(manifests: &'a Manifests, setting: &'a Setting) -> Scene<'a> {
        let options = Options { cluster: setting.cluster.clone(), network: setting.network.clone() };
        let mut mesh = Mesh::new(setting.config.clone(), options);
        mesh.apply(manifests.resources().cloned().map(Change::Upsert).collect());
        let mesh = mesh.snapshot();
        let names = mesh.names();
        Scene { manifests, setting, mesh, names, found: RefCell::default() }
    }

    pub(crate) fn domain(&self) -> &str {
        &self.mesh.config.domain
    }

    /// Keeps findings for the end.
    pub(crate) fn report(&self, diagnostics: &[Diagnostic]) {
        self.found.borrow_mut().extend(diagnostics.iter().cloned());
    }

    /// Everything that was found, in words: about the manifests, the mesh, and the proxies that were
    /// looked at.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let found = self.found.borrow();
        let later = self.mesh.diagnostics.iter().chain(found.iter()).cloned();
        let later = later.map(|diagnostic| self.manifests.locate(diagnostic));
        let all = self.manifests.diagnostics().iter().cloned().chain(later);
        all.map(|diagnostic| diagnostic.to_string()).collect()
    }
}
