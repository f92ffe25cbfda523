//! Nodes around which things fail.

use std::sync::mpsc;
use std::time::Duration;

use outrigger_proto::type_url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{assets, config, control_plane, eventually, gateway, get, listener_of, server};
use crate::test_support::logging_listener;
use crate::{Node, NodeConfig, Readiness};

#[tokio::test]
async fn a_kept_connection_of_a_removed_listener_has_its_next_request_answered() {
    let one = server("one").await;
    let (address, plane, _stop) = control_plane(assets(1, gateway(one))).await;
    let node = Node::start(config(address)).await.unwrap();
    eventually("it serves", async || node.readiness() == Readiness::Live).await;
    let mut held = TcpStream::connect(listener_of(&node)).await.unwrap();
    let mut ask = async || {
        held.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\none") {
            let count = held.read_buf(&mut answer).await.unwrap();
            assert!(count > 0, "{}", String::from_utf8_lossy(&answer));
        }
        String::from_utf8(answer).unwrap()
    };
    assert!(!ask().await.contains("connection: close"));
    // With the listener go its routes.
    let mut left = gateway(one);
    left.truncate(2);
    plane.assets.send_replace(assets(2, left));
    eventually("the listener is gone", async || node.listeners().is_empty()).await;
    assert!(ask().await.contains("connection: close"));
}

#[tokio::test]
async fn a_disk_that_fails_for_a_while_has_the_configuration_in_the_end() {
    let one = server("one").await;
    let folder = tempfile::tempdir().unwrap();
    let data_dir = folder.path().join("data");
    std::fs::write(&data_dir, "no folder").unwrap();
    let (address, _plane, _stop) = control_plane(assets(1, gateway(one))).await;
    let node = Node::start(NodeConfig { data_dir: Some(data_dir.clone()), ..config(address) }).await.unwrap();
    eventually("it serves", async || node.readiness() == Readiness::Live).await;
    assert_eq!(get(listener_of(&node), "/x").await, (200, "one".into()));
    std::fs::remove_file(&data_dir).unwrap();
    eventually("it is kept", async || data_dir.join("last-good-config").exists()).await;
}

#[test]
fn a_log_that_nobody_reads_does_not_hold_up_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("log");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (done, ended) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut logged = gateway(server("one").await);
            let listener = logging_listener("l", ([127, 0, 0, 1], 0).into(), "r", pipe.to_str());
            logged[2] = (type_url::LISTENER, "l", listener);
            let (address, _plane, _stop) = control_plane(assets(1, logged)).await;
            let node = Node::start(config(address)).await.unwrap();
            eventually("it serves", async || node.readiness() == Readiness::Live).await;
            assert_eq!(get(listener_of(&node), "/x").await, (200, "one".into()));
            node.drain().await;
        });
        // What a program does last waits for the runtime's threads.
        drop(runtime);
        done.send(()).unwrap();
    });
    ended.recv_timeout(Duration::from_secs(20)).expect("it ends");
}
