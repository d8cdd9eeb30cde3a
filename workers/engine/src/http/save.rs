//! A body written to a file on the worker's machine: whole or not at all.

use super::{ask::Run, client::host_of, exchange::Exchanged, failure::Stop, response};
use crate::{WholeFile, transport::TransportError};
use futures::StreamExt;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tokio::io::AsyncWriteExt;

/// Argument that allows an existing file to be replaced.
const OVERWRITE: &str = "overwrite";

impl Run<'_> {
    /// Where the body goes. Refused before anything is sent where that cannot be.
    pub fn target(&self, param: &str) -> Result<PathBuf, Stop> {
        let path = self.scope.args.get(param).and_then(Value::as_str).filter(|p| !p.is_empty());
        let path = path.ok_or_else(|| Stop::bad_argument(format!("{param} does not say where to write the answer")))?;
        if !self.overwrites() && Path::new(path).exists() {
            let hint = "choose another name, or allow it to be replaced where the operation can";
            return Err(Stop::refused("already_exists", format!("{path} exists on the worker"), Some(hint)));
        }
        Ok(path.into())
    }

    fn overwrites(&self) -> bool {
        self.scope.args.get(OVERWRITE) == Some(&Value::Bool(true))
    }

    /// Writes the body beside its place first, so that a file of that name is always whole.
    pub async fn save(&self, path: &Path, exchanged: Exchanged) -> Result<Value, Stop> {
        let failed = |e: std::io::Error| {
            Stop::failed("not_written", format!("{} cannot be written on the worker: {e}", path.display()), None)
        };
        let (whole, file) = WholeFile::begin(path, self.overwrites()).map_err(failed)?;
        let written = self.write(file, exchanged).await;
        let bytes = written.map_err(|e| match e {
            Broken::Disk(e) => failed(e),
            Broken::Transport(e) => Stop::failed("no_answer", e.to_string(), None),
        })?;
        whole.keep().map_err(failed)?;
        Ok(json!({"path": path.display().to_string(), "bytes": bytes}))
    }

    async fn write(&self, mut file: tokio::fs::File, exchanged: Exchanged) -> Result<usize, Broken> {
        let Exchanged { mut incoming, url, place: _place, .. } = exchanged;
        let (host, limit) = (host_of(&url), self.engine.plan.limits.response_bytes);
        response::check_head(&incoming, &host, limit)?;
        let mut bytes = 0;
        while let Some(chunk) = incoming.body.next().await {
            let chunk = chunk?;
            bytes += chunk.len();
            if bytes > limit {
                return Err(response::too_large(&host, limit).into());
            }
            file.write_all(&chunk).await.map_err(Broken::Disk)?;
        }
        file.sync_all().await.map_err(Broken::Disk)?;
        Ok(bytes)
    }
}

enum Broken {
    Disk(std::io::Error),
    Transport(TransportError),
}

impl From<TransportError> for Broken {
    fn from(e: TransportError) -> Self {
        Self::Transport(e)
    }
}
