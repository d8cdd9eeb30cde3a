//! The live state of an instance: what its pushes say, as values under dotted paths (`tally.program` = 3).
//!
//! An adapter writes, anybody reads. A reader that is behind sees the newest value of each path, not every value: memory is
//! bounded by the number of paths, and nobody ever waits for a reader.

use if_schemas::state::is_path;
pub use if_schemas::state::segment;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// Most paths of one instance; more are left out, and [`Changes::truncated`] says so.
pub const PATHS_MAX: usize = 20_000;
/// Largest value as JSON, bytes.
pub const VALUE_MAX_BYTES: usize = 8 * 1024;

/// The values of one instance.
#[derive(Debug)]
pub struct LiveState {
    inner: Mutex<Inner>,
    version: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Inner {
    version: u64,
    /// None: the path was there and is gone.
    slots: BTreeMap<String, (u64, Option<Value>)>,
    fresh: bool,
    fresh_since: u64,
    truncated: bool,
}

/// What is different since a version.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    /// To ask from the next time.
    pub version: u64,
    /// By path; `None` where it is gone.
    pub values: Vec<(String, Option<Value>)>,
    /// False while the connection is lost: the values are the last known.
    pub fresh: bool,
    /// Freshness changed too.
    pub turned: bool,
    /// The instance has more paths than are kept.
    pub truncated: bool,
}

impl Default for LiveState {
    fn default() -> Self {
        Self { inner: Mutex::default(), version: watch::Sender::new(0) }
    }
}

impl LiveState {
    /// Sets one value. Parts of the path that are names are made with [`segment`].
    pub fn set(&self, path: &str, value: Value) {
        self.update(|state| state.put(path, value));
    }

    /// Removes `path` and everything below it.
    pub fn remove(&self, path: &str) {
        self.update(|state| state.remove(|known| below(known, path)));
    }

    /// Sets everything below `prefix` (all, where it is empty) to exactly `values`, whose paths are whole.
    pub fn replace(&self, prefix: &str, values: BTreeMap<String, Value>) {
        self.update(|state| {
            state.remove(|known| (prefix.is_empty() || below(known, prefix)) && !values.contains_key(known));
            for (path, value) in values {
                state.put(&path, value);
            }
        });
    }

    /// Whether the values are those of now. False once the connection is lost; the values stay, as the last known.
    pub fn set_fresh(&self, fresh: bool) {
        self.update(|state| {
            if state.fresh != fresh {
                state.version += 1;
                state.fresh = fresh;
                state.fresh_since = state.version;
            }
        });
    }

    pub fn get(&self, path: &str) -> Option<Value> {
        self.lock().slots.get(path).and_then(|(_, value)| value.clone())
    }

    /// The value of a path, null where it is not there; none while the values are not those of now.
    pub fn fresh_value(&self, path: &str) -> Option<Value> {
        let state = self.lock();
        let value = || state.slots.get(path).and_then(|(_, value)| value.clone()).unwrap_or(Value::Null);
        state.fresh.then(value)
    }

    /// What is different since `version`; 0 gives everything there is.
    pub fn changes_since(&self, version: u64) -> Changes {
        let state = self.lock();
        let later = state.slots.iter().filter(|(_, (at, value))| *at > version && (version > 0 || value.is_some()));
        Changes {
            version: state.version,
            values: later.map(|(path, (_, value))| (path.clone(), value.clone())).collect(),
            fresh: state.fresh,
            turned: state.fresh_since > version,
            truncated: state.truncated,
        }
    }

    /// Counts up with every change.
    pub fn version(&self) -> u64 {
        self.lock().version
    }

    /// Told whenever something changes; the value is the version.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    fn update(&self, change: impl FnOnce(&mut Inner)) {
        let mut state = self.lock();
        let before = state.version;
        change(&mut state);
        let after = state.version;
        drop(state);
        if after != before {
            // Not `send`: there may be nobody to tell. Two writers may pass each other: the version never goes back.
            self.version.send_if_modified(|known| std::mem::replace(known, after.max(*known)) < after);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change is whole in itself: a panic between two leaves nothing half-written.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn put(&mut self, path: &str, value: Value) {
        let same = self.slots.get(path).is_some_and(|(_, known)| known.as_ref() == Some(&value));
        if same {
            return;
        }
        let fits = is_path(path) && value.to_string().len() <= VALUE_MAX_BYTES;
        if !fits || (!self.slots.contains_key(path) && !self.room()) {
            self.truncated = true;
            return;
        }
        self.version += 1;
        self.slots.insert(path.to_string(), (self.version, Some(value)));
    }

    /// Whether one more path may come; forgets paths that are gone first.
    fn room(&mut self) -> bool {
        if self.slots.len() >= PATHS_MAX {
            self.slots.retain(|_, (_, value)| value.is_some());
        }
        self.slots.len() < PATHS_MAX
    }

    fn remove(&mut self, which: impl Fn(&str) -> bool) {
        for (path, slot) in &mut self.slots {
            if slot.1.is_some() && which(path) {
                self.version += 1;
                *slot = (self.version, None);
            }
        }
    }
}

fn below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests;
