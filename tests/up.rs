//! `outrigger up`: what it refuses, what it says, and that one bad object harms only itself.

use std::process::{Command, Stdio};

use outrigger_testkit::{Engine, Mesh, binary, free_ports, get, wait_until};
use outrigger_tests::{PATIENCE, TO_APP, app, loopback, manifests, wait_for_status};

#[test]
fn a_malformed_object_is_named_and_harms_only_itself() {
    let [port, backend] = free_ports(2)[..] else { unreachable!() };
    let mesh = Mesh::start(&[("mesh.yaml", &manifests(port, TO_APP, &[backend]))]);
    let _app = app("hello", "v1", backend, mesh.scratch());
    let _gateway = mesh.gateway("gateway", Engine::Native);
    wait_for_status(port, "/hello/eric", 200);

    mesh.write(
        "bad.yaml",
        "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: bad, namespace: default}
spec:
  hosts: [a.example]
  http:
  - route:
    - destnation: {host: app.example}
",
    );
    let status = wait_until("the complaint in /status", PATIENCE, || {
        let text = get(mesh.admin(), "admin", "/status").ok()?.body;
        text.contains("destnation").then_some(text)
    });
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    let found =
        status["diagnostics"].as_array().unwrap().iter().find(|d| d.to_string().contains("destnation"));
    let found = found.unwrap();
    assert_eq!(found["severity"], "error", "{found}");
    assert_eq!(found["position"]["line"], 8, "{found}");
    assert_eq!(found["object"]["name"], "bad", "{found}");
    let metrics = get(mesh.admin(), "admin", "/metrics").unwrap().body;
    assert!(outrigger_tests::metric(&metrics, &["outrigger_diagnostics", "error"]) >= 1.0, "{metrics}");
    assert_eq!(get(loopback(port), "app.example", "/hello/eric").unwrap().status, 200);
}

#[test]
fn security_that_would_not_be_enforced_stops_the_start_unless_the_operator_insists() {
    let folder = tempfile::tempdir().unwrap();
    let policy = "apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: istio-system}
spec: {mtls: {mode: STRICT}}
";
    std::fs::write(folder.path().join("policy.yaml"), policy).unwrap();
    let [xds, admin] = free_ports(2)[..] else { unreachable!() };
    let mut command = Command::new(binary("outrigger"));
    command.arg("up").arg("-f").arg(folder.path());
    command.args(["--xds", &format!("127.0.0.1:{xds}"), "--admin", &format!("127.0.0.1:{admin}")]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("PeerAuthentication/istio-system/default"), "{text}");
    assert!(text.contains("--allow-unenforced"), "{text}");

    command.arg("--allow-unenforced");
    let mut insisted = outrigger_testkit::Process::start(command, &folder.path().join("log.txt"));
    wait_until("readiness", PATIENCE, || {
        get(loopback(admin), "admin", "/ready").ok().filter(|a| a.status == 200)
    });
    assert!(insisted.is_alive());
}

#[test]
fn proxy_status_shows_each_proxy_and_what_it_acknowledged() {
    let port = free_ports(1)[0];
    let mesh = Mesh::start(&[("mesh.yaml", &manifests(port, TO_APP, &[9]))]);
    let _gateway = mesh.gateway("edge-1", Engine::Native);
    let text = wait_until("a synced proxy", PATIENCE, || {
        let output = Command::new(binary("outrigger"))
            .args(["proxy-status", "--admin", &mesh.admin().to_string()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.contains("SYNCED").then_some(text)
    });
    assert!(text.contains("edge-1.istio-system"), "{text}");
}
