//! A delta ADS client. It keeps one stream to the control plane alive and tells a [`Sink`] what
//! arrives; the sink says what it wants next. The client outlives the control plane: it reconnects
//! for ever and resumes with the versions that it holds, so that only differences travel.

mod connection;
mod sink;
mod stream;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::time::Duration;

use outrigger_proto::envoy::config::core::v3::Node;
use outrigger_proto::type_url;
use rand::Rng;
use thiserror::Error;
use tracing::{debug, warn};

pub use sink::{Connection, Received, Rejected, Sink, Wanted};

use stream::State;

/// How a client connects.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the control plane is: `HOST:PORT` or `http://HOST:PORT`.
    pub target: String,
    /// Who the client is.
    pub node: Node,
    /// The types it takes, in the order in which they are asked for: what others depend on first.
    pub types: Vec<&'static str>,
    /// SO_MARK of its connections, where capture lets only marked ones through. Needs CAP_NET_ADMIN.
    pub mark: Option<u32>,
    /// When connections are given up and tried again.
    pub timing: ClientTiming,
}

/// When connections are given up and tried again. The defaults see a control plane that comes back
/// within two seconds: at worst one whole wait and one connection attempt are under way.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientTiming {
    /// The first wait after a stream is lost; it doubles with each further failure.
    pub retry_min: Duration,
    /// The longest wait. Jitter only ever shortens it.
    pub retry_max: Duration,
    /// How long one connection attempt may take.
    pub connect: Duration,
    /// How long a connection may be silent before it is asked for a sign of life.
    pub keepalive_interval: Duration,
    /// How long the sign of life may take before the connection counts as lost.
    pub keepalive_timeout: Duration,
}

impl Default for ClientTiming {
    fn default() -> Self {
        ClientTiming {
            retry_min: Duration::from_millis(100),
            retry_max: Duration::from_millis(900),
            connect: Duration::from_secs(1),
            keepalive_interval: Duration::from_secs(5),
            keepalive_timeout: Duration::from_secs(5),
        }
    }
}

impl Config {
    /// A client of the four types that a proxy takes, with the usual timing.
    pub fn new(target: impl Into<String>, node: Node) -> Config {
        Config {
            target: target.into(),
            node,
            types: vec![type_url::CLUSTER, type_url::ENDPOINT, type_url::LISTENER, type_url::ROUTE],
            mark: None,
            timing: ClientTiming::default(),
        }
    }
}

/// The configuration cannot work, now or ever.
#[derive(Debug, Error)]
#[error("'{target}' is no address of a control plane: {why}")]
pub struct BadTarget {
    /// As configured.
    pub target: String,
    why: String,
}

/// Keeps a stream to the control plane and feeds the sink, until it is dropped.
///
/// The sink is called on this task for small messages and on a blocking thread for large ones, so
/// that the runtime of the caller stays responsive.
pub async fn run<S: Sink>(config: Config, sink: S) -> Result<Infallible, BadTarget> {
    let endpoint = connection::endpoint(&config.target, &config.timing)
        .map_err(|why| BadTarget { target: config.target.clone(), why })?;
    let connector = connection::Connector::new(config.mark);
    let mut retry = Retry::new(&config.timing);
    let mut state = State::new(config.node, config.types, sink);
    loop {
        let lost = match endpoint.connect_with_connector(connector.clone()).await {
            Err(error) => describe(&error),
            Ok(channel) => {
                let lost = state.follow(channel).await;
                if state.heard {
                    retry.reset();
                }
                lost
            }
        };
        let wait = retry.next();
        if retry.attempts == 1 {
            warn!(target = %config.target, reason = %lost, "the control plane is lost, trying again");
        } else {
            debug!(target = %config.target, reason = %lost, ?wait, "no control plane yet");
        }
        state.lost(lost);
        tokio::time::sleep(wait).await;
    }
}

/// An error with everything that caused it; tonic says only "transport error" by itself.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

/// Exponential waits with jitter that never makes a wait longer than the cap.
struct Retry {
    min: Duration,
    max: Duration,
    attempts: u32,
}

impl Retry {
    fn new(timing: &ClientTiming) -> Self {
        Retry { min: timing.retry_min, max: timing.retry_max, attempts: 0 }
    }

    fn reset(&mut self) {
        self.attempts = 0;
    }

    fn next(&mut self) -> Duration {
        let full = self.min.saturating_mul(1 << self.attempts.min(16)).min(self.max);
        self.attempts = self.attempts.saturating_add(1);
        // Half of the wait is fixed, so that many clients spread out but none hammers.
        full.mul_f64(rand::rng().random_range(0.5..=1.0))
    }
}
