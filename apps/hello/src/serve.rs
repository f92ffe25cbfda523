//! Accepting connections, and letting go of them.
//!
//! After SIGTERM connections are still accepted for a moment, because callers that have not heard
//! of it yet may have one under way; every answer from then on closes its connection; then the
//! listener goes, and what is in flight is finished within a bound.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How long idle connections and newcomers are still served after SIGTERM.
const LAME_DUCK: Duration = Duration::from_millis(500);
/// How long answers in flight may take after that.
const GRACE: Duration = Duration::from_secs(10);

/// How far the end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Serving,
    /// Every answer closes its connection.
    Closing,
    /// Idle connections are closed; only what is in flight goes on.
    Finishing,
}

/// What a server does with one connection.
pub trait Handler: 'static {
    fn handle(
        self: Rc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        phase: watch::Receiver<Phase>,
    ) -> impl Future<Output = ()>;
}

/// Listens on every address; one socket for both families where IPv6 exists.
pub fn listen(port: u16) -> io::Result<TcpListener> {
    let listener = StdListener::bind((Ipv6Addr::UNSPECIFIED, port))
        .or_else(|_| StdListener::bind((Ipv4Addr::UNSPECIFIED, port)))
        .map_err(|e| io::Error::new(e.kind(), format!("cannot listen on port {port}: {e}")))?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Serves until SIGTERM or SIGINT, then ends gracefully. Runs inside a `LocalSet`.
pub async fn serve(listener: TcpListener, handler: impl Handler) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (phase, _) = watch::channel(Phase::Serving);
    let handler = Rc::new(handler);
    let open = Rc::new(Cell::new(0_usize));
    tokio::select! {
        () = accept(&listener, &handler, &phase, &open) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    println!("stopping, {} connections are open", open.get());
    phase.send_replace(Phase::Closing);
    // The timeout is the expected way out: `accept` never ends by itself.
    let _ = tokio::time::timeout(LAME_DUCK, accept(&listener, &handler, &phase, &open)).await;
    drop(listener);
    phase.send_replace(Phase::Finishing);
    let _ = tokio::time::timeout(GRACE, phase.closed()).await;
    Ok(())
}

async fn accept<H: Handler>(
    listener: &TcpListener,
    handler: &Rc<H>,
    phase: &watch::Sender<Phase>,
    open: &Rc<Cell<usize>>,
) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are small; waiting to fill a packet would only add delay.
                let _ = stream.set_nodelay(true);
                let (handler, phase, open) = (handler.clone(), phase.subscribe(), open.clone());
                open.set(open.get() + 1);
                tokio::task::spawn_local(async move {
                    handler.handle(stream, peer, phase).await;
                    open.set(open.get() - 1);
                });
            }
            Err(problem) => {
                eprintln!("cannot accept: {problem}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}
