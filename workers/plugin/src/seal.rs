//! Whether a plugin is still the one that was pinned. Files are read again only where something about them changed.

use crate::provider::Pins;
use if_engine::AdapterError;
use if_plugin_files::{FileInfo, FilesError, contents, list};
use if_schemas::{Hash, Name, presence::InstanceState};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// Why a plugin may not run.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    #[error("the plugin {0} is not trusted")]
    NotPinned(Name),
    #[error("the plugin {plugin} changed since it was trusted: its files have the hash {found}, {pinned} is trusted")]
    Changed { plugin: Name, found: Hash, pinned: Hash },
    #[error("the files of the plugin {plugin} cannot be checked: {source}")]
    Files { plugin: Name, source: FilesError },
    #[error("the files of the plugin {0} were not checked: the check was stopped")]
    Stopped(Name),
}

impl Broken {
    pub fn into_error(self) -> AdapterError {
        let hint = match &self {
            Broken::NotPinned(id) => format!("look at its files, then an admin trusts it: `ifctl plugin trust {id}`"),
            Broken::Changed { plugin, .. } => {
                format!("look at what changed, then an admin trusts it anew: `ifctl plugin trust {plugin}`")
            }
            Broken::Files { .. } | Broken::Stopped(_) => "see `ifctl plugin list`".into(),
        };
        AdapterError::new(InstanceState::BadConfig, self.to_string()).hint(hint)
    }
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Seal(Arc<Inner>);

struct Inner {
    plugin: Name,
    dir: PathBuf,
    pins: Pins,
    /// The files as they were when they last had that hash.
    seen: Mutex<Option<(Hash, Vec<FileInfo>)>>,
}

impl Seal {
    pub fn new(plugin: Name, dir: PathBuf, pins: Pins) -> Self {
        Self(Arc::new(Inner { plugin, dir, pins, seen: Mutex::default() }))
    }

    /// Reads every file.
    pub async fn check_whole(&self) -> Result<(), Broken> {
        self.check(true).await
    }

    /// Reads the files only if one of them was touched since they were last found right.
    pub async fn check_touched(&self) -> Result<(), Broken> {
        self.check(false).await
    }

    async fn check(&self, whole: bool) -> Result<(), Broken> {
        let this = self.clone();
        let checked = tokio::task::spawn_blocking(move || this.0.check(whole)).await;
        checked.unwrap_or_else(|_| Err(Broken::Stopped(self.0.plugin.clone())))
    }
}

impl Inner {
    fn check(&self, whole: bool) -> Result<(), Broken> {
        let plugin = || self.plugin.clone();
        let pinned = self.pins.borrow().get(&self.plugin).copied().ok_or_else(|| Broken::NotPinned(plugin()))?;
        let failed = |source| Broken::Files { plugin: plugin(), source };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !whole
            && let Some((hash, files)) = &*seen
            && *hash == pinned
            && *files == list(&self.dir).map_err(failed)?
        {
            return Ok(());
        }
        let now = contents(&self.dir).map_err(failed)?;
        let found = now.hash;
        *seen = Some((found, now.files));
        if found == pinned { Ok(()) } else { Err(Broken::Changed { plugin: plugin(), found, pinned }) }
    }
}
