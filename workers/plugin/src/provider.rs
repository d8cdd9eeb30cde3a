//! A plugin as a provider, and the check a person makes before trusting it.

use crate::{
    adapter::{PluginAdapter, describe},
    process::Process,
    protocol::Described,
    redact::Redactor,
    sandbox::{self, Errors},
};
use async_trait::async_trait;
use if_engine::{Adapter, AdapterError, InstanceConfig, Prices, Provider};
use if_manifest::ProviderSpec;
use if_plugin_files::{FilesError, Folder, content_hash};
use if_schemas::{Hash, Name, price::PriceTable};
use std::{collections::BTreeMap, path::Path, path::PathBuf, sync::Arc};
use tokio::sync::watch;

/// Where the process of a check works: no instance can have this name.
const CHECK_PLACE: &str = ".check";

/// The plugins that may run now, with the hash each must have.
pub type Pins = watch::Receiver<Arc<BTreeMap<Name, Hash>>>;

/// Makes adapters for one plugin.
pub struct PluginProvider {
    folder: Folder,
    /// Working directories: `<data>/<plugin>/<instance>`.
    data: PathBuf,
    pins: Pins,
    table: Option<PriceTable>,
}

impl PluginProvider {
    /// `table` holds the prices now in force.
    pub fn new(folder: Folder, data: PathBuf, pins: Pins, table: Option<PriceTable>) -> Self {
        Self { folder, data, pins, table }
    }
}

#[async_trait]
impl Provider for PluginProvider {
    fn spec(&self) -> &ProviderSpec {
        &self.folder.plugin.spec
    }

    /// Quantities come from the process; what they cost never does.
    fn prices(&self) -> Prices {
        Prices::of(self.spec(), self.table.clone())
    }

    fn adapter(&self, config: InstanceConfig) -> Result<Arc<dyn Adapter>, AdapterError> {
        let work = sandbox::work_dir(&self.data, &self.folder, config.name.as_str());
        Ok(Arc::new(PluginAdapter::new(self.folder.clone(), work, config, self.pins.clone())))
    }
}

/// Why a plugin fails its check.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error("it cannot be started: {0}")]
    Start(std::io::Error),
    #[error("{0}")]
    Describe(String),
}

/// Hashes the files and runs the plugin as the worker would, up to the answer to `describe`: it gets no settings and no
/// secrets. What it writes to its standard error goes to that of this process.
pub async fn check(folder: &Folder, data: &Path) -> Result<(Hash, Described), CheckError> {
    let hash = content_hash(&folder.dir)?;
    let work = sandbox::work_dir(data, folder, CHECK_PLACE);
    let process =
        Process::start(folder, &work, "check", Errors::Shown, Redactor::default()).map_err(CheckError::Start)?;
    let described = describe(&process, &folder.plugin).await;
    process.shut_down().await;
    Ok((hash, described.map_err(|e| CheckError::Describe(e.message))?))
}
