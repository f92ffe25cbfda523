//! The program `outrigger-proxy`: what stands beside a workload, or alone as a gateway.

mod arguments;

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use outrigger_agent::{LogLevel, RunConfig, hold_until_parent_dies, run};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, reload};

use crate::arguments::{Arguments, Command};

/// The proxy allocates many small buffers from several threads and must give memory back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("OUTRIGGER_LOG").unwrap_or_else(|_| "info".into());
    let (filter, handle) = reload::Layer::new(filter);
    let print = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    tracing_subscriber::registry().with(filter).with(print).init();
    let log_level = LogLevel(Arc::new(move |directives: &str| {
        let filter = EnvFilter::try_new(directives).map_err(|e| e.to_string())?;
        handle.reload(filter).map_err(|e| e.to_string())
    }));
    match Arguments::parse().command {
        Command::CaptureGuard { run } => {
            hold_until_parent_dies(&run);
            ExitCode::SUCCESS
        }
        Command::Run(arguments) => match arguments.into_config(|name| std::env::var(name).ok()) {
            Err(message) => {
                eprintln!("outrigger-proxy: {message}");
                ExitCode::from(2)
            }
            Ok(config) => match run(RunConfig { log_level: Some(log_level), ..config }) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("outrigger-proxy: {error}");
                    ExitCode::FAILURE
                }
            },
        },
    }
}
