//! `run/fabric.json`: what `if up` started and where it listens.

use crate::{HomeError, Place, private};
use serde::{Deserialize, Serialize};
use std::{net::SocketAddr, path::Path};

/// Most bytes of the file.
const FABRIC_MAX_BYTES: u64 = 64 * 1024;

/// The fabric running from this home directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FabricFile {
    pub nats_url: String,
    /// The broker's metrics and health.
    pub http_addr: SocketAddr,
    pub pids: Pids,
}

/// Process ids; `None` for what runs elsewhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pids {
    pub nats: Option<u32>,
    pub broker: Option<u32>,
    pub worker: Option<u32>,
}

impl FabricFile {
    /// `None` if there is no file: nothing was started from this home directory.
    pub fn load(path: &Path) -> Result<Option<Self>, HomeError> {
        let text = match private::read(path, FABRIC_MAX_BYTES) {
            Ok((text, _)) => text,
            Err(e) if e.is_missing() => return Ok(None),
            Err(e) => return Err(e),
        };
        serde_json::from_str(&text).map(Some).map_err(|e| {
            HomeError::invalid(Place::at(path, e.line() as u64, e.column() as u64), e.to_string())
                .or_hint("stop what runs from this home directory, remove the file, then run `ifctl up`")
        })
    }

    /// Replaces the file atomically.
    pub fn save(&self, path: &Path) -> Result<(), HomeError> {
        let mut text =
            serde_json::to_vec_pretty(self).map_err(|e| HomeError::io(path, "encode", std::io::Error::other(e)))?;
        text.push(b'\n');
        private::replace(path, &text)
    }

    /// Removes the file; one that is not there is fine.
    pub fn remove(path: &Path) -> Result<(), HomeError> {
        match std::fs::remove_file(path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(HomeError::io(path, "remove", e)),
            _ => Ok(()),
        }
    }
}
