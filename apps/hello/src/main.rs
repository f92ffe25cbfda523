//! One small server that plays every application of the examples: the greeting app with a backend,
//! whoami, an app that only knows its version, a plain HTTP server and a TCP echo.
//!
//! It behaves well where a mesh could otherwise be blamed: it keeps connections alive, and after
//! SIGTERM it still answers what is on its way before it lets go (see `serve`).

mod args;
mod backend;
mod http;
mod interfaces;
mod serve;
mod tcp;
mod whoami;

use std::process::ExitCode;
use std::rc::Rc;

use crate::args::{Args, Run};

fn main() -> ExitCode {
    let args = match Args::parse(std::env::args().skip(1), |name| std::env::var(name).ok()) {
        Ok(args) => args,
        Err(problem) => {
            eprintln!("hello: {problem}\n\n{}", args::USAGE);
            return ExitCode::from(2);
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(problem) => {
            eprintln!("hello: cannot start: {problem}");
            return ExitCode::FAILURE;
        }
    };
    let served = tokio::task::LocalSet::new().block_on(&runtime, run(args));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("hello: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> std::io::Result<()> {
    let listener = serve::listen(args.port)?;
    println!("{} {} listens on port {}", args.run.name(), args.version, args.port);
    let args = Rc::new(args);
    match args.run {
        Run::Tcp => serve::serve(listener, tcp::Echo::new(&args)).await,
        Run::Hello | Run::Whoami | Run::Versioned | Run::Http => {
            serve::serve(listener, http::App::new(args)).await
        }
    }
}
