//! The loop that accepts connections on one socket of one worker.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::capture::canonical;
use crate::dispatch;
use crate::worker::Worker;

/// Pause after running out of file descriptors or memory, so that connections can end meanwhile.
const PAUSE: Duration = Duration::from_millis(50);

/// A socket of this worker.
pub struct AcceptLoop {
    /// The listener that it belongs to; it may be given to another of the same address.
    listener: RefCell<Arc<str>>,
    close: Notify,
}

impl AcceptLoop {
    /// Starts to accept. Must be called on the worker's runtime.
    pub fn start(
        socket: std::net::TcpListener,
        listener: Arc<str>,
        worker: Rc<Worker>,
    ) -> io::Result<Rc<AcceptLoop>> {
        let socket = TcpListener::from_std(socket)?;
        let this = Rc::new(AcceptLoop { listener: RefCell::new(listener), close: Notify::new() });
        tokio::task::spawn_local(this.clone().run(socket, worker));
        Ok(this)
    }

    /// Gives the socket to another listener.
    pub fn assign(&self, listener: Arc<str>) {
        self.listener.replace(listener);
    }

    /// Stops accepting. Connections that the kernel has completed already are still served.
    pub fn close(&self) {
        self.close.notify_one();
    }

    async fn run(self: Rc<Self>, socket: TcpListener, worker: Rc<Worker>) {
        let mut failing = false;
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.close.notified() => break,
                accepted = socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    failing = false;
                    self.serve(stream, peer, &worker);
                }
                Err(error) if is_about_the_peer(&error) => {}
                Err(error) => {
                    if !failing {
                        tracing::warn!(listener = %self.listener.borrow(), %error, "cannot accept connections");
                    }
                    failing = true;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        // What the kernel has completed would be reset with the socket. The runtime may not know of it
        // yet, so the kernel itself is asked.
        let Ok(socket) = socket.into_std() else { return };
        while let Ok((stream, peer)) = socket.accept() {
            if stream.set_nonblocking(true).is_ok()
                && let Ok(stream) = TcpStream::from_std(stream)
            {
                self.serve(stream, peer, &worker);
            }
        }
    }

    fn serve(&self, stream: TcpStream, peer: SocketAddr, worker: &Rc<Worker>) {
        let listener = self.listener.borrow().clone();
        tokio::task::spawn_local(dispatch::serve(stream, canonical(peer), listener, worker.clone()));
    }
}

/// Errors of one connection, which is gone; the socket is well.
fn is_about_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted, WouldBlock};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted | WouldBlock)
}
