//! The native data plane as the engine: node in this process.

use thiserror::Error;

use crate::run::RunConfig;

/// Why the native data plane does not run.
#[derive(Debug, Error)]
pub enum NativeError {}

/// Runs the node until `stop` resolves, then drains it.
pub async fn run(_config: &RunConfig, stop: impl Future<Output = ()>) -> Result<(), NativeError> {
    stop.await;
    Ok(())
}
