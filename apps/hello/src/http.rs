//! The HTTP applications, on one connection loop.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::args::{Args, Run};
use crate::backend::Backend;
use crate::serve::{Handler, Phase};
use crate::{interfaces, whoami};

/// The longest pause that `/delay/MILLISECONDS` grants.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

pub struct App {
    args: Rc<Args>,
    backend: Option<Backend>,
}

/// The two ends of the connection that a request came on.
#[derive(Clone, Copy)]
struct Ends {
    local: SocketAddr,
    peer: SocketAddr,
}

struct Answer {
    status: StatusCode,
    body: Bytes,
}

impl Answer {
    fn new(status: StatusCode, body: impl Into<Bytes>) -> Answer {
        Answer { status, body: body.into() }
    }

    fn ok(body: impl Into<Bytes>) -> Answer {
        Answer::new(StatusCode::OK, body)
    }
}

impl Handler for App {
    async fn handle(self: Rc<Self>, stream: TcpStream, peer: SocketAddr, mut phase: watch::Receiver<Phase>) {
        let Ok(local) = stream.local_addr() else { return };
        let ends = Ends { local, peer };
        let closing = phase.clone();
        let service = service_fn(move |request| {
            let (app, closing) = (self.clone(), closing.clone());
            async move { Ok::<_, Infallible>(app.respond(request, ends, &closing).await) }
        });
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            _ = connection.as_mut() => {}
            _ = phase.wait_for(|phase| *phase == Phase::Finishing) => {
                connection.as_mut().graceful_shutdown();
                let _ = connection.await;
            }
        }
    }
}

impl App {
    pub fn new(args: Rc<Args>) -> App {
        let backend = args.backend.clone().filter(|_| args.run == Run::Hello).map(Backend::new);
        App { args, backend }
    }

    async fn respond(
        &self,
        request: Request<Incoming>,
        ends: Ends,
        phase: &watch::Receiver<Phase>,
    ) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let answer = match body.collect().await {
            Ok(body) => self.answer(&head, body.to_bytes(), ends).await,
            Err(problem) => Answer::new(StatusCode::BAD_REQUEST, format!("broken body: {problem}\n")),
        };
        println!("{} {} from {}: {}", head.method, head.uri, ends.peer, answer.status.as_u16());
        let mut response = Response::new(Full::new(answer.body));
        *response.status_mut() = answer.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        if *phase.borrow() != Phase::Serving {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    async fn answer(&self, head: &Parts, body: Bytes, ends: Ends) -> Answer {
        let path = head.uri.path();
        match path.strip_prefix('/').and_then(|p| p.split_once('/')).unwrap_or((path, "")) {
            ("/health", _) => Answer::ok("ok\n"),
            ("env", name) => self.variable(name),
            ("hello", name) if self.args.run == Run::Hello => self.greet(head, name, ends).await,
            _ => match self.args.run {
                Run::Whoami => Answer::ok(whoami::describe(self.args.name.as_deref(), head, ends.peer)),
                Run::Http => self.plain(head, body).await,
                Run::Versioned if path == "/" => Answer::ok(format!("{}\n", self.args.version)),
                Run::Hello | Run::Versioned | Run::Tcp => {
                    Answer::new(StatusCode::NOT_FOUND, "nothing is here\n")
                }
            },
        }
    }

    fn variable(&self, name: &str) -> Answer {
        match std::env::var(name) {
            Ok(value) => Answer::ok(value),
            Err(_) if name == "version" => Answer::ok(self.args.version.clone()),
            Err(_) => Answer::new(StatusCode::NOT_FOUND, format!("no variable {name}\n")),
        }
    }

    async fn greet(&self, head: &Parts, name: &str, ends: Ends) -> Answer {
        let word = match self.args.version.as_str() {
            "v2" => "Bonjour",
            "v3" => "Hola",
            _ => "Hello",
        };
        let own = format!("{word} {name}({})", self.address(ends));
        let Some(backend) = &self.backend else {
            return Answer::ok(own);
        };
        match backend.get(head.uri.path(), &head.headers).await {
            Ok(further) => Answer::ok(format!("{own}<-{further}")),
            Err(reason) => {
                let text = format!("the backend {} failed: {reason}\n", backend.authority());
                eprint!("{text}");
                Answer::new(StatusCode::BAD_GATEWAY, text)
            }
        }
    }

    /// Reached over loopback the connection does not tell the machine's address.
    fn address(&self, ends: Ends) -> IpAddr {
        let reached = ends.local.ip().to_canonical();
        self.args.address.unwrap_or_else(|| {
            let elsewhere = reached.is_loopback().then(interfaces::primary_address).flatten();
            elsewhere.unwrap_or(reached)
        })
    }

    /// The plain server: fixed paths to provoke what a mesh must cope with, an echo for the rest.
    async fn plain(&self, head: &Parts, body: Bytes) -> Answer {
        let path = head.uri.path();
        if let Some(status) = path.strip_prefix("/status/") {
            let status = StatusCode::from_bytes(status.as_bytes()).unwrap_or(StatusCode::BAD_REQUEST);
            return Answer::new(status, format!("{status}\n"));
        }
        if let Some(delay) = path.strip_prefix("/delay/").and_then(|ms| ms.parse().ok()) {
            tokio::time::sleep(Duration::from_millis(delay).min(LONGEST_DELAY)).await;
        }
        if path == "/echo" {
            return Answer::ok(body);
        }
        let name = self.args.name.as_deref().unwrap_or("http");
        Answer::ok(format!("{name} {} {} {}\n", self.args.version, head.method, head.uri))
    }
}
