//! Who is measured, and how each is set up for a path.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::manifests;
use crate::process::{Core, Process, fetch, free_ports, own_binary, system_binary, wait, wait_for_port};

/// Who.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contestant {
    /// `outrigger-proxy --engine native`.
    Native,
    /// `outrigger-proxy --engine envoy`, same manifests, same control plane.
    Envoy,
    /// haproxy with the same routes.
    Haproxy,
    /// nginx with the same routes.
    Nginx,
}

impl Contestant {
    /// All, in the order of the table.
    pub const ALL: [Contestant; 4] =
        [Contestant::Native, Contestant::Envoy, Contestant::Haproxy, Contestant::Nginx];

    /// What the table calls it.
    pub fn name(self) -> &'static str {
        match self {
            Contestant::Native => "outrigger",
            Contestant::Envoy => "envoy",
            Contestant::Haproxy => "haproxy",
            Contestant::Nginx => "nginx",
        }
    }
}

/// Which way requests go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// HTTP/1 through one proxy.
    Http1,
    /// The same with an access log line for each request.
    Http1Logged,
    /// HTTP/2 on both sides of one proxy.
    Http2,
    /// Bytes through one proxy.
    Tcp,
    /// HTTP/1 through two proxies.
    TwoHops,
}

impl Way {
    /// All, in the order of the table.
    pub const ALL: [Way; 5] = [Way::Http1, Way::Http1Logged, Way::Http2, Way::Tcp, Way::TwoHops];

    /// What the table calls it.
    pub fn name(self) -> &'static str {
        match self {
            Way::Http1 => "HTTP/1, one hop",
            Way::Http1Logged => "HTTP/1, one hop, access log",
            Way::Http2 => "HTTP/2, one hop",
            Way::Tcp => "TCP, one hop",
            Way::TwoHops => "HTTP/1, two hops",
        }
    }
}

/// Ports of the backend.
#[derive(Debug, Clone, Copy)]
pub struct Backend {
    /// HTTP/1.
    pub http1: u16,
    /// HTTP/2.
    pub http2: u16,
}

/// A contestant that is ready for load on `port`.
pub struct Ready {
    /// Where load goes.
    pub port: u16,
    /// What carries it; CPU time and memory are theirs.
    pub carriers: Vec<Process>,
    /// What else must live.
    _support: Vec<Process>,
}

/// Sets a contestant up; `None` if it cannot go this way or is not installed.
pub fn start(who: Contestant, way: Way, backend: Backend, folder: &Path) -> Result<Option<Ready>> {
    let folder = folder.join(format!("{}-{way:?}", who.name()));
    std::fs::create_dir_all(&folder)?;
    match who {
        Contestant::Native => mesh("native", way, backend, &folder).map(Some),
        Contestant::Envoy if std::env::var_os("OUTRIGGER_ENVOY").is_none() => Ok(None),
        Contestant::Envoy => mesh("envoy", way, backend, &folder).map(Some),
        Contestant::Haproxy => haproxy(way, backend, &folder),
        Contestant::Nginx => nginx(way, backend, &folder),
    }
}

fn mesh(engine: &str, way: Way, backend: Backend, folder: &Path) -> Result<Ready> {
    let [first, second] = free_ports()?;
    let text = match way {
        Way::Http1 | Way::Http1Logged => manifests::http_gateway("first", first, backend.http1, "HTTP"),
        Way::Http2 => manifests::http_gateway("first", first, backend.http2, "HTTP2"),
        Way::Tcp => manifests::tcp_gateway("first", first, backend.http1),
        Way::TwoHops => {
            manifests::http_gateway("first", first, second, "HTTP")
                + &manifests::http_gateway("second", second, backend.http1, "HTTP")
        }
    };
    let directory = folder.join("manifests");
    std::fs::create_dir_all(&directory)?;
    std::fs::write(directory.join("mesh.yaml"), text)?;
    let control = control_plane(&directory, way == Way::Http1Logged, folder)?;
    let mut carriers = vec![proxy(engine, "first", control.xds, folder)?];
    if way == Way::TwoHops {
        carriers.push(proxy(engine, "second", control.xds, folder)?);
        wait_for_port(second)?;
    }
    wait_for_port(first)?;
    Ok(Ready { port: first, carriers, _support: vec![control.process] })
}

/// A running `outrigger up`.
pub struct Control {
    /// The process.
    pub process: Process,
    /// Its xDS port.
    pub xds: u16,
    /// Its admin port.
    pub admin: u16,
}

/// Starts `outrigger up` on a directory and waits until it is ready.
pub fn control_plane(directory: &Path, access_log: bool, folder: &Path) -> Result<Control> {
    let [xds, admin] = free_ports()?;
    let mut command = Command::new(own_binary("outrigger")?);
    command.arg("up").arg("-f").arg(directory);
    command.args(["--xds", &format!("127.0.0.1:{xds}"), "--admin", &format!("127.0.0.1:{admin}")]);
    if access_log {
        let file = folder.join("mesh-config.yaml");
        let log = folder.join("access.log");
        std::fs::write(&file, format!("accessLogFile: {}\n", log.display()))?;
        command.arg("--mesh-config").arg(file);
    }
    let process = Process::start(command, Core::Load, &folder.join("control.log"))?;
    wait("the control plane", Duration::from_secs(120), || fetch(admin, "/ready").is_some())?;
    Ok(Control { process, xds, admin })
}

