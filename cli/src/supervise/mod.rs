//! The embedded fabric: a nats-server, a broker and a worker as children of one supervisor.

mod ask;
mod ports;
pub mod process;
mod programs;

pub use ask::ask_worker;
mod service;
mod start;
mod watch;

mod lock;

pub use lock::{Lock, supervisor_pid};
pub use ports::{choose_http, choose_nats};
pub use programs::{Programs, nats_server};
pub use service::{length, tail};
pub use watch::{run, stop_orphans};

use if_home::{FabricFile, Home};
use if_schemas::Name;
use serde::{Deserialize, Serialize};
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// How long nats-server may take to accept connections.
pub const NATS_READY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the broker may take to open its log and answer.
pub const BROKER_READY_TIMEOUT: Duration = Duration::from_secs(120);
/// How long the worker may take to announce itself.
pub const WORKER_READY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a child may take to stop before it is killed.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause between two looks at something that is starting or stopping.
pub const LOOK_INTERVAL: Duration = Duration::from_millis(25);

/// What to start.
#[derive(Debug, Clone)]
pub struct Plan {
    pub home: Home,
    pub nats: NatsPlan,
    pub http: SocketAddr,
    /// That address or none: it was asked for.
    pub http_fixed: bool,
    pub node: Name,
    pub programs: Programs,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NatsPlan {
    /// A child of ours on loopback. `fixed`: that port or none.
    Own { server: PathBuf, version: String, port: u16, fixed: bool },
    /// Somebody else's.
    Existing { url: String },
}

impl NatsPlan {
    pub fn url(&self) -> String {
        match self {
            NatsPlan::Own { port, .. } => format!("nats://127.0.0.1:{port}"),
            NatsPlan::Existing { url } => url.clone(),
        }
    }
}

/// What the supervisor says on its way; one JSON line each where a parent process listens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    Progress(String),
    Ready(FabricFile),
    Failed { exit: u8, code: String, message: String, hint: Option<String> },
}
