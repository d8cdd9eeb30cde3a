//! Asking `if-worker`, as a program, for what only it can do.

use super::programs;
use crate::{CliError, output::value};
use serde::{Deserialize, de::DeserializeOwned};
use std::{
    ffi::OsStr,
    process::{Command, Stdio},
};

/// What it prints.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer<T> {
    Ok(T),
    Error(String),
}

/// Runs `if-worker` with these words and reads its answer. What it writes to stderr is shown as it comes.
pub fn ask_worker<T: DeserializeOwned>(words: &[&OsStr]) -> Result<T, CliError> {
    let worker = programs::worker()?;
    let shown = worker.display();
    let output = Command::new(&worker).args(words).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|e| CliError::io(format!("{shown} cannot be run"), &e))?;
    if !output.status.success() {
        return Err(CliError::failed(format!("{shown} ended ({})", output.status))
            .hint("its version must be that of this program: `if-worker --version`"));
    }
    match serde_json::from_slice(&output.stdout) {
        Ok(Answer::Ok(found)) => Ok(found),
        Ok(Answer::Error(text)) => Err(CliError::failed(value::printable(&text))),
        Err(e) => Err(CliError::failed(format!("what {shown} answers cannot be read: {e}"))),
    }
}
