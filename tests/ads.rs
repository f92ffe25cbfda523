//! A client with gRPC's stock stubs, through subscribe, ACK, update and NACK in both forms.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use outrigger_testkit::{Mesh, environment, free_port, get, wait_until};
use outrigger_tests::{PATIENCE, TO_APP, file, manifests};
use serde_json::Value;

struct Client {
    child: Child,
    input: ChildStdin,
    events: Receiver<Value>,
}

impl Client {
    fn start(python: &str, mesh: &Mesh, form: &str) -> Client {
        let mut child = Command::new(python)
            .arg(file("clients/ads.py"))
            .args([&mesh.xds().to_string(), form])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, events) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let event: Value = serde_json::from_str(&line).unwrap();
                if event["event"] != "sent" && sender.send(event).is_err() {
                    break;
                }
            }
        });
        Client { input: child.stdin.take().unwrap(), child, events }
    }

    fn say(&mut self, command: &str) {
        writeln!(self.input, "{command}").unwrap();
    }

    fn hear(&self) -> Value {
        self.events.recv_timeout(PATIENCE).expect("an event of the client")
    }

    fn hear_nothing(&self, why: &str) {
        if let Ok(event) = self.events.recv_timeout(Duration::from_millis(500)) {
            panic!("{why}: {event}");
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_stock_stub_subscribes_acks_updates_and_nacks_in_the_delta_form() {
    let test = "the_stock_stub_subscribes_acks_updates_and_nacks_in_the_delta_form";
    let Some(python) = environment(test, "OUTRIGGER_PYTHON") else { return };
    let port = free_port();
    let mesh = Mesh::start(&[("mesh.yaml", &manifests(port, TO_APP, &[9]))]);
    let mut client = Client::start(&python, &mesh, "delta");

    client.say("subscribe CDS");
    let clusters = client.hear();
    let names: Vec<&str> = clusters["names"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(names.contains(&"outbound|80||app.example"), "{clusters}");
    client.say("ack CDS");
    client.say("subscribe EDS outbound|80||app.example");
    assert_eq!(client.hear()["names"], serde_json::json!(["outbound|80||app.example"]));
    client.say("ack EDS");
    let route = format!("http.{port}");
    client.say(&format!("subscribe RDS {route}"));
    assert_eq!(client.hear()["names"], serde_json::json!([route]));
    client.say("ack RDS");

    mesh.write("mesh.yaml", &manifests(port, TO_APP, &[9, 10]));
    let update = client.hear();
    assert_eq!(update["type"], "EDS", "an endpoint's change is sent alone: {update}");
    client.say("nack EDS bad endpoint 10");
    let state = wait_until("the NACK in the status", PATIENCE, || {
        let text = get(mesh.admin(), "admin", "/debug/syncz").ok()?.body;
        text.contains("bad endpoint 10").then_some(text)
    });
    assert!(state.contains("NACK"), "{state}");
    client.hear_nothing("a NACK is not answered with the same again");

    mesh.write("mesh.yaml", &manifests(port, TO_APP, &[9, 10]));
    client.hear_nothing("an unchanged file is sent to nobody");
}

#[test]
fn the_stock_stub_subscribes_acks_updates_and_nacks_in_the_state_of_the_world_form() {
    let test = "the_stock_stub_subscribes_acks_updates_and_nacks_in_the_state_of_the_world_form";
    let Some(python) = environment(test, "OUTRIGGER_PYTHON") else { return };
    let port = free_port();
    let mesh = Mesh::start(&[("mesh.yaml", &manifests(port, TO_APP, &[9]))]);
    let mut client = Client::start(&python, &mesh, "sotw");

    client.say("subscribe CDS");
    let clusters = client.hear();
    assert_eq!(clusters["type"], "CDS");
    assert!(clusters["count"].as_u64().unwrap() >= 1);
    client.say("ack CDS");
    client.say("subscribe EDS outbound|80||app.example");
    let first = client.hear();
    assert_eq!((&first["type"], &first["count"]), (&"EDS".into(), &1.into()));
    client.say("ack EDS");
    client.say("subscribe LDS");
    assert_eq!(client.hear()["type"], "LDS");
    client.say("ack LDS");

    mesh.write("mesh.yaml", &manifests(port, TO_APP, &[9, 10]));
    let update = client.hear();
    assert_eq!(update["type"], "EDS", "{update}");
    assert_ne!(update["version"], first["version"]);
    client.say("nack EDS bad endpoint 10");
    wait_until("the NACK in the status", PATIENCE, || {
        get(mesh.admin(), "admin", "/debug/syncz").ok().filter(|a| a.body.contains("bad endpoint 10"))
    });
    client.hear_nothing("a NACK is not answered with the same again");
}
