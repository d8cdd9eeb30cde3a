//! Providers that are not built in: they come, change and go with files while the worker runs.

use crate::Provider;
use std::sync::Arc;

/// Where providers come from.
pub trait Source: Send + Sync {
    /// Looks at the files; may block. A provider that did not change is the same `Arc` as the time before: another one
    /// makes its instances start anew.
    fn scan(&self) -> Scan;
}

/// What is there now.
#[derive(Default)]
pub struct Scan {
    pub providers: Vec<Arc<dyn Provider>>,
    /// What is wrong, for people: `file:line:column: what`.
    pub complaints: Vec<String>,
}
