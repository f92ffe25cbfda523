use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::connection::{Connection, Message};

/// What becomes of a connection after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It waits for the next request.
    Keep,
    /// It is closed.
    Close,
    /// It is reset.
    Reset,
}

/// An HTTP/1 server in this process that says exactly what a test wants said.
#[derive(Debug)]
pub struct Backend {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    requests: Mutex<Vec<Message>>,
    connections: AtomicUsize,
    stopped: AtomicBool,
}

impl Backend {
    /// Answers each complete request as the function does.
    pub fn start(answer: impl Fn(&Message, &mut Connection) -> Then + Send + Sync + 'static) -> Backend {
        Backend::at(Ipv4Addr::LOCALHOST.into(), answer)
    }

    /// The same on this address of loopback.
    pub fn at(
        ip: IpAddr,
        answer: impl Fn(&Message, &mut Connection) -> Then + Send + Sync + 'static,
    ) -> Backend {
        Backend::listen(ip, move |state, mut connection| {
            while let Ok(request) = connection.request() {
                state.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
                match answer(&request, &mut connection) {
                    Then::Keep => {}
                    Then::Close => break,
                    Then::Reset => return reset(connection.stream()),
                }
            }
            let _ = connection.stream().shutdown(Shutdown::Both);
        })
    }

    /// Hands each connection to the function, with nothing read of it.
    pub fn raw(serve: impl Fn(Connection) + Send + Sync + 'static) -> Backend {
        Backend::listen(Ipv4Addr::LOCALHOST.into(), move |_, connection| serve(connection))
    }

    /// Answers every request with 200 and this body.
    pub fn saying(body: &'static str) -> Backend {
        Backend::start(move |_, connection| reply(connection, 200, body))
    }

    fn listen(ip: IpAddr, serve: impl Fn(&State, Connection) + Send + Sync + 'static) -> Backend {
        assert!(ip.is_loopback(), "tests talk to loopback only, not to {ip}");
        let listener = TcpListener::bind((ip, 0)).expect("loopback has free ports");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::new(State::default());
        let (shared, serve) = (state.clone(), Arc::new(serve));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(Ok(connection)) = stream.map(Connection::of) else { continue };
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let (state, serve) = (shared.clone(), serve.clone());
                std::thread::spawn(move || serve(&state, connection));
            }
        });
        Backend { address, state }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The complete requests so far.
    pub fn requests(&self) -> Vec<Message> {
        self.state.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many connections it has accepted.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::SeqCst);
        // The listener's thread wakes, sees the flag and closes the port.
        let _ = TcpStream::connect(self.address);
    }
}

/// Answers with a status and a body of known length.
pub fn reply(connection: &mut Connection, status: u16, body: &str) -> Then {
    let head = format!("HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n\r\n", body.len());
    match connection.send(head + body) {
        Ok(()) => Then::Keep,
        Err(_) => Then::Close,
    }
}

/// Ends a connection with RST instead of FIN.
fn reset(stream: &TcpStream) {
    use std::os::fd::AsRawFd as _;
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let size = libc::socklen_t::try_from(size_of::<libc::linger>()).expect("a small struct");
    // SAFETY: the descriptor is open and the option's value outlives the call.
    unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            size,
        );
    }
}
