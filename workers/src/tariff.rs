//! What the operations of this node's providers cost, as the broker is told.

use crate::{catalog::Known, clock, node::Node};
use if_schemas::{
    Envelope, Hash, Name, Payload, SchemaError,
    tariff::{ArgumentDefaults, Tariff, TariffDocument},
    wire::{Message, Submission},
};
use std::collections::BTreeMap;

/// The prices of one provider, ready to be told.
#[derive(Debug, Clone)]
pub struct Sheet {
    pub provider: Name,
    /// What announcements name.
    pub hash: Hash,
    document: Payload,
}

impl Sheet {
    /// `defaults`: by instance, of the arguments that meters name.
    pub fn of(known: &Known, defaults: BTreeMap<Name, ArgumentDefaults>) -> Result<Self, SchemaError> {
        let prices = known.provider.prices();
        let document = TariffDocument { operations: prices.operations, table: prices.table, defaults }.to_payload()?;
        Ok(Self { provider: known.name.clone(), hash: document.hash(), document })
    }

    /// The signed message.
    pub fn seal(&self, node: &Node, sequence: u64) -> Result<Vec<u8>, SchemaError> {
        let tariff = Tariff {
            node: node.name.clone(),
            provider: self.provider.clone(),
            at: clock::now(),
            sequence,
            document: self.hash,
        };
        let envelope = Envelope::seal(&tariff, &node.key)?;
        Submission { envelope, payload: Some(self.document.clone()) }.to_message()
    }
}
