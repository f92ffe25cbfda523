//! Names inside the hosts: a small name server on each machine's loopback that answers from the
//! control plane's table, as a cluster's name server would, and says of everything else that it does
//! not exist; and the look-up that the runner's own requests use.

mod message;
mod resolve;
mod server;
mod table;

pub use resolve::resolve;
pub use server::serve;
pub use table::{NameTable, Names};

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Where the name server of a machine is; port 53 is never captured.
pub const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53);

/// The domains that short names are tried in, in a namespace.
pub fn search_domains(namespace: &str, domain: &str) -> Vec<String> {
    vec![format!("{namespace}.svc.{domain}"), format!("svc.{domain}"), domain.to_owned()]
}

/// The resolv.conf of a machine.
pub fn resolv_conf(search: &[String]) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "nameserver {}", SERVER.ip());
    let _ = writeln!(text, "search {}", search.join(" "));
    // As in a cluster's pods: names with fewer dots are tried in the search domains first.
    text.push_str("options ndots:5\n");
    text
}
