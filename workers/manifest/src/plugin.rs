//! An executable plugin as its `plugin.yaml` describes it.

use crate::ProviderSpec;
use if_schemas::Name;

/// A plugin whose file is right; see [`crate::compile_plugin`].
#[derive(Debug, Clone)]
pub struct Plugin {
    pub id: Name,
    pub spec: ProviderSpec,
    /// Not empty. `./…` is a file of the folder.
    pub command: Vec<String>,
    /// Names of variables the process gets from the worker.
    pub environment: Vec<String>,
    pub resources: Resources,
}

/// The most one process may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resources {
    pub memory_mib: u32,
    pub files: u32,
    pub file_mib: u32,
    pub cpu_seconds: u32,
}

impl Default for Resources {
    fn default() -> Self {
        Self { memory_mib: 512, files: 256, file_mib: 256, cpu_seconds: 3_600 }
    }
}

#[cfg(test)]
#[path = "plugin_tests.rs"]
mod tests;
