//! What tests share: the real programs as processes, free ports, waiting for conditions, and a raw
//! HTTP client that sends exactly the bytes it is told to.
//!
//! Everything talks to loopback only. Processes end with the value that stands for them.

mod backend;
mod connection;
mod mesh;
mod namespace;
mod process;
mod raw;
mod table;

pub use backend::{Backend, Then, reply};
pub use connection::{Connection, Message};
pub use mesh::{Engine, Gateway, Mesh};
pub use namespace::in_namespace;
pub use process::{Process, binary, environment, free_port, free_ports, wait_until};
pub use raw::{Answer, exchange, get, read_answer, request};
pub use table::{Case, cases};
