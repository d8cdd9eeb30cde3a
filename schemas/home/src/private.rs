//! Small files read whole and replaced whole; private ones are usable by their owner alone.

use crate::{HomeError, Place};
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
};
use zeroize::Zeroizing;

/// Most bytes of a key or seed file.
pub const SECRET_FILE_MAX_BYTES: u64 = 4 * 1024;

/// Whether others may use a file, as far as the platform can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exposure {
    Private,
    /// Unix mode bits of the file.
    Open(u32),
}

/// Reads a UTF-8 file of at most `max` bytes, and tells whether others may use it.
pub(crate) fn read(path: &Path, max: u64) -> Result<(Zeroizing<String>, Exposure), HomeError> {
    let file = File::open(path).map_err(|e| HomeError::io(path, "open", e))?;
    // Asked of the open file, so that a file put in its place meanwhile cannot lie.
    let exposure = exposure(&file).map_err(|e| HomeError::io(path, "read the mode", e))?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(max.saturating_add(1)).read_to_end(&mut bytes).map_err(|e| HomeError::io(path, "read", e))?;
    if bytes.len() as u64 > max {
        return Err(HomeError::invalid(Place::file(path), format!("larger than the limit of {max} bytes")));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok((Zeroizing::new(text.to_string()), exposure)),
        Err(e) => {
            let before = bytes.get(..e.valid_up_to()).unwrap_or_default();
            let line = 1 + before.iter().filter(|b| **b == b'\n').count() as u64;
            let column = 1 + before.iter().rev().take_while(|b| **b != b'\n').count() as u64;
            Err(HomeError::invalid(Place::at(path, line, column), "not UTF-8 text").or_hint("save the file as UTF-8"))
        }
    }
}

/// Reads a secret (a key, an nkey seed) from a file its owner alone may use; surrounding white space is dropped.
/// `what` completes "… holds": "a private key".
pub fn read_secret(path: &Path, what: &'static str) -> Result<Zeroizing<String>, HomeError> {
    let (text, exposure) = read(path, SECRET_FILE_MAX_BYTES)?;
    refuse_open(path, what, exposure)?;
    Ok(Zeroizing::new(text.trim().to_string()))
}

pub(crate) fn refuse_open(path: &Path, what: &'static str, exposure: Exposure) -> Result<(), HomeError> {
    match exposure {
        Exposure::Private => Ok(()),
        Exposure::Open(mode) => Err(HomeError::Exposed { file: path.to_path_buf(), what, mode }),
    }
}

#[cfg(unix)]
fn exposure(file: &File) -> io::Result<Exposure> {
    use std::os::unix::fs::PermissionsExt;
    /// Every right of group and others.
    const OTHERS: u32 = 0o077;
    let mode = file.metadata()?.permissions().mode() & 0o7777;
    Ok(if mode & OTHERS == 0 { Exposure::Private } else { Exposure::Open(mode) })
}

/// Elsewhere access lists decide, and a user's own directory is private to them by default.
#[cfg(not(unix))]
fn exposure(_: &File) -> io::Result<Exposure> {
    Ok(Exposure::Private)
}

/// Creates a directory (and those above it) that its owner alone may enter.
pub fn create_dir(path: &Path) -> Result<(), HomeError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|e| HomeError::io(path, "create the directory", e))
}

/// What an existing file means to a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Existing {
    Refuse,
    Replace,
}

/// Writes a new file of mode 0600; an existing one is refused and left as it is. See [`replace`] for durability.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), HomeError> {
    write(path, bytes, Existing::Refuse)
}

/// Replaces a file, mode 0600. Readers see the old bytes or the new ones, never a mixture: the new bytes go to a
/// temporary file of an unused name, are synced, renamed over the old file, and the directory is synced.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), HomeError> {
    write(path, bytes, Existing::Replace)
}

fn write(path: &Path, bytes: &[u8], existing: Existing) -> Result<(), HomeError> {
    let dir = path.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_dir(dir)?;
    // `tempfile` creates with O_EXCL and mode 0600, and removes the file on every early return.
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .tempfile_in(dir)
        .map_err(|e| HomeError::io(dir, "create a file in the directory", e))?;
    file.write_all(bytes).map_err(|e| HomeError::io(path, "write", e))?;
    file.as_file().sync_all().map_err(|e| HomeError::io(path, "sync", e))?;
    match existing {
        Existing::Replace => file.persist(path),
        Existing::Refuse => file.persist_noclobber(path),
    }
    .map_err(|e| HomeError::io(path, "write", e.error))?;
    sync_dir(dir).map_err(|e| HomeError::io(dir, "sync the directory", e))
}

#[cfg(unix)]
fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Directories cannot be synced elsewhere; the file system orders renames itself.
#[cfg(not(unix))]
fn sync_dir(_: &Path) -> io::Result<()> {
    Ok(())
}
