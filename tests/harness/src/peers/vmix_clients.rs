//! vMix clients that others wrote, driven by `ops/peers/vmix-clients/drive.js` against the simulator.

use super::{home, script};
use anyhow::{Context, ensure};
use serde_json::Value;
use std::{net::SocketAddr, process::Command};

/// Drives the vMix at `address` with `client`, `node-vmix` or `timeline-state-resolver`; what the client understood.
pub fn vmix_client(client: &str, address: SocketAddr) -> anyhow::Result<Value> {
    let mut command = Command::new("node");
    command.arg(script("vmix-clients/drive.js")).arg(home("vmix-clients")?).arg(client).arg(address.port().to_string());
    // It ends by itself within its own limit.
    let ran = command.output().context("node is not on PATH")?;
    ensure!(ran.status.success(), "{client}: {}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).with_context(|| format!("{client} printed no JSON"))
}
