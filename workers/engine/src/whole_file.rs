//! A file on the worker's machine that is whole or not there: written beside its place, then put there at once.

use std::{
    io,
    path::{Path, PathBuf},
};
use tempfile::NamedTempFile;

/// A file that is not in its place yet. Dropped, it is gone.
pub struct WholeFile {
    temporary: NamedTempFile,
    path: PathBuf,
    overwrite: bool,
}

impl WholeFile {
    /// A file that will be `path`, and the handle to write to it. Nothing is at `path` before [`keep`](Self::keep).
    pub fn begin(path: &Path, overwrite: bool) -> io::Result<(Self, tokio::fs::File)> {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let temporary = NamedTempFile::new_in(folder)?;
        let file = temporary.as_file().try_clone()?;
        Ok((Self { temporary, path: path.into(), overwrite }, tokio::fs::File::from_std(file)))
    }

    /// Puts it in its place. Fails where something is there and may not be replaced.
    pub fn keep(self) -> io::Result<()> {
        let kept = match self.overwrite {
            true => self.temporary.persist(&self.path),
            false => self.temporary.persist_noclobber(&self.path),
        };
        kept.map(|_| ()).map_err(|e| e.error)
    }
}
