//! Providers that are YAML files: the built-in ones, and those of the plugins folder, which come and go while this runs.

use crate::clock;
use if_engine::{HttpProvider, Provider, Scan, Source};
use if_home::{
    HomeError,
    plugins::{self, ManifestFiles, Stamp},
};
use if_manifest::{CatalogEntry, Plan};
use if_schemas::Name;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// Every provider of the catalog. One that does not compile is left out and said why: the build's tests refuse it.
pub fn built_in(tokens: &Path) -> Scan {
    let mut scan = Scan::default();
    for made in on_all_cores(if_manifest::catalog(), |entry| of_entry(entry, tokens)) {
        match made {
            Ok(provider) => scan.providers.push(provider),
            Err(complaints) => scan.complaints.extend(complaints),
        }
    }
    scan
}

type Made = Result<Arc<dyn Provider>, Vec<String>>;

/// `work` for each item, in their order. A hundred manifests take a while to read, and each is read by itself.
fn on_all_cores<I: Sync, O: Send>(items: &[I], work: impl Fn(&I) -> O + Sync) -> Vec<O> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = items.len().div_ceil(cores).max(1);
    std::thread::scope(|scope| {
        let work = &work;
        let parts: Vec<_> =
            items.chunks(share).map(|part| scope.spawn(move || part.iter().map(work).collect())).collect();
        let done = parts.into_iter().map(|part| part.join());
        // A panic in one part goes on here, as it would have without threads.
        done.flat_map(|part: std::thread::Result<Vec<O>>| part.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

fn of_entry(entry: &CatalogEntry, tokens: &Path) -> Made {
    let plan = entry.plan().map_err(texts)?;
    let prices = entry.prices().transpose().map_err(texts)?;
    Ok(provider(plan, prices, tokens))
}

fn provider(plan: Plan, prices: Option<if_manifest::Prices>, tokens: &Path) -> Arc<dyn Provider> {
    let table = prices.map(|p| p.table(clock::now()));
    Arc::new(HttpProvider::new(Arc::new(plan), table, tokens.to_path_buf()))
}

fn texts(errors: Vec<if_manifest::ManifestError>) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

/// The manifests of a plugins folder.
pub struct ManifestSource {
    dir: PathBuf,
    tokens: PathBuf,
    /// By id, as of the last look: what did not change is not read again.
    seen: Mutex<BTreeMap<Name, (Stamp, Made)>>,
}

impl ManifestSource {
    pub fn new(dir: PathBuf, tokens: PathBuf) -> Self {
        Self { dir, tokens, seen: Mutex::default() }
    }

    fn load(&self, id: &Name) -> Made {
        let files = plugins::load(&self.dir, id).map_err(|e| vec![e.message()])?;
        let ManifestFiles { manifest, prices, .. } = files;
        let plan = if_manifest::compile_as(id.as_str(), &manifest.path.to_string_lossy(), &manifest.text);
        let plan = plan.map_err(texts)?;
        let prices = prices.map(|file| if_manifest::prices(id.as_str(), &file.path.to_string_lossy(), &file.text));
        Ok(provider(plan, prices.transpose().map_err(texts)?, &self.tokens))
    }

    fn look(&self, found: BTreeMap<Name, Stamp>) -> Scan {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|id, (stamp, _)| found.get(id) == Some(stamp));
        let new: Vec<(Name, Stamp)> = found.into_iter().filter(|(id, _)| !seen.contains_key(id)).collect();
        let made = on_all_cores(&new, |(id, _)| self.load(id));
        seen.extend(new.into_iter().zip(made).map(|((id, stamp), made)| (id, (stamp, made))));
        let mut scan = Scan::default();
        for (_, made) in seen.values() {
            match made {
                Ok(provider) => scan.providers.push(provider.clone()),
                Err(complaints) => scan.complaints.extend(complaints.iter().cloned()),
            }
        }
        scan
    }
}

impl Source for ManifestSource {
    fn scan(&self) -> Scan {
        match plugins::manifests(&self.dir) {
            Ok(found) => self.look(found),
            Err(error) => {
                // What was there goes on: a folder that cannot be read for a moment takes nothing away.
                let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                let providers = seen.values().filter_map(|(_, made)| made.as_ref().ok().cloned()).collect();
                Scan { providers, complaints: vec![HomeError::message(&error)] }
            }
        }
    }
}

#[cfg(test)]
mod tests;
