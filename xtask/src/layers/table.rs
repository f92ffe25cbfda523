//! The layer table: what each crate is, what it may use, and what must never get into it.
//! The architecture is decided here; ARCHITECTURE.md shows it.

/// One crate's row.
pub struct Layer {
    /// Floor; an edge goes to a lower floor.
    pub floor: u8,
    /// Name without the `outrigger-` prefix.
    pub name: &'static str,
    /// What it is, one sentence.
    pub is: &'static str,
    /// Workspace crates that it may depend on beside `base`, by normal and build edges.
    pub may_use: &'static [&'static str],
    /// Crates, of the workspace or not, that must not be anywhere in its normal dependency tree, but
    /// for what `proto` brings along.
    pub must_not: &'static [&'static str],
}

const fn layer(
    floor: u8,
    name: &'static str,
    is: &'static str,
    may_use: &'static [&'static str],
    must_not: &'static [&'static str],
) -> Layer {
    Layer { floor, name, is, may_use, must_not }
}

/// All crates of the products, floor by floor.
pub const LAYERS: &[Layer] = &[
    layer(
        0,
        "base",
        "the words of the domain: Host, ResourceKey, Labels, Locality, AppProtocol, Diagnostic",
        &[],
        &["tokio", "prost", "serde_json"],
    ),
    layer(0, "proto", "Envoy's API, re-exported; the one place that decides its version", &[], &[]),
    layer(
        1,
        "api",
        "resource kinds, one file each: types, defaults, validation; the table of kinds; YAML with positions; Change",
        &[],
        &["kube", "tokio", "prost"],
    ),
    layer(
        1,
        "traffic",
        "what a proxy runs on and decides with: plain types and pure functions",
        &[],
        &["tokio", "prost", "hyper", "rustls"],
    ),
    layer(
        2,
        "xds",
        "the protocol alone: ADS server and client, both forms, ACK/NACK, merged pushes, make before break",
        &["proto"],
        &["kube"],
    ),
    layer(
        2,
        "mesh",
        "what exists: one writer applies Changes and publishes immutable snapshots",
        &["api"],
        &["tokio", "prost", "kube"],
    ),
    layer(2, "wire", "protobuf xDS to traffic's types, once, at the rim", &["traffic", "proto"], &["tokio"]),
    layer(3, "sources", "where Changes come from: a directory of YAML", &["api"], &["prost"]),
    layer(
        3,
        "compile",
        "pure: (snapshot, proxy) to xDS resources with provenance, and Diagnostics",
        &["mesh", "api", "proto"],
        &["tokio", "kube"],
    ),
    layer(
        3,
        "proxy",
        "bytes: accept, sniff, HTTP/1, HTTP/2, TCP, pools, retries, telemetry; asks traffic for every decision",
        &["traffic"],
        &["prost", "kube"],
    ),
    layer(
        4,
        "node",
        "joins xds client, wire and proxy into a running data plane; last good config on disk; Envoy-style admin",
        &["xds", "wire", "traffic", "proxy", "proto"],
        &["kube"],
    ),
    layer(
        4,
        "explain",
        "what-if without sockets: manifests to the endpoint, with the reason for each step",
        &["api", "mesh", "compile", "wire", "traffic"],
        &["tokio"],
    ),
    layer(
        5,
        "agent",
        "beside a workload: capture, and a native node or a supervised Envoy",
        &["node"],
        &["kube"],
    ),
    layer(
        5,
        "control",
        "wires a control plane: sources, mesh, compile, xds; admin",
        &["sources", "mesh", "compile", "xds", "api", "proto"],
        &[],
    ),
    layer(5, "scenario", "scenario.yaml to namespaces, processes, requests, verdict", &["api"], &[]),
    layer(
        6,
        "cli",
        "the program outrigger: arguments, output, exit codes",
        &["control", "explain", "scenario", "api"],
        &[],
    ),
    layer(6, "proxy-cli", "the program outrigger-proxy: arguments, output, exit codes", &["agent"], &[]),
];

/// Workspace members outside the table: they may be depended on by tests only.
pub const OUTSIDE: &[&str] =
    &["outrigger-testkit", "outrigger-hello", "outrigger-bench", "outrigger-tests", "xtask"];
