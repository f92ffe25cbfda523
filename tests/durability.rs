//! What a crash of any part costs: nothing for the control plane's, the requests in flight for a
//! proxy's.

use std::time::{Duration, Instant};

use outrigger_testkit::{Engine, Mesh, free_ports, get, wait_until};
use outrigger_tests::{PATIENCE, TO_APP, app, loopback, manifests, wait_for_status};

#[test]
fn a_killed_control_plane_costs_no_request_and_a_change_after_its_restart_arrives_within_two_seconds() {
    for engine in Engine::available("a_killed_control_plane_costs_no_request") {
        let [port, one, two] = free_ports(3)[..] else { unreachable!() };
        let mut mesh = Mesh::start(&[("mesh.yaml", &manifests(port, TO_APP, &[one]))]);
        let _one = app("hello", "v1", one, mesh.scratch());
        let _two = app("hello", "v2", two, mesh.scratch());
        let _gateway = mesh.gateway("gateway", engine);
        wait_for_status(port, "/hello/eric", 200);

        mesh.kill_control();
        for _ in 0..200 {
            let answer = get(loopback(port), "app.example", "/hello/eric").unwrap();
            assert_eq!((answer.status, answer.body.as_str()), (200, "Hello eric(127.0.0.1)"), "{engine:?}");
        }
        mesh.start_control();
        mesh.write("mesh.yaml", &manifests(port, TO_APP, &[two]));
        let written = Instant::now();
        wait_until("the change", PATIENCE, || {
            let answer = get(loopback(port), "app.example", "/hello/eric").unwrap();
            assert_eq!(answer.status, 200, "{engine:?}");
            answer.body.starts_with("Bonjour").then_some(())
        });
        let took = written.elapsed();
        println!("{engine:?}: a change after the restart arrived after {took:?}");
        // Envoy's own reconnect backoff is jittered up to its cap; the promise is about our proxy.
        if engine == Engine::Native {
            assert!(took < Duration::from_secs(2), "{took:?}");
        }
    }
}

#[test]
fn a_killed_proxy_serves_again_from_disk_within_a_second_with_the_control_plane_away() {
    let [port, backend] = free_ports(2)[..] else { unreachable!() };
    let mut mesh = Mesh::start(&[("mesh.yaml", &manifests(port, TO_APP, &[backend]))]);
    let _app = app("hello", "v1", backend, mesh.scratch());
    let mut gateway = mesh.gateway("gateway", Engine::Native);
    wait_for_status(port, "/hello/eric", 200);
    wait_until("the last good configuration on disk", PATIENCE, || {
        let folder = mesh.scratch().join("gateway/data");
        std::fs::read_dir(folder).ok()?.next().map(|_| ())
    });

    mesh.kill_control();
    gateway.process().kill();
    let started = Instant::now();
    gateway.spawn();
    let answer = wait_until("an answer", PATIENCE, || {
        get(loopback(port), "app.example", "/hello/eric").ok().filter(|a| a.status == 200)
    });
    let took = started.elapsed();
    println!("serves again after {took:?}");
    assert_eq!(answer.body, "Hello eric(127.0.0.1)");
    assert!(took < Duration::from_secs(1), "{took:?}");
    gateway.wait_ready();
}
