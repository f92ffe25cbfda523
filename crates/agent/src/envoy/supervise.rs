//! Keeps an Envoy alive: started again when it ends by itself, drained before it is stopped.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use super::EnvoyError;

/// An Envoy that lived this long was well; the pause before its next start is short again.
const WELL_AFTER: Duration = Duration::from_secs(10);
/// Starts in a row that may fail at once before it is given up.
const CRASHES: u32 = 8;

/// How Envoy is started and stopped.
#[derive(Debug, Clone)]
pub struct Launch {
    /// Its program.
    pub binary: PathBuf,
    /// Where its bootstrap is written.
    pub folder: PathBuf,
    /// Port of its admin interface, on loopback.
    pub admin_port: u16,
    /// Worker threads.
    pub workers: usize,
    /// Longest time that a stop waits for what is under way.
    pub drain: Duration,
}

/// Runs Envoy until `stop` resolves, then drains it and ends it.
pub async fn supervise(
    launch: &Launch,
    bootstrap: &Value,
    stop: impl Future<Output = ()>,
) -> Result<(), EnvoyError> {
    let path = launch.folder.join("envoy.json");
    let write = |source| EnvoyError::Bootstrap { path: path.clone(), source };
    std::fs::create_dir_all(&launch.folder).map_err(write)?;
    std::fs::write(&path, bootstrap.to_string()).map_err(write)?;
    tokio::pin!(stop);
    let mut crashes = 0;
    loop {
        let started = Instant::now();
        let mut envoy = start(launch, &path)?;
        let status = tokio::select! {
            status = envoy.wait() => status,
            () = &mut stop => {
                end(&mut envoy, launch).await;
                return Ok(());
            }
        };
        let reason = status.map_or_else(|e| e.to_string(), |s: ExitStatus| s.to_string());
        crashes = if started.elapsed() >= WELL_AFTER { 1 } else { crashes + 1 };
        if crashes > CRASHES {
            return Err(EnvoyError::CrashLoop(crashes));
        }
        let pause = Duration::from_millis(100) * 2u32.pow(crashes - 1);
        tracing::warn!(%reason, pause_ms = pause.as_millis() as u64, "Envoy ended by itself and is started again");
        tokio::select! {
            () = sleep(pause) => {}
            () = &mut stop => return Ok(()),
        }
    }
}

fn start(launch: &Launch, config: &Path) -> Result<Child, EnvoyError> {
    let mut command = Command::new(&launch.binary);
    let drain_seconds = launch.drain.as_secs().max(1).to_string();
    command
        // Every response says at once that its connection closes, as the native engine does.
        .args(["--drain-strategy", "immediate", "--drain-time-s", &drain_seconds])
        // Access logs are read while requests run; Envoy's default is ten seconds late.
        .args(["--file-flush-interval-msec", "1000"])
        .arg("--config-path")
        .arg(config)
        .args([
            "--disable-hot-restart",
            "--log-level",
            "warning",
            "--concurrency",
            &launch.workers.to_string(),
        ])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    // SAFETY: prctl and setpgid are async-signal-safe. Envoy must not outlive its supervisor, and a
    // terminal's Ctrl-C must reach the supervisor alone, which drains first.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            libc::setpgid(0, 0);
            Ok(())
        });
    }
    command.spawn().map_err(|source| EnvoyError::Start { path: launch.binary.clone(), source })
}

/// Tells Envoy to drain, waits until it has no connection or the time is up, then ends it.
async fn end(envoy: &mut Child, launch: &Launch) {
    let deadline = Instant::now() + launch.drain;
    let admin_port = launch.admin_port;
    if let Err(error) = admin(admin_port, "POST", "/drain_listeners?graceful&skip_exit").await {
        tracing::warn!(error, "Envoy's drain could not be started");
    }
    while Instant::now() < deadline {
        match admin(
            admin_port,
            "GET",
            "/stats?filter=^http\\..*downstream_cx_active$|^tcp\\..*downstream_cx_active$",
        )
        .await
        {
            Ok(stats) if active(&stats) > 0 => sleep(Duration::from_millis(50)).await,
            _ => break,
        }
    }
    if let Some(id) = envoy.id() {
        // SAFETY: a signal to a child that has not been waited for, so the id is still its own.
        unsafe { libc::kill(id as i32, libc::SIGTERM) };
    }
    if timeout(Duration::from_secs(5), envoy.wait()).await.is_err() {
        let _ = envoy.kill().await;
    }
}

/// Active connections of the workload's traffic; admin, readiness and metrics do not count.
fn active(stats: &str) -> u64 {
    let own = ["http.admin.", "http.readiness.", "http.metrics."];
    let lines = stats.lines().filter(|l| !own.iter().any(|o| l.starts_with(o)));
    lines.filter_map(|l| l.rsplit_once(": ")?.1.trim().parse::<u64>().ok()).sum()
}

async fn admin(port: u16, method: &str, path: &str) -> Result<String, String> {
    use http_body_util::BodyExt as _;
    let call = async {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.map_err(|e| e.to_string())?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
        let connection = tokio::spawn(connection);
        let request = http::Request::builder()
            .method(method)
            .uri(path.replace('|', "%7C").replace('^', "%5E").replace('\\', "%5C"))
            .header("host", "admin")
            .body(Empty::<bytes::Bytes>::new())
            .map_err(|e| e.to_string())?;
        let response = sender.send_request(request).await.map_err(|e| e.to_string())?;
        let body = response.into_body().collect().await.map_err(|e| e.to_string())?.to_bytes();
        connection.abort();
        Ok(String::from_utf8_lossy(&body).into_owned())
    };
    timeout(Duration::from_secs(1), call).await.map_err(|_| "no answer within 1 s".to_string())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_workloads_connections_hold_up_the_end() {
        let stats = "http.admin.downstream_cx_active: 2\nhttp.inbound_0.0.0.0_80.downstream_cx_active: 3\n\
                     tcp.PassthroughCluster.downstream_cx_active: 1\nhttp.metrics.downstream_cx_active: 1\n";
        assert_eq!(active(stats), 4);
        assert_eq!(active(""), 0);
    }
}
