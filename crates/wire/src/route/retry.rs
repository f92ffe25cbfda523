//! Retry policies.

use std::sync::Arc;
use std::time::Duration;

use outrigger_proto::envoy::config::route::v3::RetryPolicy as Message;
use outrigger_proto::envoy::config::route::v3::retry_policy::retry_host_predicate::ConfigType;
use outrigger_proto::envoy::config::route::v3::retry_policy::{RetryBackOff, RetryHostPredicate};
use outrigger_proto::envoy::extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate;
use outrigger_traffic::{RetryOn, RetryPolicy};

use crate::at::{At, Fault, unset};
use crate::values::number;

/// Envoy's default of the shortest pause.
const BASE: Duration = Duration::from_millis(25);

pub(super) fn read_optional(policy: Option<Message>, at: &At<'_>) -> Result<Option<Arc<RetryPolicy>>, Fault> {
    let Some(policy) = policy else { return Ok(None) };
    Ok(Some(Arc::new(read(policy, &at.field("retry_policy"))?)))
}

fn read(message: Message, at: &At<'_>) -> Result<RetryPolicy, Fault> {
    let Message {
        retry_on,
        num_retries,
        per_try_timeout,
        per_try_idle_timeout,
        retry_priority,
        retry_host_predicate,
        retry_options_predicates,
        host_selection_retry_max_attempts,
        retriable_status_codes,
        retry_back_off,
        rate_limited_retry_back_off,
        retriable_headers,
        retriable_request_headers,
        refresh_cluster_on_retry,
    } = message;
    unset!(at, per_try_idle_timeout, retry_priority, retry_options_predicates);
    unset!(at, rate_limited_retry_back_off, retriable_headers, retriable_request_headers);
    unset!(at, refresh_cluster_on_retry);
    let (on, unknown) = RetryOn::parse(&retry_on);
    if let Some(name) = unknown.first() {
        return Err(at.field("retry_on").refuse(format!("{name:?} is no known condition")));
    }
    let status = |(index, status): (usize, u32)| {
        let code = u16::try_from(status).ok().filter(|code| (100..600).contains(code));
        code.ok_or_else(|| {
            at.item("retriable_status_codes", index).refuse(format!("{status} is no HTTP status"))
        })
    };
    let (backoff_base, backoff_max) = pauses(retry_back_off, &at.field("retry_back_off"))?;
    Ok(RetryPolicy {
        on,
        status_codes: retriable_status_codes.into_iter().enumerate().map(status).collect::<Result<_, _>>()?,
        retries: number(num_retries).unwrap_or(1),
        per_try_timeout: at.timeout("per_try_timeout", per_try_timeout, None)?,
        // Envoy looks once more where nothing is said.
        host_selection_attempts: match host_selection_retry_max_attempts {
            0 => 1,
            attempts => u32::try_from(attempts)
                .map_err(|_| at.field("host_selection_retry_max_attempts").refuse("it is out of range"))?,
        },
        avoid_previous_hosts: avoids_previous(retry_host_predicate, at)?,
        backoff_base,
        backoff_max,
    })
}

fn pauses(backoff: Option<RetryBackOff>, at: &At<'_>) -> Result<(Duration, Duration), Fault> {
    let Some(RetryBackOff { base_interval, max_interval }) = backoff else { return Ok((BASE, BASE * 10)) };
    let base = at.required("base_interval", at.duration("base_interval", base_interval)?)?;
    let max = at.duration("max_interval", max_interval)?.unwrap_or(base.saturating_mul(10));
    // Envoy knows no pauses below a millisecond.
    let base = base.max(Duration::from_millis(1));
    if max < base {
        return Err(at.field("max_interval").refuse("it must not be less than base_interval"));
    }
    Ok((base, max))
}

fn avoids_previous(predicates: Vec<RetryHostPredicate>, at: &At<'_>) -> Result<bool, Fault> {
    let any = !predicates.is_empty();
    for (index, predicate) in predicates.into_iter().enumerate() {
        let at = at.item("retry_host_predicate", index);
        // The name is free; the type decides.
        let RetryHostPredicate { name: _, config_type } = predicate;
        let ConfigType::TypedConfig(config) = at.required("config_type", config_type)?;
        let PreviousHostsPredicate {} = at.field("typed_config").unpack(&config)?;
    }
    Ok(any)
}
