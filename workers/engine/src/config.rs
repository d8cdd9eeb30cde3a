//! The settings of one instance as an adapter gets them: checked, defaults filled in, secrets resolved.

use crate::Secret;
use if_schemas::Name;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
pub struct InstanceConfig {
    pub provider: Name,
    pub name: Name,
    /// Settings that are no secrets, of the types the provider's fields give.
    pub settings: Map<String, Value>,
    pub secrets: BTreeMap<String, Secret>,
}

impl InstanceConfig {
    pub fn text(&self, name: &str) -> Option<&str> {
        self.settings.get(name).and_then(Value::as_str)
    }
    pub fn port(&self, name: &str) -> Option<u16> {
        self.settings.get(name).and_then(Value::as_u64).and_then(|p| u16::try_from(p).ok())
    }
    pub fn secret(&self, name: &str) -> Option<&Secret> {
        self.secrets.get(name)
    }
}
