//! The admin interface, with Envoy's paths and formats, so that tools and habits carry over.

mod clusters;
mod config_dump;
mod listeners;
mod render_cluster;
mod render_listener;
mod render_route;
mod stats;
mod value;

use serde_json::json;

use crate::metadata;
use crate::serve::{Answer, Question};
use crate::state::{NodeState, Readiness};

/// Paths, whether they change something, and what they do.
const PATHS: &[(&str, bool, &str)] = &[
    ("/clusters", false, "upstream cluster status (?format=json)"),
    (
        "/config_dump",
        false,
        "current configuration (?include_eds, ?resource=, ?name_regex= as a plain part of the name)",
    ),
    ("/drain_listeners", true, "drain listeners (?graceful)"),
    ("/healthcheck/fail", true, "cause the server to fail health checks"),
    ("/healthcheck/ok", true, "cause the server to pass health checks"),
    ("/help", false, "print out list of admin commands"),
    ("/listeners", false, "print listener info (?format=json)"),
    ("/logging", true, "change logging levels (?level=debug)"),
    ("/memory", false, "print current allocation"),
    ("/quitquitquit", true, "exit the server"),
    ("/ready", false, "print server state, return 200 if LIVE, otherwise return 503"),
    ("/server_info", false, "print server version/status information"),
    ("/stats", false, "print server stats (?filter=, ?usedonly, ?format=prometheus)"),
    ("/stats/prometheus", false, "print server stats in prometheus format"),
];

/// Answers a question to the admin interface.
pub fn answer(state: &NodeState, question: &Question<'_>) -> Answer {
    let path = question.path;
    if PATHS.iter().any(|(name, changes, _)| *name == path && *changes)
        && question.method != http::Method::POST
    {
        return Answer::text(405, format!("Method {} not allowed, POST required.", question.method));
    }
    let is_json = question.parameter("format") == Some("json");
    match path {
        "/" | "/help" => help(),
        "/ready" => ready(state),
        "/clusters" if is_json => clusters::json(state),
        "/clusters" => clusters::text(state),
        "/listeners" if is_json => listeners::json(state),
        "/listeners" => listeners::text(state),
        "/config_dump" => config_dump::answer(state, question),
        "/stats/prometheus" => prometheus(state),
        "/stats" if question.parameter("format") == Some("prometheus") => prometheus(state),
        "/stats" => stats::text(state, question),
        "/server_info" => server_info(state),
        "/memory" => Answer::json(&json!({"allocated": resident_bytes().to_string()})),
        "/logging" => logging(state, question),
        "/drain_listeners" => {
            if question.parameter("graceful").is_some() {
                state.drain();
            } else {
                state.engine.proxy.close_listeners();
            }
            Answer::text(200, "OK\n")
        }
        "/healthcheck/fail" | "/healthcheck/ok" => {
            state.set_draining(path.ends_with("fail"));
            Answer::text(200, "OK\n")
        }
        "/quitquitquit" => {
            state.quit.notify_one();
            Answer::text(200, "OK\n")
        }
        _ => Answer::text(404, format!("invalid path. admin commands are:\n{}", help().body)),
    }
}

/// Metrics in Prometheus' text format.
pub fn prometheus(state: &NodeState) -> Answer {
    Answer {
        status: 200,
        content_type: "text/plain; version=0.0.4; charset=utf-8",
        body: state.engine.metrics(),
    }
}

fn help() -> Answer {
    let lines = PATHS
        .iter()
        .map(|(path, changes, what)| format!("  {path}{}: {what}\n", if *changes { " (POST)" } else { "" }));
    Answer::text(200, format!("admin commands are:\n{}", lines.collect::<String>()))
}

fn name(readiness: Readiness) -> &'static str {
    match readiness {
        Readiness::Live => "LIVE",
        Readiness::Initializing => "PRE_INITIALIZING",
        Readiness::Draining => "DRAINING",
    }
}

fn ready(state: &NodeState) -> Answer {
    let readiness = state.readiness();
    let status = if readiness == Readiness::Live { 200 } else { 503 };
    Answer::text(status, format!("{}\n", name(readiness)))
}

fn server_info(state: &NodeState) -> Answer {
    let uptime = format!("{}s", state.started.elapsed().as_secs());
    Answer::json(&json!({
        "version": format!("outrigger/{}", env!("CARGO_PKG_VERSION")),
        "state": name(state.readiness()),
        "hot_restart_version": "disabled",
        "uptime_current_epoch": uptime,
        "uptime_all_epochs": uptime,
        "command_line_options": {
            "concurrency": state.config.workers,
            "drain_time": format!("{}s", state.config.drain_time.as_secs_f64()),
        },
        "node": metadata::shown(&state.config),
    }))
}

fn logging(state: &NodeState, question: &Question<'_>) -> Answer {
    let Some(level) = question.parameter("level").or_else(|| question.parameter("paths")) else {
        return Answer::text(400, "which level? POST /logging?level=debug\n");
    };
    match &state.config.log_level {
        None => Answer::text(501, "the log level of this program cannot be changed\n"),
        Some(set) => match (set.0)(level) {
            Ok(()) => Answer::text(200, format!("active loggers:\n  all: {level}\n")),
            Err(why) => Answer::text(400, format!("{why}\n")),
        },
    }
}

/// Resident memory of this process, as the kernel sees it.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() * 1024
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn help_names_each_path_once() {
        let paths: BTreeSet<&str> = PATHS.iter().map(|(path, ..)| *path).collect();
        assert_eq!(paths.len(), PATHS.len());
    }
}
