//! Manifests in the plugins folder: `plugins/<id>/manifest.yaml`, and `prices.yaml` beside it.

use crate::{HomeError, private::read};
use if_schemas::Name;
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Most bytes of a manifest or price table.
const FILE_MAX_BYTES: u64 = 1024 * 1024;
/// Most folders looked at.
const FOLDERS_MAX: usize = 1_000;
const MANIFEST: &str = "manifest.yaml";
const PRICES: &str = "prices.yaml";

/// A file and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextFile {
    pub path: PathBuf,
    pub text: String,
}

/// What describes one provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestFiles {
    pub id: Name,
    pub manifest: TextFile,
    pub prices: Option<TextFile>,
}

/// Time and length of both files: differs once one of them was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp(Mark, Option<Mark>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    modified: Option<SystemTime>,
    bytes: u64,
}

/// Every folder that holds a manifest. A plugins folder that is not there holds none; folders whose name is no provider
/// name are left out.
pub fn manifests(dir: &Path) -> Result<BTreeMap<Name, Stamp>, HomeError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(e) => return Err(HomeError::io(dir, "read the folder", e)),
    };
    let mut found = BTreeMap::new();
    for entry in entries.take(FOLDERS_MAX) {
        let entry = entry.map_err(|e| HomeError::io(dir, "read the folder", e))?;
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<Name>().ok()) else { continue };
        if let Some(manifest) = mark(&entry.path().join(MANIFEST)) {
            found.insert(id, Stamp(manifest, mark(&entry.path().join(PRICES))));
        }
    }
    Ok(found)
}

/// None if there is no such file.
fn mark(path: &Path) -> Option<Mark> {
    let meta = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some(Mark { modified: meta.modified().ok(), bytes: meta.len() })
}

/// The files of one provider.
pub fn load(dir: &Path, id: &Name) -> Result<ManifestFiles, HomeError> {
    let folder = dir.join(id.as_str());
    let manifest = text(folder.join(MANIFEST))?;
    let prices = match text(folder.join(PRICES)) {
        Ok(file) => Some(file),
        Err(e) if e.is_missing() => None,
        Err(e) => return Err(e),
    };
    Ok(ManifestFiles { id: id.clone(), manifest, prices })
}

fn text(path: PathBuf) -> Result<TextFile, HomeError> {
    let (text, _) = read(&path, FILE_MAX_BYTES)?;
    Ok(TextFile { text: text.to_string(), path })
}
