//! `outrigger up`.

use std::process::ExitCode;
use std::sync::Arc;

use outrigger_base::{ClusterId, Diagnostic, Network, Severity};
use outrigger_control::{Config, StartError, start};
use tokio::signal::unix::{SignalKind, signal};

use crate::arguments::UpArguments;
use crate::fail;

/// Runs a control plane until SIGTERM or Ctrl-C.
pub fn run(arguments: UpArguments) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(1, error),
    };
    let code = runtime.block_on(serve(arguments));
    // Streams of proxies that are still connected do not hold up the end.
    runtime.shutdown_background();
    code
}

async fn serve(arguments: UpArguments) -> ExitCode {
    let mut config = Config::new(arguments.filename);
    config.xds = arguments.xds;
    config.admin = arguments.admin;
    config.mesh_config = arguments.mesh_config;
    config.cluster = ClusterId::new(arguments.cluster_id);
    config.network = Network::new(arguments.network);
    config.allow_unenforced = arguments.allow_unenforced;
    config.observer = Arc::new(|finding: &Diagnostic| eprintln!("{finding}"));
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
        return fail(1, "cannot listen for signals");
    };
    let control = match start(config).await {
        Ok(control) => control,
        Err(error) => return refuse(&error),
    };
    println!("xDS on {}, admin on {}", control.xds(), control.admin());
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    ExitCode::SUCCESS
}

/// Says why the control plane does not start, and what the operator can do.
fn refuse(error: &StartError) -> ExitCode {
    let code = fail(1, error);
    if let StartError::SecurityNotEnforced { diagnostics } = error {
        let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
        eprintln!(
            "  {errors} named above; remove what asks for it, or start with --allow-unenforced if traffic \
             without that protection is acceptable"
        );
    }
    code
}
