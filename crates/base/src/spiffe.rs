use std::fmt;
use std::sync::Arc;

/// The identity of a workload: `spiffe://TRUST-DOMAIN/ns/NAMESPACE/sa/SERVICE-ACCOUNT`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpiffeId {
    /// Whose authority the identity rests on.
    pub trust_domain: Arc<str>,
    /// Namespace of the service account.
    pub namespace: Arc<str>,
    /// Service account.
    pub service_account: Arc<str>,
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spiffe://{}/ns/{}/sa/{}", self.trust_domain, self.namespace, self.service_account)
    }
}
