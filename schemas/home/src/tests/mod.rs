//! Tests of the crate, one file per module.

#![allow(clippy::unwrap_used)]

mod backup;
mod config;
mod edit;
mod edit_property;
mod fabric;
mod home;
mod keys;
mod load;
mod plans;
mod plugins;
mod private;
mod secret_ref;
mod triggers;

use crate::HomeError;
use if_manifest::{FieldSpec, ParamKind, ProviderSpec};
use if_schemas::Name;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// A provider with a field of every sort, one of them secret.
fn spec() -> ProviderSpec {
    let mut spec = if_manifest::provider("obs").unwrap();
    spec.instance.push(FieldSpec::optional("muted", ParamKind::Flag, None, "start muted"));
    spec
}

/// A file of the given text and mode in a directory that is removed with it.
fn file_of_mode(text: &str, mode: u32) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("obs.yaml");
    fs::write(&path, text).unwrap();
    set_mode(&path, mode);
    (dir, path)
}

fn file(text: &str) -> (TempDir, PathBuf) {
    file_of_mode(text, 0o600)
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) {}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// The error's text with the directory cut off, so that it can be compared.
fn shown(e: &HomeError, path: &Path) -> String {
    e.to_string().replace(&format!("{}/", path.parent().unwrap().display()), "")
}
