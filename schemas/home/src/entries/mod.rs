//! Files that hold named entries under one key at the top, read and edited without disturbing what people wrote there.

mod layout;

pub(crate) use layout::Layout;

use crate::{
    HomeError, Place, private,
    yaml::{self, Key, KeyExt, Node, NodeExt, YAML_MAX_BYTES},
};
use if_manifest::args::nearest;
use if_schemas::Name;
use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Longest wait for another process that is editing the same file.
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// Time between two attempts to get the lock.
const LOCK_RETRY: Duration = Duration::from_millis(10);

/// The entries under `top`, the only key of a file.
pub(crate) fn entries<'a>(path: &Path, document: &'a Node, top: &str) -> Result<&'a [(Key, Node)], HomeError> {
    let keys = document.map(path, "the file")?;
    if let Some((key, _)) = keys.iter().find(|(key, _)| key.text != top) {
        return Err(key.unknown(path, "the file", &[top]));
    }
    keys.first().map_or(Ok(&[]), |(_, node)| node.map(path, top))
}

/// Removes an entry: its lines and the comments inside them. Everything else keeps its exact text.
/// Refuses a name that is not there and names the nearest.
pub(crate) fn remove(path: &Path, top: &'static str, what: &str, name: &Name) -> Result<(), HomeError> {
    edit(path, top, |file, before| {
        if before.names().any(|n| n == name.as_str()) {
            return before.without(name);
        }
        Err(missing(file, top, what, name, before.names()))
    })
}

/// There is no such entry.
pub(crate) fn missing<'a>(
    file: &Path,
    top: &str,
    what: &str,
    name: &Name,
    known: impl Iterator<Item = &'a str> + Clone,
) -> HomeError {
    let hint = match nearest(name.as_str(), known.clone()) {
        Some(near) => format!("did you mean {near}?"),
        None if known.clone().next().is_none() => format!("the file holds no {top}"),
        None => format!("there are: {}", known.collect::<Vec<_>>().join(", ")),
    };
    HomeError::invalid(Place::file(file), format!("no {what} {name}")).or_hint(hint)
}

/// Replaces the file atomically, with mode 0600, by what `change` makes of it. A file that does not exist counts as empty.
pub(crate) fn edit(
    path: &Path,
    top: &'static str,
    change: impl Fn(&Path, &Layout) -> Result<String, HomeError>,
) -> Result<(), HomeError> {
    // A link is followed, so that it stays one.
    let target = match fs::canonicalize(path) {
        Ok(target) => target,
        Err(e) if e.kind() == io::ErrorKind::NotFound => path.to_path_buf(),
        Err(e) => return Err(HomeError::io(path, "find", e)),
    };
    let _lock = lock(&target)?;
    let text = match private::read(&target, YAML_MAX_BYTES) {
        Ok((text, _)) => text,
        Err(e) if e.is_missing() => Default::default(),
        Err(e) => return Err(e),
    };
    let document = yaml::parse(&target, &text)?;
    let layout = Layout::new(&target, top, &text, document.as_ref())?;
    let after = change(path, &layout)?;
    private::replace(&target, after.as_bytes())
}

/// Holds editors of one file apart: an advisory lock on `.<file>.lock` beside it, released when dropped or when the
/// process dies. The file itself cannot carry the lock, since every edit replaces it. Readers need no lock.
fn lock(path: &Path) -> Result<File, HomeError> {
    let file = lock_file(path);
    if let Some(dir) = file.parent() {
        private::create_dir(dir)?;
    }
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let lock = options.open(&file).map_err(|e| HomeError::io(&file, "open", e))?;
    let give_up = Instant::now() + LOCK_WAIT;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if Instant::now() < give_up => std::thread::sleep(LOCK_RETRY),
            Err(TryLockError::WouldBlock) => {
                return Err(HomeError::invalid(Place::file(path), "another process is changing this file")
                    .or_hint("run the command again when it is done"));
            }
            Err(TryLockError::Error(e)) => return Err(HomeError::io(&file, "lock", e)),
        }
    }
}

fn lock_file(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".lock");
    path.with_file_name(name)
}