/// Starts a gateway labelled `istio: NAME` with one worker and waits until it is ready.
pub fn proxy(engine: &str, name: &str, xds: u16, folder: &Path) -> Result<Process> {
    let [admin, readiness, metrics] = free_ports()?;
    let mut command = Command::new(own_binary("outrigger-proxy")?);
    command
        .args([
            "run",
            "--role",
            "gateway",
            "--namespace",
            "bench",
            "--address",
            "127.0.0.1",
            "--workers",
            "1",
        ])
        .args(["--name", name, "--labels", &format!("istio={name}"), "--engine", engine])
        .args(["--control-plane", &format!("127.0.0.1:{xds}"), "--admin-port", &admin.to_string()])
        .args(["--readiness-port", &readiness.to_string(), "--metrics-port", &metrics.to_string()])
        .arg("--data-dir")
        .arg(folder.join(format!("{name}-data")));
    let process = Process::start(command, Core::Contestant, &folder.join(format!("{name}.log")))?;
    wait("the proxy", Duration::from_secs(60), || fetch(readiness, "/healthz/ready").is_some())?;
    Ok(process)
}

fn haproxy(way: Way, backend: Backend, folder: &Path) -> Result<Option<Ready>> {
    let Some(binary) = system_binary("haproxy") else { return Ok(None) };
    let [first, second] = free_ports()?;
    let one = |name: &str, port: u16, to: u16| -> Result<Process> {
        let (mode, speak) = match way {
            Way::Tcp => ("tcp", ""),
            Way::Http2 => ("http", " proto h2"),
            _ => ("http", ""),
        };
        let log =
            if way == Way::Http1Logged { "  log stdout format raw local0\n  option httplog\n" } else { "" };
        let mut routes = String::new();
        if mode == "http" {
            routes.push_str("  http-reuse always\n");
            (0..10).for_each(|n| routes.push_str(&format!("  use_backend r{n} if {{ path_beg /r{n} }}\n")));
        } else {
            routes.push_str("  default_backend r9\n");
        }
        let mut text = format!(
            "global\n  nbthread 1\n  maxconn 4096\ndefaults\n  mode {mode}\n  timeout client 60s\n  timeout server 60s\n  timeout connect 5s\nfrontend f\n  bind 127.0.0.1:{port}{speak}\n{log}{}",
            routes.replace("  http-reuse always\n", "")
        );
        let servers = if mode == "http" { 0..10 } else { 9..10 };
        for n in servers {
            let reuse = if mode == "http" { "  http-reuse always\n" } else { "" };
            text.push_str(&format!("backend r{n}\n{reuse}  server s 127.0.0.1:{to}{speak}\n"));
        }
        let file = folder.join(format!("{name}.cfg"));
        std::fs::write(&file, text)?;
        let mut command = Command::new(&binary);
        command.arg("-db").arg("-f").arg(&file);
        let process = Process::start(command, Core::Contestant, &folder.join(format!("{name}.log")))?;
        wait_for_port(port)?;
        Ok(process)
    };
    let to = if way == Way::Http2 { backend.http2 } else { backend.http1 };
    let mut carriers = Vec::new();
    if way == Way::TwoHops {
        carriers.push(one("second", second, to)?);
        carriers.push(one("first", first, second)?);
    } else {
        carriers.push(one("first", first, to)?);
    }
    Ok(Some(Ready { port: first, carriers, _support: Vec::new() }))
}

/// Where distributions put nginx's module for plain TCP.
const NGINX_STREAM: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

fn nginx(way: Way, backend: Backend, folder: &Path) -> Result<Option<Ready>> {
    let Some(binary) = system_binary("nginx") else { return Ok(None) };
    // nginx speaks no HTTP/2 to its upstreams (but for gRPC).
    if way == Way::Http2 || way == Way::Tcp && !PathBuf::from(NGINX_STREAM).exists() {
        return Ok(None);
    }
    let [first, second] = free_ports()?;
    let one = |name: &str, port: u16, to: u16| -> Result<Process> {
        let log = if way == Way::Http1Logged {
            format!("{}/access-{name}.log combined", folder.display())
        } else {
            "off".to_string()
        };
        let common = format!(
            "daemon off;\nworker_processes 1;\npid {0}/{name}.pid;\nerror_log {0}/{name}-error.log;\nevents {{ worker_connections 4096; }}\n",
            folder.display()
        );
        let text = if way == Way::Tcp {
            format!(
                "load_module {NGINX_STREAM};\n{common}stream {{ access_log off; server {{ listen 127.0.0.1:{port}; proxy_pass 127.0.0.1:{to}; }} }}\n"
            )
        } else {
            let mut locations = String::new();
            for n in 0..10 {
                locations.push_str(&format!(
                    "location /r{n} {{ proxy_pass http://b; proxy_http_version 1.1; proxy_set_header Connection ''; }}\n"
                ));
            }
            format!(
                "{common}http {{ access_log {log}; keepalive_requests 1000000000;\nupstream b {{ server 127.0.0.1:{to}; keepalive 64; keepalive_requests 1000000000; }}\nserver {{ listen 127.0.0.1:{port}; {locations} }} }}\n"
            )
        };
        let file = folder.join(format!("{name}.conf"));
        std::fs::write(&file, text)?;
        let mut command = Command::new(&binary);
        command.arg("-c").arg(file.canonicalize().context("the file was just written")?);
        let process = Process::start(command, Core::Contestant, &folder.join(format!("{name}.log")))?;
        wait_for_port(port)?;
        Ok(process)
    };
    let mut carriers = Vec::new();
    if way == Way::TwoHops {
        carriers.push(one("second", second, backend.http1)?);
        carriers.push(one("first", first, second)?);
    } else {
        carriers.push(one("first", first, backend.http1)?);
    }
    Ok(Some(Ready { port: first, carriers, _support: Vec::new() }))
}
