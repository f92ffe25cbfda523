//! The program `outrigger`: the control plane, and everything a person types.

mod admin;
mod arguments;
mod demo;
mod explain;
mod proxy_status;
mod up;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::{Arguments, Command};

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("OUTRIGGER_LOG").unwrap_or_else(|_| "info".into()),
        )
        .init();
    match Arguments::parse().command {
        Command::Up(arguments) => up::run(arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Explain(arguments) => explain::run(*arguments),
        Command::ProxyStatus(arguments) => proxy_status::run(&arguments),
    }
}

/// Prints a result to standard output. Whoever reads it may have had enough (`| head`): that is no
/// failure.
fn print(text: impl std::fmt::Display) {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    let _ = write!(out, "{text}").and_then(|()| out.flush());
}

/// Prints why something cannot be done, and gives the exit code for it.
fn fail(code: u8, message: impl std::fmt::Display) -> ExitCode {
    eprintln!("outrigger: {message}");
    ExitCode::from(code)
}
