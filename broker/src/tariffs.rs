//! What workers say their operations cost: the newest tariff of each worker key and provider. Soft state, bounded.

use crate::presence::Call;
use if_core::{Metered, Pricing};
use if_schemas::{
    Hash, KeyId, Name, Payload, Reject, Timestamp,
    payload::Arguments,
    price::PriceTable,
    tariff::{ArgumentDefaults, Tariff, TariffDocument},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

/// Most providers of one worker.
const PROVIDERS_MAX: usize = 256;
/// Most bytes of tariff documents of all workers together.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// One tariff with what is needed to compare it with another.
#[derive(Debug)]
pub struct Kept {
    pub hash: Hash,
    order: (Timestamp, u64),
    bytes: usize,
    pub document: TariffDocument,
    table: Option<Arc<PriceTable>>,
}

#[derive(Default)]
pub struct Tariffs {
    kept: RwLock<BTreeMap<(KeyId, Name), Arc<Kept>>>,
}

impl Tariffs {
    /// Takes in a tariff whose signature and rights are proven. An older one than the one that is kept is ignored.
    pub fn note(&self, key: KeyId, tariff: &Tariff, payload: &Payload) -> Result<(), Reject> {
        payload.check(&tariff.document)?;
        let mut document: TariffDocument = payload.read()?;
        let (order, bytes) = ((tariff.at, tariff.sequence), payload.bytes.len());
        let table = document.table.take().map(Arc::new);
        let fresh = Kept { hash: tariff.document, order, bytes, document, table };
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        let place = (key, tariff.provider.clone());
        if kept.get(&place).is_some_and(|old| old.order >= order) {
            return Ok(());
        }
        let of_worker = kept.keys().filter(|(k, _)| *k == key).count();
        let others: usize = kept.iter().filter(|(p, _)| **p != place).map(|(_, k)| k.bytes).sum();
        if (of_worker >= PROVIDERS_MAX && !kept.contains_key(&place)) || others + bytes > BYTES_MAX {
            let text = format!("there is no room for the prices of {} on {}", tariff.provider, tariff.node);
            return Err(Reject::new(if_schemas::Code::TooLarge, text).hint("let fewer providers run on one worker"));
        }
        kept.insert(place, Arc::new(fresh));
        Ok(())
    }

    /// The tariff of that hash, if it is here.
    pub fn get(&self, key: KeyId, provider: &Name, hash: &Hash) -> Option<Arc<Kept>> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.get(&(key, provider.clone())).filter(|k| k.hash == *hash).cloned()
    }
}

impl Kept {
    pub fn table(&self) -> Option<&PriceTable> {
        self.table.as_deref()
    }

    /// What the price of a command is made of.
    pub fn pricing(&self, call: &Call<'_>) -> Pricing {
        let meter = match self.document.operations.get(call.operation) {
            None => return Pricing::Unpriced,
            Some(None) => return Pricing::Free,
            Some(Some(meter)) => meter.clone(),
        };
        let given: Arguments = match call.payload.read() {
            Ok(given) => given,
            Err(error) => {
                return Pricing::Unknown(format!("the arguments cannot be read, which the price is made of: {error}"));
            }
        };
        let mut args = self.defaults(call.instance).remove(call.operation).unwrap_or_default();
        args.extend(given.args);
        Pricing::Metered(Box::new(Metered { meter, table: self.table.clone(), args }))
    }

    /// What an instance gives for arguments that are left out.
    pub fn defaults(&self, instance: &Name) -> ArgumentDefaults {
        self.document.defaults.get(instance).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
