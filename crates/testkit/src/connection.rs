use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a peer may be silent before a test gives up on it.
const SILENCE: Duration = Duration::from_secs(10);

/// A request or a response as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// The request line or the status line.
    pub start: String,
    /// Names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
    /// The body, chunks put together.
    pub body: String,
    /// Fields behind the last chunk.
    pub trailers: Vec<(String, String)>,
}

impl Message {
    /// The first header of a name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// How often a header is there.
    pub fn count(&self, name: &str) -> usize {
        self.headers.iter().filter(|(n, _)| n == name).count()
    }

    /// A response's status; 0 for anything else.
    pub fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0)
    }

    /// A request's target.
    pub fn target(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }
}

/// One HTTP/1 connection, either side of it, whose messages can follow each other.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects.
    ///
    /// # Panics
    /// If the address is not one of loopback.
    pub fn open(address: SocketAddr) -> Result<Connection> {
        assert!(address.ip().is_loopback(), "tests talk to loopback only, not to {address}");
        Connection::of(TcpStream::connect_timeout(&address, Duration::from_secs(2))?)
    }

    /// Takes an accepted connection over.
    pub fn of(stream: TcpStream) -> Result<Connection> {
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_nodelay(true)?;
        Ok(Connection { stream, buffer: Vec::new() })
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Sends a request and reads its response.
    pub fn ask(&mut self, request: &str) -> Result<Message> {
        self.send(request)?;
        self.response(request.starts_with("HEAD "))
    }

    /// Reads a request with its body.
    pub fn request(&mut self) -> Result<Message> {
        let mut message = self.head()?;
        self.body(&mut message)?;
        Ok(message)
    }

    /// Reads one response, interim ones included; one without a length lasts until the end.
    pub fn response(&mut self, to_head: bool) -> Result<Message> {
        let mut message = self.head()?;
        if to_head || matches!(message.status(), 100..=199 | 204 | 304) {
            return Ok(message);
        }
        if !self.body(&mut message)? {
            while self.more()? {}
            message.body = lossy(&std::mem::take(&mut self.buffer));
        }
        Ok(message)
    }

    /// Reads a start line and headers.
    pub fn head(&mut self) -> Result<Message> {
        Ok(Message { start: self.line()?, headers: self.fields()?, ..Message::default() })
    }

    /// Reads the next chunk; empty: the last one, whose trailers are still to be read.
    pub fn chunk(&mut self) -> Result<String> {
        let line = self.line()?;
        let size = line.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16)
            .map_err(|_| Error::other(format!("{line:?} is not the size of a chunk")))?;
        let data = self.bytes(size)?;
        if size > 0 && !self.line()?.is_empty() {
            return Err(Error::other("a chunk does not end where it says"));
        }
        Ok(lossy(&data))
    }

    /// Reads exactly so many bytes.
    pub fn bytes(&mut self, count: usize) -> Result<Vec<u8>> {
        while self.buffer.len() < count {
            self.need()?;
        }
        Ok(self.buffer.drain(..count).collect())
    }

    /// Waits for the peer to end the connection, without another byte.
    pub fn is_closed(&mut self) -> bool {
        self.buffer.is_empty()
            && match self.more() {
                Ok(more) => !more,
                Err(error) => error.kind() == ErrorKind::ConnectionReset,
            }
    }

    /// The socket itself, for what this type does not do. Bytes already read stay behind.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Reads a body that says how long it is; false if it does not.
    fn body(&mut self, message: &mut Message) -> Result<bool> {
        if let Some(length) = message.header("content-length") {
            let length = length.parse().map_err(|_| Error::other("the content-length is no number"))?;
            message.body = lossy(&self.bytes(length)?);
        } else if message.header("transfer-encoding").is_some() {
            loop {
                let chunk = self.chunk()?;
                if chunk.is_empty() {
                    break;
                }
                message.body.push_str(&chunk);
            }
            message.trailers = self.fields()?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Reads headers or trailers and the empty line behind them.
    pub fn fields(&mut self) -> Result<Vec<(String, String)>> {
        let mut fields = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(fields);
            }
            let (name, value) =
                line.split_once(':').ok_or_else(|| Error::other(format!("{line:?} is no field")))?;
            fields.push((name.to_ascii_lowercase(), value.trim().to_string()));
        }
    }

    fn line(&mut self) -> Result<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|w| w == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).take(end).collect();
                return Ok(lossy(&line));
            }
            self.need()?;
        }
    }

    fn need(&mut self) -> Result<()> {
        if self.more()? { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }

    fn more(&mut self) -> Result<bool> {
        let mut bytes = [0; 16 * 1024];
        let count = self.stream.read(&mut bytes)?;
        self.buffer.extend_from_slice(&bytes[..count]);
        Ok(count > 0)
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
