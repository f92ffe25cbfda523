//! The answer for people: step by step, then what comes of it.

use std::fmt;

use crate::endpoints::{join, percent};
use crate::explanation::{ClusterShare, Direction, Explanation, OutcomeKind, Step};

/// Candidates of one step that are listed; the JSON form has all.
const LISTED: usize = 8;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            write_step(f, index + 1, step)?;
        }
        writeln!(f)?;
        self.write_outcome(f)?;
        for cluster in &self.clusters {
            write_cluster(f, cluster)?;
        }
        if !self.warnings.is_empty() {
            writeln!(f, "\nWarnings:")?;
            for warning in &self.warnings {
                writeln!(f, "  {warning}")?;
            }
        }
        Ok(())
    }
}

fn write_step(f: &mut fmt::Formatter<'_>, number: usize, step: &Step) -> fmt::Result {
    let chosen = step.chosen.as_deref().unwrap_or("none");
    writeln!(f, "{number:>2}. {:<13} {chosen}", step.stage.title())?;
    writeln!(f, "    {:<13} {}", "", step.why)?;
    if let Some(object) = &step.object {
        writeln!(f, "    {:<13} decided by {object}", "")?;
    }
    for rejected in step.rejected.iter().take(LISTED) {
        writeln!(f, "    {:<13} not {}: {}", "", rejected.candidate, rejected.why)?;
    }
    if step.rejected.len() > LISTED {
        writeln!(f, "    {:<13} and {} more were not chosen", "", step.rejected.len() - LISTED)?;
    }
    Ok(())
}

impl Explanation {
    fn write_outcome(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.direction {
            Direction::Outbound => "The caller's sidecar",
            Direction::Inbound => "The receiver's sidecar",
            Direction::Gateway => "The gateway",
        };
        write!(f, "{side} {}", sentence(self.outcome.kind))?;
        match (self.outcome.status, self.outcome.flag) {
            (Some(status), Some(flag)) => writeln!(f, " ({status}, flag {flag})"),
            (Some(status), None) => writeln!(f, " ({status})"),
            (None, Some(flag)) => writeln!(f, " (flag {flag})"),
            (None, None) => writeln!(f),
        }
    }
}

fn sentence(kind: OutcomeKind) -> &'static str {
    match kind {
        OutcomeKind::Forward => "forwards it.",
        OutcomeKind::DirectResponse => "answers it itself.",
        OutcomeKind::Redirect => "sends the client elsewhere.",
        OutcomeKind::Passthrough => "lets it pass to where the caller wanted.",
        OutcomeKind::Blackhole => "refuses it: the destination is not known.",
        OutcomeKind::NoListener => "does not see it.",
        OutcomeKind::NoFilterChain => "closes the connection: no filter chain takes it.",
        OutcomeKind::NoRoute => "has no route for it.",
        OutcomeKind::NoCluster => "does not know the destination of its route.",
        OutcomeKind::NoEndpoint => "knows nobody who could answer it.",
    }
}

fn write_cluster(f: &mut fmt::Formatter<'_>, cluster: &ClusterShare) -> fmt::Result {
    write!(f, "{:>9}  {}", percent(cluster.share), cluster.name)?;
    match cluster.outcome {
        OutcomeKind::Forward => writeln!(f)?,
        other => writeln!(f, " ({})", other.name())?,
    }
    for endpoint in &cluster.endpoints {
        let address = join(&endpoint.address, endpoint.port);
        let workload = endpoint.workload.as_deref().unwrap_or("");
        writeln!(f, "{:>9}    {} {}", percent(endpoint.share), address, workload)?;
    }
    Ok(())
}
