//! What a worker node says its operations cost: how each is measured, the price table, and the defaults of its instances.
//!
//! A price table may be larger than an envelope: the signed [`Tariff`] commits to a detached [`TariffDocument`], as a
//! command does to its arguments. Its salt is zero, so equal documents have equal hashes; nothing in it is secret.

use crate::{
    Hash, Kind, Name, OperationId, Payload, Salt, SchemaError, Signed, Timestamp,
    price::{Meter, PriceTable},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Signed by the worker. Sent at start, on change, when asked, and always before the announcement that names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tariff {
    pub node: Name,
    pub provider: Name,
    pub at: Timestamp,
    /// Counts up with the announcements of the node: an older tariff never replaces a newer one.
    pub sequence: u64,
    /// `Payload::hash` of the [`TariffDocument`]; what `presence` names.
    pub document: Hash,
}

impl Signed for Tariff {
    const KIND: Kind = Kind::Tariff;
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TariffDocument {
    /// `None`: free. An operation that is not here has no known price.
    pub operations: BTreeMap<OperationId, Option<Meter>>,
    pub table: Option<PriceTable>,
    /// By instance. Never secrets.
    pub defaults: BTreeMap<Name, ArgumentDefaults>,
}

/// By operation: what an instance gives for the arguments that the operation's meter names. The same argument may come
/// from different settings in different operations.
pub type ArgumentDefaults = BTreeMap<OperationId, Map<String, Value>>;

impl TariffDocument {
    pub fn to_payload(&self) -> Result<Payload, SchemaError> {
        Payload::new(self, Salt([0; 16]))
    }
}
