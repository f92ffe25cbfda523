//! The TCP application: every line comes back with the version in front of it. The client speaks
//! first, as HTTP's do, so that a proxy that sniffs need not wait for its timeout.

use std::net::SocketAddr;
use std::rc::Rc;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::args::Args;
use crate::serve::{Handler, Phase};

pub struct Echo {
    prefix: String,
}

impl Echo {
    pub fn new(args: &Args) -> Echo {
        Echo { prefix: format!("{} ", args.name.as_deref().unwrap_or(&args.version)) }
    }

    async fn echo(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let (read, mut write) = stream.split();
        let mut lines = BufReader::new(read);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).await? > 0 {
            write.write_all(self.prefix.as_bytes()).await?;
            write.write_all(&line).await?;
            line.clear();
        }
        write.shutdown().await
    }
}

impl Handler for Echo {
    async fn handle(self: Rc<Self>, stream: TcpStream, _: SocketAddr, mut phase: watch::Receiver<Phase>) {
        tokio::select! {
            // A peer that goes away is no event for an echo.
            _ = self.echo(stream) => {}
            _ = phase.wait_for(|phase| *phase == Phase::Finishing) => {}
        }
    }
}
