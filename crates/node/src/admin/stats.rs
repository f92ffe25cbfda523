//! /stats: counters in Envoy's plain form.

use std::fmt::Write;

use crate::serve::{Answer, Question};
use crate::state::{NodeState, Readiness};

pub fn text(state: &NodeState, question: &Question<'_>) -> Answer {
    let filter = question.parameter("filter").unwrap_or_default();
    let used_only = question.parameter("usedonly").is_some();
    let mut out = String::new();
    let mut line = |name: &str, value: u64| {
        if name.contains(filter) && (value > 0 || !used_only) {
            writeln!(out, "{name}: {value}").expect("writing to a string cannot fail");
        }
    };
    for cluster in state.engine.proxy.clusters() {
        let Some(totals) = cluster.totals else { continue };
        for (name, value) in totals.cluster {
            line(&format!("cluster.{}.upstream_{name}", cluster.entry.cluster.name), value);
        }
    }
    line("downstream_cx_active", state.engine.proxy.connections() as u64);
    line("server.live", u64::from(state.readiness() == Readiness::Live));
    line("server.uptime", state.started.elapsed().as_secs());
    Answer::text(200, out)
}
