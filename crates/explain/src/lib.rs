//! What would become of a request, without a socket: manifests go through the production code of
//! `mesh`, `compile`, `wire` and `traffic`, and the last one's [`Trace`](outrigger_traffic::Trace)
//! tells why each candidate was chosen or rejected. So what is explained is what happens.
//!
//! ```text
//! Manifests ─mesh─▶ snapshot ─compile─▶ resources ─wire─▶ traffic's types ─course─▶ Explanation
//! Request ─origin─▶ proxy ──────┘          └── names ─▶ destination ─────────┘
//! ```
//!
//! Called by the command `outrigger explain` and by simulation tests. The JSON form of [`Explanation`]
//! is a contract; its version counts up when a field changes its meaning or goes.

mod asked;
mod bound;
mod course;
mod destination;
mod endpoints;
mod explanation;
mod inbound;
mod loaded;
mod manifests;
mod origin;
mod outbound;
mod recorder;
mod request;
mod rivals;
mod scene;
mod text;

pub use explanation::{
    ClusterShare, Direction, EndpointShare, Explanation, Outcome, OutcomeKind, Rejected, Stage, Step,
};
pub use manifests::{Manifests, ProxyHost, ReadError};
pub use request::{Arrival, HttpRequest, Origin, ProxyOrigin, Request, RequestError, WorkloadName};
pub use scene::Setting;

use scene::Scene;
use thiserror::Error;

/// Why there is nothing to explain: the request does not fit the manifests.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ExplainError {
    /// Nobody has that name.
    #[error("there is no {wanted}{hint}")]
    UnknownOrigin {
        /// What was looked for.
        wanted: String,
        /// Names that exist, as a sentence of its own; may be empty.
        hint: String,
    },
    /// Several have that name.
    #[error("{name} may be {}; name it as KIND/NAMESPACE/NAME", candidates.join(" or "))]
    AmbiguousOrigin {
        /// What was written.
        name: String,
        /// Who has that name.
        candidates: Vec<String>,
    },
    /// The receiving side cannot be told.
    #[error("{0}")]
    NoReceiver(String),
}

/// What becomes of a request.
pub fn explain(
    manifests: &Manifests,
    setting: &Setting,
    request: &Request,
) -> Result<Explanation, ExplainError> {
    let scene = Scene::new(manifests, setting);
    let vantage = origin::find(&scene, &request.origin)?;
    let mut explanation = if request.inbound {
        inbound::explain(&scene, &vantage, &request.arrival)?
    } else if vantage.is_gateway() {
        outbound::through_gateway(&scene, &vantage, &request.arrival)
    } else {
        outbound::from_sidecar(&scene, &vantage, &request.arrival)
    };
    explanation.warnings.extend(scene.warnings());
    explanation.tidy_warnings();
    Ok(explanation)
}

#[cfg(test)]
mod tests;
