//! Whether and how a failed request is tried again. (istio: route/retry/retry.go)

use outrigger_api::{HttpRetry, MeshConfig};
use outrigger_proto::envoy::config::route::v3::{
    RetryPolicy,
    retry_policy::{RetryBackOff, RetryHostPredicate, retry_host_predicate::ConfigType},
};
use outrigger_proto::envoy::extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate;

use crate::encode::{any, duration, number};

const DEFAULT_ATTEMPTS: u32 = 2;
/// No status is named: a 503 that the application itself says may have had effects.
/// (istio: EXCLUDE_UNSAFE_503_FROM_DEFAULT_RETRY)
const DEFAULT_ON: &str = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes";
const BY_STATUS: &str = "retriable-status-codes";
const HOST_SELECTIONS: i64 = 5;

/// The policy of a route: its own, else the mesh's, else the default. `None`: nothing is tried again.
pub(super) fn policy(own: Option<&HttpRetry>, config: &MeshConfig) -> Option<RetryPolicy> {
    let Some(written) = own.or(config.default_http_retry_policy.as_ref()) else { return Some(default()) };
    let attempts = written.attempts.unwrap_or(0);
    if attempts == 0 {
        return None;
    }
    let mut policy = default();
    policy.num_retries = number(attempts);
    if let Some(on) = written.retry_on.as_deref().filter(|on| !on.is_empty()) {
        (policy.retry_on, policy.retriable_status_codes) = conditions(on);
    }
    policy.per_try_timeout = written.per_try_timeout.filter(|timeout| !timeout.is_zero()).map(duration);
    policy.retry_back_off = written
        .backoff
        .filter(|backoff| !backoff.is_zero())
        .map(|backoff| RetryBackOff { base_interval: Some(duration(backoff)), max_interval: None });
    if written.retry_ignore_previous_hosts == Some(false) {
        policy.retry_host_predicate.clear();
    }
    Some(policy)
}

fn default() -> RetryPolicy {
    RetryPolicy {
        retry_on: DEFAULT_ON.to_string(),
        num_retries: number(DEFAULT_ATTEMPTS),
        retry_host_predicate: vec![RetryHostPredicate {
            name: "envoy.retry_host_predicates.previous_hosts".to_string(),
            config_type: Some(ConfigType::TypedConfig(any(&PreviousHostsPredicate {}))),
        }],
        host_selection_retry_max_attempts: HOST_SELECTIONS,
        ..Default::default()
    }
}

/// Words and numbers may stand in one list; the numbers are statuses.
fn conditions(on: &str) -> (String, Vec<u32>) {
    let mut words = Vec::new();
    let mut statuses = Vec::new();
    for part in on.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        match part.parse::<u32>() {
            Ok(status) if (100..600).contains(&status) => statuses.push(status),
            _ => words.push(part),
        }
    }
    if !statuses.is_empty() && !words.contains(&BY_STATUS) {
        words.push(BY_STATUS);
    }
    (words.join(","), statuses)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_among_the_conditions_are_told_apart() {
        assert_eq!(conditions("5xx, 429"), ("5xx,retriable-status-codes".to_string(), vec![429]));
        assert_eq!(conditions("reset"), ("reset".to_string(), vec![]));
    }

    #[test]
    fn no_attempts_means_no_retries() {
        let config = MeshConfig::default();
        assert!(policy(Some(&HttpRetry { attempts: Some(0), ..Default::default() }), &config).is_none());
        assert_eq!(policy(None, &config).unwrap().num_retries.unwrap().value, 2);
    }

    #[test]
    fn the_mesh_has_the_word_where_a_route_is_silent() {
        let retry = |attempts| Some(HttpRetry { attempts: Some(attempts), ..Default::default() });
        let config = MeshConfig { default_http_retry_policy: retry(7), ..Default::default() };
        assert_eq!(policy(None, &config).unwrap().num_retries.unwrap().value, 7);
        assert_eq!(policy(retry(1).as_ref(), &config).unwrap().num_retries.unwrap().value, 1);
    }
}
