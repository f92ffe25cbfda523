//! What passes a gateway, and how it ends: protocols, failures, changes to messages, connection pools.
//! Every test runs on both engines and asks the same of both; what one is called to answer, the flags
//! of the access log included, is what the other answers.

mod changes;
mod failures;
mod grpc;
mod http2;
mod pools;
mod retries;
mod streaming;
mod tls;
mod two;

use outrigger_testkit::{Connection, Engine, Gateway, Mesh, Message, free_port, wait_until};
use outrigger_tests::{PATIENCE, loopback, manifests, wait_for_status};
use serde_json::Value;

/// Each request becomes a line of JSON in the gateway's output.
const LOGGED: &str = "accessLogFile: /dev/stdout\naccessLogEncoding: JSON\n";

/// A mesh with one gateway.
struct World {
    mesh: Mesh,
    gateway: Gateway,
    port: u16,
}

impl World {
    /// Routes are YAML list items of `spec.http`; `app.example` has these endpoints on loopback; `more`
    /// are further manifests. Returns when routes are served.
    fn start(engine: Engine, routes: &str, app: &[u16], more: &[String]) -> World {
        let port = free_port();
        let ready =
            "  - name: ready\n    match: [{uri: {exact: /ready}}]\n    directResponse: {status: 200}\n";
        let mut text = manifests(port, &format!("{ready}{routes}"), app);
        for more in more {
            text.push_str("---\n");
            text.push_str(more);
        }
        let world = World::bare(engine, port, &text);
        wait_for_status(port, "/ready", 200);
        world
    }

    /// Manifests as given, with a gateway's port of their own.
    fn bare(engine: Engine, port: u16, text: &str) -> World {
        let mesh = Mesh::start_configured(LOGGED, &[("mesh.yaml", text)]);
        let gateway = mesh.gateway("gateway", engine);
        World { mesh, gateway, port }
    }

    fn connect(&self) -> Connection {
        Connection::open(loopback(self.port)).unwrap()
    }

    /// A GET on a connection of its own.
    fn get(&self, path: &str) -> Message {
        self.connect().ask(&format!("GET {path} HTTP/1.1\r\nhost: app.example\r\n\r\n")).unwrap()
    }

    /// The access log's line of a path, once it is written.
    fn logged(&mut self, path: &str) -> Logged {
        let found = |text: String| {
            let mut lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            lines.find(|line| line["path"] == path)
        };
        Logged(wait_until(&format!("a line of {path} in the log"), PATIENCE, || {
            found(self.gateway.process().output())
        }))
    }
}

/// A line of the access log.
#[derive(Debug)]
struct Logged(Value);

impl Logged {
    fn field(&self, name: &str) -> String {
        match &self.0[name] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    /// Status and flags.
    fn end(&self) -> String {
        format!("{} {}", self.field("response_code"), self.field("response_flags"))
    }
}
