//! /listeners

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use outrigger_proxy::BoundListener;
use serde_json::json;

use super::value::socket_address;
use crate::serve::Answer;
use crate::state::NodeState;

/// Names and addresses of the listeners in force: those with a socket at the address it really has.
fn list(state: &NodeState) -> Vec<(Arc<str>, SocketAddr)> {
    let snapshot = state.engine.proxy.snapshot();
    let bound: Vec<BoundListener> = state.engine.proxy.listeners();
    let mut all = Vec::new();
    for listener in snapshot.listeners().values() {
        if listener.bind {
            let own = bound.iter().filter(|socket| socket.listener == listener.name);
            all.extend(own.map(|socket| (listener.name.clone(), socket.address)));
        } else {
            all.extend(listener.addresses().map(|address| (listener.name.clone(), address)));
        }
    }
    all.sort();
    all
}

pub fn text(state: &NodeState) -> Answer {
    let mut out = String::new();
    for (name, address) in list(state) {
        writeln!(out, "{name}::{address}").expect("writing to a string cannot fail");
    }
    Answer::text(200, out)
}

pub fn json(state: &NodeState) -> Answer {
    let statuses: Vec<_> = list(state)
        .into_iter()
        .map(|(name, address)| json!({"name": &*name, "local_address": socket_address(address)}))
        .collect();
    Answer::json(&json!({"listener_statuses": statuses}))
}
