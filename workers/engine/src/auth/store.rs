//! Where rotated refresh tokens are kept: one file per instance, readable by its owner only.

use crate::Secret;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};
use zeroize::{Zeroize, Zeroizing};

/// Largest token file read, bytes.
pub const TOKEN_FILE_MAX_BYTES: u64 = 256 * 1024;
/// Version of the file format.
const VERSION: u8 = 1;

/// Why a token could not be read or kept. Never holds one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {why}")]
pub struct StoreError {
    pub path: String,
    pub why: String,
}

/// Keeps the tokens of one instance. Calls may block: they are made off the runtime's threads.
pub trait TokenStore: Send + Sync {
    /// What was last saved under `key`.
    fn load(&self, key: &str) -> Result<Option<Secret>, StoreError>;
    /// Durable once it returns.
    fn save(&self, key: &str, token: &Secret) -> Result<(), StoreError>;
}

/// In memory: forgotten at the end of the process.
#[derive(Default)]
pub struct MemoryTokenStore(Mutex<BTreeMap<String, Secret>>);

impl TokenStore for MemoryTokenStore {
    fn load(&self, key: &str) -> Result<Option<Secret>, StoreError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }
    fn save(&self, key: &str, token: &Secret) -> Result<(), StoreError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.into(), token.clone());
        Ok(())
    }
}

/// `DIR/PROVIDER.INSTANCE.json`, mode 0600. A reader sees the old file or the new one, never a mixture.
pub struct FileTokenStore {
    path: PathBuf,
    /// Reading, changing and replacing are one step.
    lock: Mutex<()>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u8,
    tokens: BTreeMap<String, String>,
}

impl Drop for File {
    fn drop(&mut self) {
        self.tokens.values_mut().for_each(Zeroize::zeroize);
    }
}

impl FileTokenStore {
    /// `dir` need not exist yet; it is made with mode 0700. The names are those of the instance, as subjects have them.
    pub fn new(dir: &Path, provider: &str, instance: &str) -> Self {
        Self { path: dir.join(format!("{provider}.{instance}.json")), lock: Mutex::new(()) }
    }

    fn error(&self, why: impl Into<String>) -> StoreError {
        StoreError { path: self.path.display().to_string(), why: why.into() }
    }

    fn io(&self, what: &str) -> impl Fn(io::Error) -> StoreError {
        let (path, what) = (self.path.display().to_string(), what.to_string());
        move |e| StoreError { path: path.clone(), why: format!("cannot {what}: {e}") }
    }

    fn read(&self) -> Result<File, StoreError> {
        let file = match std::fs::File::open(&self.path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Ok(File { version: VERSION, tokens: BTreeMap::new() });
            }
            Err(e) => return Err(self.io("open")(e)),
        };
        self.check_mode(&file)?;
        let mut text = Zeroizing::new(Vec::new());
        io::Read::read_to_end(&mut io::Read::take(file, TOKEN_FILE_MAX_BYTES), &mut text).map_err(self.io("read"))?;
        // The parser's own message may quote what it read.
        let file: File = serde_json::from_slice(&text).map_err(|e| {
            let at = format!("line {} column {}", e.line(), e.column());
            self.error(format!("is no token file ({at}); delete it to begin again from the instance's settings"))
        })?;
        match file.version {
            VERSION => Ok(file),
            other => Err(self.error(format!("has version {other} and this worker knows {VERSION}; update the worker"))),
        }
    }

    #[cfg(unix)]
    fn check_mode(&self, file: &std::fs::File) -> Result<(), StoreError> {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata().map_err(self.io("look at"))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(self.error(format!("others can read it (mode {:o}); chmod 600", mode & 0o777)));
        }
        Ok(())
    }

    #[cfg(not(unix))]
    fn check_mode(&self, _: &std::fs::File) -> Result<(), StoreError> {
        // The file is in the profile of the user, which other users cannot read.
        Ok(())
    }

    fn write(&self, file: &File) -> Result<(), StoreError> {
        let dir = self.path.parent().unwrap_or(Path::new("."));
        make_dir(dir).map_err(self.io("make the directory of"))?;
        let text = serde_json::to_vec(file).map(Zeroizing::new).map_err(|_| self.error("cannot be written as JSON"))?;
        // Made with mode 0600, and removed again on every early return.
        let mut new = tempfile::NamedTempFile::new_in(dir).map_err(self.io("make a file beside"))?;
        new.write_all(&text).map_err(self.io("write"))?;
        new.as_file().sync_all().map_err(self.io("sync"))?;
        new.persist(&self.path).map_err(|e| self.io("replace")(e.error))?;
        sync_dir(dir).map_err(self.io("sync the directory of"))
    }
}

#[cfg(unix)]
fn make_dir(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

#[cfg(not(unix))]
fn make_dir(dir: &Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)
}

#[cfg(unix)]
fn sync_dir(dir: &Path) -> io::Result<()> {
    std::fs::File::open(dir)?.sync_all()
}

#[cfg(not(unix))]
fn sync_dir(_: &Path) -> io::Result<()> {
    // Directories cannot be opened; the rename is journalled by the file system.
    Ok(())
}

impl TokenStore for FileTokenStore {
    fn load(&self, key: &str) -> Result<Option<Secret>, StoreError> {
        let _lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(self.read()?.tokens.get(key).cloned().map(Secret::new))
    }

    fn save(&self, key: &str, token: &Secret) -> Result<(), StoreError> {
        let _lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = self.read()?;
        if let Some(mut old) = file.tokens.insert(key.into(), token.expose().into()) {
            old.zeroize();
        }
        self.write(&file)
    }
}
