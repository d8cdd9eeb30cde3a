//! What is reserved and what is posted, per currency.

use if_schemas::{Currency, Money, Settlement};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    #[error("a reservation of {0} is not possible")]
    BadReservation(Money),
    #[error("posting {posted} and voiding {voided} does not settle a reservation of {reserved}")]
    Unbalanced { reserved: Money, posted: Money, voided: Money },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub reserved_micros: i64,
    pub posted_micros: i64,
}

/// Every reservation is settled exactly once: `reserved` is the sum over commands in flight, `posted` only grows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ledger {
    accounts: BTreeMap<Currency, Account>,
}

impl Ledger {
    pub fn accounts(&self) -> impl Iterator<Item = (Currency, Account)> + '_ {
        self.accounts.iter().map(|(c, a)| (*c, *a))
    }

    /// Could this be reserved and posted without the sums becoming uncountable?
    pub fn has_room(&self, amount: Money) -> bool {
        let account = self.accounts.get(&amount.currency).copied().unwrap_or_default();
        let used = account.reserved_micros.checked_add(account.posted_micros);
        used.and_then(|used| used.checked_add(amount.amount_micros)).is_some()
    }

    pub fn reserve(&mut self, amount: Money) -> Result<(), LedgerError> {
        let account = self.accounts.entry(amount.currency).or_default();
        let sum = account.reserved_micros.checked_add(amount.amount_micros);
        match sum {
            Some(sum) if amount.amount_micros >= 0 => account.reserved_micros = sum,
            _ => return Err(LedgerError::BadReservation(amount)),
        }
        Ok(())
    }

    pub fn settle(&mut self, reserved: Money, settlement: &Settlement) -> Result<(), LedgerError> {
        let Settlement { posted, voided } = *settlement;
        let unbalanced = LedgerError::Unbalanced { reserved, posted, voided };
        let same_currency = posted.currency == reserved.currency && voided.currency == reserved.currency;
        let not_negative = posted.amount_micros >= 0 && voided.amount_micros >= 0;
        let sum = posted.amount_micros.checked_add(voided.amount_micros);
        if !same_currency || !not_negative || sum != Some(reserved.amount_micros) {
            return Err(unbalanced);
        }
        let account = self.accounts.entry(reserved.currency).or_default();
        let left = account.reserved_micros - reserved.amount_micros;
        let total = account.posted_micros.checked_add(posted.amount_micros);
        match total {
            Some(total) if left >= 0 => *account = Account { reserved_micros: left, posted_micros: total },
            _ => return Err(unbalanced),
        }
        Ok(())
    }
}
