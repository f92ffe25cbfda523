//! The program `outrigger-proxy`: what stands beside a workload, or alone as a gateway.

mod arguments;

use std::process::ExitCode;

use clap::Parser as _;
use outrigger_agent::{hold_until_parent_dies, run};

use crate::arguments::{Arguments, Command};

/// The proxy allocates many small buffers from several threads and must give memory back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("OUTRIGGER_LOG").unwrap_or_else(|_| "info".into()),
        )
        .init();
    match Arguments::parse().command {
        Command::CaptureGuard => {
            hold_until_parent_dies();
            ExitCode::SUCCESS
        }
        Command::Run(arguments) => match arguments.into_config(|name| std::env::var(name).ok()) {
            Err(message) => {
                eprintln!("outrigger-proxy: {message}");
                ExitCode::from(2)
            }
            Ok(config) => match run(config) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("outrigger-proxy: {error}");
                    ExitCode::FAILURE
                }
            },
        },
    }
}
