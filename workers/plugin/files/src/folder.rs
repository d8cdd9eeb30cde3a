//! The folders of plugins: what each of them is.

use if_manifest::plugin::{self, PLUGIN_YAML_MAX_BYTES, Plugin, PluginError};
use if_schemas::Name;
use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

/// The description of an executable plugin.
pub const PLUGIN_FILE: &str = "plugin.yaml";
/// The description of a declarative one, which is no concern of this crate.
pub const MANIFEST_FILE: &str = "manifest.yaml";
/// Most folders looked at.
const FOLDERS_MAX: usize = 500;

/// Why a folder is no plugin.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("{path}: cannot be read: {source}", path = .path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{path}:{source}", path = .path.display())]
    Manifest { path: PathBuf, source: PluginError },
    #[error("{path}: not UTF-8 text", path = .path.display())]
    NotText { path: PathBuf },
    #[error("{path}: the id is {id}, but the folder is called {folder}: they must be the same", path = .path.display())]
    OtherName { path: PathBuf, id: Name, folder: String },
    #[error("{path} holds both {PLUGIN_FILE} and {MANIFEST_FILE}: a plugin is one of them", path = .path.display())]
    Both { path: PathBuf },
    #[error("{path}: `command` names {file}, which is no file of the folder", path = .path.display())]
    NoFile { path: PathBuf, file: String },
    #[error("{} holds more than {FOLDERS_MAX} folders", .0.display())]
    TooMany(PathBuf),
}

/// A plugin and where it is.
#[derive(Debug, Clone)]
pub struct Folder {
    pub dir: PathBuf,
    pub plugin: Plugin,
}

impl Folder {
    /// Reads and checks `dir/plugin.yaml`. Runs and hashes nothing.
    pub fn load(dir: &Path) -> Result<Self, FolderError> {
        let path = dir.join(PLUGIN_FILE);
        let io = |source| FolderError::Io { path: path.clone(), source };
        let mut bytes = Vec::new();
        let file = File::open(&path).map_err(io)?;
        // One byte more than allowed, so that a longer file is refused by its size.
        file.take(PLUGIN_YAML_MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(io)?;
        let text = String::from_utf8(bytes).map_err(|_| FolderError::NotText { path: path.clone() })?;
        let plugin = plugin::parse(&text).map_err(|source| FolderError::Manifest { path: path.clone(), source })?;
        let folder = dir.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        if plugin.id.as_str() != folder {
            return Err(FolderError::OtherName { path, id: plugin.id, folder });
        }
        if dir.join(MANIFEST_FILE).exists() {
            return Err(FolderError::Both { path: dir.into() });
        }
        let missing = plugin.command.iter().find(|a| a.starts_with("./") && !dir.join(a).is_file());
        if let Some(file) = missing {
            return Err(FolderError::NoFile { path, file: file.clone() });
        }
        Ok(Self { dir: dir.into(), plugin })
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
