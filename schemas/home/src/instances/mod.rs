//! `providers/<provider>.yaml`: the instances of one provider.
//!
//! ```yaml
//! instances:
//!   myvmix: {host: 192.168.1.100, port: 8088, enabled: true}
//! ```
//!
//! Beside the provider's own fields an instance may hold `enabled` (default true), `simulated` (default false: what
//! it does is recorded as simulated), and `backup` with `mode` (another instance of the file that stands in for it). Files with a literal secret are refused where other users can read them.

mod backup;
mod check;
mod edit;
mod load;

pub use backup::Backup;
pub use edit::{add, remove};
pub use load::{Each, Scan, Warning, load, load_each, scan};

use crate::SecretRef;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, fmt};

/// The one key of a file.
const TOP: &str = "instances";

/// One instance as its file describes it.
#[derive(Clone, PartialEq, Eq)]
pub struct Instance {
    /// Not served while false.
    pub enabled: bool,
    /// A stand-in for the real thing; recorded with every result.
    pub simulated: bool,
    /// What stands in for it.
    pub backup: Option<Backup>,
    /// Every field of the provider that is given or has a default, checked. Secret fields are the text of the file, so
    /// a reference or a literal: take them from `secrets`, and never print this.
    pub settings: Map<String, Value>,
    /// The secret fields that are given, by field name, not yet resolved.
    pub secrets: BTreeMap<String, SecretRef>,
}

impl Instance {
    /// The settings that are no secrets.
    pub fn open_settings(&self) -> Map<String, Value> {
        let open = self.settings.iter().filter(|(name, _)| !self.secrets.contains_key(*name));
        open.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("enabled", &self.enabled)
            .field("simulated", &self.simulated)
            .field("backup", &self.backup)
            .field("settings", &self.open_settings())
            .field("secrets", &self.secrets)
            .finish()
    }
}
