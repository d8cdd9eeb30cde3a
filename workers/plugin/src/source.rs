//! The executable plugins of a folder, as providers that come, change and go with it.

use crate::provider::{Pins, PluginProvider};
use if_engine::{Provider, Source, source::Scan};
use if_plugin_files::{Folder, PLUGIN_FILE, PRICES_FILE};
use if_schemas::Timestamp;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

pub struct PluginSource {
    dir: PathBuf,
    data: PathBuf,
    pins: Pins,
    now: fn() -> Timestamp,
    /// By folder: its files, and what came of them.
    known: Mutex<BTreeMap<PathBuf, (Texts, Made)>>,
}

/// `plugin.yaml` and `prices.yaml` as they were read.
type Texts = [Vec<u8>; 2];
/// Or everything that is wrong with it.
type Made = Result<Arc<dyn Provider>, Vec<String>>;

impl PluginSource {
    /// Plugins in `dir`, with their working directories in `data`. `now` says which of their prices are in force.
    pub fn new(dir: PathBuf, data: PathBuf, pins: Pins, now: fn() -> Timestamp) -> Self {
        Self { dir, data, pins, now, known: Mutex::default() }
    }

    fn make(&self, dir: &Path) -> Made {
        let folder = Folder::load(dir).map_err(|e| e.lines())?;
        let table = folder.prices.as_ref().map(|prices| prices.table((self.now)()));
        Ok(Arc::new(PluginProvider::new(folder, self.data.clone(), self.pins.clone(), table)))
    }
}

impl Source for PluginSource {
    fn scan(&self) -> Scan {
        let mut scan = Scan::default();
        let folders = if_plugin_files::scan(&self.dir).unwrap_or_else(|e| {
            scan.complaints.push(e.to_string());
            Vec::new()
        });
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut old = std::mem::take(&mut *known);
        for dir in folders {
            // What cannot be read here is reported by `make`, which reads it again, bounded.
            let text = [PLUGIN_FILE, PRICES_FILE].map(|file| bounded(&dir.join(file)));
            let made = match old.remove(&dir) {
                // A file that `command` names may have come meanwhile: what is broken is tried again.
                Some((before, made @ Ok(_))) if before == text => made,
                _ => self.make(&dir),
            };
            match &made {
                Ok(provider) => scan.providers.push(provider.clone()),
                Err(complaints) => scan.complaints.extend(complaints.iter().cloned()),
            }
            known.insert(dir, (text, made));
        }
        scan
    }
}

fn bounded(path: &Path) -> Vec<u8> {
    use std::io::Read;
    let limit = if_manifest::MANIFEST_MAX_BYTES as u64 + 1;
    let mut text = Vec::new();
    let read = fs::File::open(path).and_then(|f| f.take(limit).read_to_end(&mut text));
    if read.is_ok() { text } else { Vec::new() }
}
