//! The folders of plugins: what each of them is.

use if_manifest::{MANIFEST_MAX_BYTES, ManifestError, Plugin, Prices, compile_plugin, prices, unpriced};
use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

/// The description of an executable plugin.
pub const PLUGIN_FILE: &str = "plugin.yaml";
/// What it costs.
pub const PRICES_FILE: &str = "prices.yaml";
/// The description of a declarative one, which is no concern of this crate.
pub const MANIFEST_FILE: &str = "manifest.yaml";
/// Most folders looked at.
const FOLDERS_MAX: usize = 500;

/// Why a folder is no plugin.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("{path}: cannot be read: {source}", path = .path.display())]
    Io { path: PathBuf, source: std::io::Error },
    /// Everything wrong with one file, at least one thing.
    #[error("{}", first(.0))]
    Wrong(Vec<ManifestError>),
    #[error("{path}: not UTF-8 text", path = .path.display())]
    NotText { path: PathBuf },
    #[error("{path} holds both {PLUGIN_FILE} and {MANIFEST_FILE}: a plugin is one of them", path = .path.display())]
    Both { path: PathBuf },
    #[error("{path}: `command` names {file}, which is no file of the folder", path = .path.display())]
    NoFile { path: PathBuf, file: String },
    #[error("{} holds more than {FOLDERS_MAX} folders", .0.display())]
    TooMany(PathBuf),
}

/// The first of several errors, and how many more there are.
fn first(errors: &[ManifestError]) -> String {
    match errors {
        [] => "it cannot be read".into(),
        [only] => only.to_string(),
        [first, more @ ..] => format!("{first}, and {} more", more.len()),
    }
}

impl FolderError {
    /// One line for each thing that is wrong.
    pub fn lines(&self) -> Vec<String> {
        match self {
            FolderError::Wrong(errors) => errors.iter().map(ToString::to_string).collect(),
            other => vec![other.to_string()],
        }
    }
}

/// A plugin and where it is.
#[derive(Debug, Clone)]
pub struct Folder {
    pub dir: PathBuf,
    pub plugin: Plugin,
    pub prices: Option<Prices>,
}

impl Folder {
    /// Reads and checks `dir/plugin.yaml`, and `dir/prices.yaml` where there is one. Runs and hashes nothing.
    pub fn load(dir: &Path) -> Result<Self, FolderError> {
        let path = dir.join(PLUGIN_FILE);
        let folder = dir.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let plugin = compile_plugin(&folder, &path.to_string_lossy(), &text(&path)?).map_err(FolderError::Wrong)?;
        if dir.join(MANIFEST_FILE).exists() {
            return Err(FolderError::Both { path: dir.into() });
        }
        let missing = plugin.command.iter().find(|a| a.starts_with("./") && !dir.join(a).is_file());
        if let Some(file) = missing {
            return Err(FolderError::NoFile { path, file: file.clone() });
        }
        let path = dir.join(PRICES_FILE);
        let prices = match path.exists() {
            false => None,
            true => Some(prices(&folder, &path.to_string_lossy(), &text(&path)?).map_err(FolderError::Wrong)?),
        };
        Ok(Self { dir: dir.into(), plugin, prices })
    }

    /// Fails where `plugin.yaml` names a SKU that `prices.yaml` has no price of.
    pub fn check_prices(&self) -> Result<(), FolderError> {
        let Some(prices) = &self.prices else { return Ok(()) };
        let path = self.dir.join(PLUGIN_FILE);
        let found = unpriced(&path.to_string_lossy(), &text(&path)?, &self.plugin.spec, prices);
        if found.is_empty() { Ok(()) } else { Err(FolderError::Wrong(found)) }
    }

    /// What is started: files of the folder as absolute paths.
    pub fn argv(&self) -> Vec<std::ffi::OsString> {
        let argument = |a: &String| match a.strip_prefix("./") {
            Some(file) => self.dir.join(file).into_os_string(),
            None => a.into(),
        };
        self.plugin.command.iter().map(argument).collect()
    }
}

/// The text of a file that is not too large: one byte more than allowed is read, so that it is refused by its size.
fn text(path: &Path) -> Result<String, FolderError> {
    let io = |source| FolderError::Io { path: path.into(), source };
    let mut bytes = Vec::new();
    File::open(path).map_err(io)?.take(MANIFEST_MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(io)?;
    String::from_utf8(bytes).map_err(|_| FolderError::NotText { path: path.into() })
}

/// The folders in `dir` that hold a `plugin.yaml`, by name. A directory that is not there holds none.
pub fn scan(dir: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let listing = match fs::read_dir(dir) {
        Ok(listing) => listing,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(FolderError::Io { path: dir.into(), source }),
    };
    let mut folders = Vec::new();
    for entry in listing {
        let path = entry.map_err(|source| FolderError::Io { path: dir.into(), source })?.path();
        let hidden = path.file_name().is_some_and(|n| n.as_encoded_bytes().starts_with(b"."));
        if hidden || !path.join(PLUGIN_FILE).exists() {
            continue;
        }
        if folders.len() == FOLDERS_MAX {
            return Err(FolderError::TooMany(dir.into()));
        }
        folders.push(path);
    }
    folders.sort();
    Ok(folders)
}

#[cfg(test)]
#[path = "folder_tests.rs"]
mod tests;
