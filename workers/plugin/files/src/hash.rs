//! The files of a plugin as one hash: what a pin in the log stands for. `schemas/README.md` section 7 has the format.

use if_schemas::{Hash, codec::CONTEXT_PLUGIN};
use std::{
    fs::{self, File, Metadata},
    io::Read,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Most files of a plugin.
pub const FILES_MAX: usize = 1_000;
/// Most bytes of all files of a plugin together.
pub const TOTAL_MAX_BYTES: u64 = 64 * 1024 * 1024;
/// Deepest folder inside a plugin.
pub const DEPTH_MAX: usize = 16;
/// Bytes read at a time.
const CHUNK: usize = 64 * 1024;

/// Why a folder has no hash.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    #[error("{path} cannot be read: {source}", path = .path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{} is a symbolic link, which a plugin may not hold: put the file itself there", .0.display())]
    Symlink(PathBuf),
    #[error("{} is neither file nor folder", .0.display())]
    Special(PathBuf),
    #[error("{} has a name that is not UTF-8", .0.display())]
    Name(PathBuf),
    #[error("{} holds more than {FILES_MAX} files", .0.display())]
    TooMany(PathBuf),
    #[error("{} holds more than {TOTAL_MAX_BYTES} bytes", .0.display())]
    TooLarge(PathBuf),
    #[error("{} has folders deeper than {DEPTH_MAX}", .0.display())]
    TooDeep(PathBuf),
    #[error("{} changed while it was read: try again", .0.display())]
    Moving(PathBuf),
}

/// One file of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileInfo {
    /// Relative to the folder, parts joined with `/`.
    pub path: String,
    pub bytes: u64,
    /// The owner may execute it.
    pub executable: bool,
    stamp: Stamp,
}

/// What shows that a file was touched, without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    /// Time of the last change of the inode in seconds and nanoseconds, which no program can set, and its number.
    inode: (i64, i64, u64),
}

/// All files of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    pub hash: Hash,
    /// In the order of the hash.
    pub files: Vec<FileInfo>,
}

impl Contents {
    /// Bytes of all files together.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|f| f.bytes).sum()
    }
}

/// The hash of everything in `dir`.
pub fn content_hash(dir: &Path) -> Result<Hash, FilesError> {
    contents(dir).map(|c| c.hash)
}

/// Hash and list of everything in `dir`.
pub fn contents(dir: &Path) -> Result<Contents, FilesError> {
    let files = list(dir)?;
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT_PLUGIN);
    for file in &files {
        let path = file.path.as_bytes();
        // The walk bounds paths by the file system's own limit and files by TOTAL_MAX_BYTES.
        hasher.update(&u32::try_from(path.len()).unwrap_or(u32::MAX).to_be_bytes());
        hasher.update(path);
        hasher.update(&[u8::from(file.executable)]);
        hasher.update(&file.bytes.to_be_bytes());
        feed(&mut hasher, &dir.join(&file.path), file.bytes)?;
    }
    Ok(Contents { hash: Hash(*hasher.finalize().as_bytes()), files })
}

fn feed(hasher: &mut blake3::Hasher, path: &Path, bytes: u64) -> Result<(), FilesError> {
    let io = |source| FilesError::Io { path: path.into(), source };
    let mut file = File::open(path).map_err(io)?.take(bytes + 1);
    let mut buffer = vec![0; CHUNK];
    let mut seen = 0;
    loop {
        let n = file.read(&mut buffer).map_err(io)?;
        if n == 0 {
            break;
        }
        seen += n as u64;
        hasher.update(buffer.get(..n).unwrap_or_default());
    }
    if seen == bytes { Ok(()) } else { Err(FilesError::Moving(path.into())) }
}

/// Every file of `dir`, in the order of the hash, without reading them.
pub fn list(dir: &Path) -> Result<Vec<FileInfo>, FilesError> {
    let io = |path: &Path, source| FilesError::Io { path: path.into(), source };
    let top = fs::symlink_metadata(dir).map_err(|e| io(dir, e))?;
    if top.is_symlink() {
        return Err(FilesError::Symlink(dir.into()));
    }
    let mut files = Vec::new();
    let mut total = 0u64;
    let mut folders = vec![(dir.to_path_buf(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        if depth > DEPTH_MAX {
            return Err(FilesError::TooDeep(dir.into()));
        }
        for entry in fs::read_dir(&folder).map_err(|e| io(&folder, e))? {
            let entry = entry.map_err(|e| io(&folder, e))?;
            let path = entry.path();
            let name = entry.file_name().into_string().map_err(|_| FilesError::Name(path.clone()))?;
            let meta = entry.metadata().map_err(|e| io(&path, e))?;
            let relative = format!("{prefix}{name}");
            if meta.is_symlink() {
                return Err(FilesError::Symlink(path));
            } else if meta.is_dir() {
                folders.push((path, format!("{relative}/"), depth + 1));
            } else if meta.is_file() {
                total = total.saturating_add(meta.len());
                files.push(info(relative, &meta));
            } else {
                return Err(FilesError::Special(path));
            }
            // Folders count too: an endless tree of empty ones must end somewhere.
            if files.len() + folders.len() > FILES_MAX {
                return Err(FilesError::TooMany(dir.into()));
            }
            if total > TOTAL_MAX_BYTES {
                return Err(FilesError::TooLarge(dir.into()));
            }
        }
    }
    files.sort_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()));
    Ok(files)
}

#[cfg(unix)]
fn info(path: String, meta: &Metadata) -> FileInfo {
    use std::os::unix::fs::MetadataExt;
    /// The owner may execute.
    const OWNER_EXECUTES: u32 = 0o100;
    let inode = (meta.ctime(), meta.ctime_nsec(), meta.ino());
    let stamp = Stamp { modified: meta.modified().ok(), inode };
    FileInfo { path, bytes: meta.len(), executable: meta.mode() & OWNER_EXECUTES != 0, stamp }
}

#[cfg(not(unix))]
fn info(path: String, meta: &Metadata) -> FileInfo {
    let stamp = Stamp { modified: meta.modified().ok(), inode: (0, 0, 0) };
    FileInfo { path, bytes: meta.len(), executable: false, stamp }
}

#[cfg(test)]
#[path = "hash_tests.rs"]
mod tests;
