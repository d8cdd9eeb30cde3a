//! Adding and removing instances without disturbing what people wrote in the file.

use super::{
    check::{check, known_fields},
    load,
    text::Layout,
};
use crate::{
    HomeError, Place,
    private::{self, Exposure},
    yaml::{self, YAML_MAX_BYTES},
};
use if_manifest::{ProviderSpec, args::nearest};
use if_schemas::Name;
use serde_json::{Map, Value};
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

/// Adds an instance with the fields given (`enabled` and `simulated` may be among them); defaults are not written.
/// Comments and other entries keep their exact text. The file is replaced atomically and is of mode 0600 afterwards.
/// Refuses a name that exists and fields the provider does not have.
pub fn add(path: &Path, spec: &ProviderSpec, name: &Name, fields: Map<String, Value>) -> Result<(), HomeError> {
    let fields = in_order(path, spec, &fields)?;
    edit(path, |file, before| {
        if before.names().any(|n| n == name.as_str()) {
            return Err(HomeError::invalid(Place::file(file), format!("instance {name} exists already"))
                .or_hint(format!("choose another name, or `ifctl {} remove {name}` first", spec.id)));
        }
        let after = before.with(name, &fields)?;
        if fields.iter().any(|(field, _)| field == "backup") {
            check_backup(path, spec, name, &after)?;
        }
        Ok(after)
    })
}

/// What is wrong with the new entry only beside the others: a backup that is none. Shown without a place, as the file is
/// not written.
fn check_backup(path: &Path, spec: &ProviderSpec, name: &Name, after: &str) -> Result<(), HomeError> {
    let Some(document) = yaml::parse(path, after)? else { return Ok(()) };
    match load::each(path, spec, Exposure::Private, &document)?.remove(name) {
        Some(Err(HomeError::Invalid { what, hint, .. })) => {
            Err(HomeError::Invalid { place: Place::file(path), what, hint })
        }
        Some(Err(other)) => Err(other),
        _ => Ok(()),
    }
}

/// Removes an instance: its lines and the comments inside them. Everything else keeps its exact text.
/// Refuses a name that is not there and names the nearest.
pub fn remove(path: &Path, name: &Name) -> Result<(), HomeError> {
    edit(path, |file, before| {
        if before.names().any(|n| n == name.as_str()) {
            return before.without(name);
        }
        let hint = match nearest(name.as_str(), before.names()) {
            Some(near) => format!("did you mean {near}?"),
            None if before.names().next().is_none() => "the file holds no instances".to_string(),
            None => format!("there are: {}", before.names().collect::<Vec<_>>().join(", ")),
        };
        Err(HomeError::invalid(Place::file(file), format!("no instance {name}")).or_hint(hint))
    })
}

/// The fields, checked, in the order they are written.
fn in_order(path: &Path, spec: &ProviderSpec, fields: &Map<String, Value>) -> Result<Vec<(String, Value)>, HomeError> {
    check(spec, fields).map_err(|w| HomeError::Invalid { place: Place::file(path), what: w.what, hint: w.hint })?;
    Ok(known_fields(spec).filter_map(|f| fields.get(f).map(|v| (f.to_string(), v.clone()))).collect())
}

fn edit(path: &Path, change: impl Fn(&Path, &Layout) -> Result<String, HomeError>) -> Result<(), HomeError> {
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
    let layout = Layout::new(&target, &text, document.as_ref())?;
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
