//! Budgets: every paid command holds its worst case in each budget it falls under, until it is settled.
//!
//! Deciding and applying use the same [`Budgets::plan`], so what was decided is what is applied, whatever came between.

mod account;
mod hold;
mod window;

pub use account::{Account, AccountError};
pub(crate) use hold::posted_part;
pub use hold::{Hold, Spender};
pub use window::Window;

use crate::Book;
use if_schemas::{
    Code, Reject, Settlement, Timestamp,
    finance::{Budget, BudgetAlert, BudgetKey, BudgetLeft},
    limits::BUDGETS_MAX,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Every budget there is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Budgets {
    accounts: BTreeMap<BudgetKey, Account>,
}

/// A budget whose window is over, or never began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    pub budget: Budget,
    /// End of its last window: the next begins no earlier.
    pub not_before: Option<Timestamp>,
}

impl Budgets {
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }
    pub fn get(&self, key: &BudgetKey) -> Option<&Account> {
        self.accounts.get(key)
    }
    pub fn len(&self) -> usize {
        self.accounts.len()
    }
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// Budgets that need a new window before anything may move them at `now`.
    pub fn stale(&self, now: Timestamp) -> Vec<Stale> {
        let stale = self.accounts.values().filter(|a| !a.is_in_window(now));
        stale.map(|a| Stale { budget: a.budget().clone(), not_before: a.window().map(|w| w.end) }).collect()
    }

    /// The holds of one command, or why it is refused. Changes nothing.
    pub(crate) fn plan(&self, spender: &Spender<'_>, book: &Book, at: Timestamp) -> Result<Vec<Hold>, Reject> {
        let mine = self.accounts.values().filter(|a| spender.is_in(&a.budget().key.scope));
        mine.map(|account| {
            let key = &account.budget().key;
            if !account.is_in_window(at) {
                let text = format!("the window of the budget {key} has not begun");
                return Err(Reject::new(Code::Unavailable, text).hint("send it again"));
            }
            let needed = book.convert(spender.reserved, account.budget().limit.currency)?;
            if !account.fits(needed.amount_micros) {
                return Err(exceeded(account, needed));
            }
            Ok(Hold { budget: key.clone(), generation: account.generation(), amount_micros: needed.amount_micros })
        })
        .collect()
    }

    /// What is left of each budget that `holds` would be taken from.
    pub(crate) fn left(&self, holds: &[Hold]) -> Vec<BudgetLeft> {
        let left = holds.iter().filter_map(|hold| {
            let account = self.accounts.get(&hold.budget)?;
            let budget = account.budget();
            let needs = if_schemas::Money { amount_micros: hold.amount_micros, currency: budget.limit.currency };
            Some(BudgetLeft {
                key: budget.key.clone(),
                mode: budget.mode,
                limit: budget.limit,
                available: account.available(),
                needs,
                resets_at: account.window()?.end,
            })
        });
        left.collect()
    }

    pub(crate) fn hold(&mut self, holds: &[Hold]) -> Result<(), AccountError> {
        for hold in holds {
            if let Some(account) = self.of(hold) {
                account.hold(hold.amount_micros)?;
            }
        }
        Ok(())
    }

    /// A hold of a budget that is gone, or was made anew, is dropped.
    pub(crate) fn settle(&mut self, holds: &[Hold], settlement: &Settlement) -> Result<(), AccountError> {
        for hold in holds {
            if let Some(account) = self.of(hold) {
                account.settle(hold.amount_micros, hold.posted(settlement))?;
            }
        }
        Ok(())
    }

    fn of(&mut self, hold: &Hold) -> Option<&mut Account> {
        self.accounts.get_mut(&hold.budget).filter(|a| a.generation() == hold.generation)
    }

    pub(crate) fn check_set(&self, budget: &Budget) -> Result<(), Reject> {
        if self.accounts.len() >= BUDGETS_MAX && !self.accounts.contains_key(&budget.key) {
            let text = format!("there are {BUDGETS_MAX} budgets already");
            return Err(Reject::new(Code::BadFinanceChange, text).hint("remove one first"));
        }
        Ok(())
    }

    pub(crate) fn set(&mut self, budget: &Budget, index: u64) -> Result<(), AccountError> {
        match self.accounts.get_mut(&budget.key) {
            Some(account) if account.budget().limit.currency == budget.limit.currency => account.change(budget.clone()),
            _ => {
                self.accounts.insert(budget.key.clone(), Account::open(budget.clone(), index));
                Ok(())
            }
        }
    }

    pub(crate) fn remove(&mut self, key: &BudgetKey) {
        self.accounts.remove(key);
    }

    /// May this window begin at `at`?
    pub(crate) fn check_window(&self, key: &BudgetKey, window: Window, at: Timestamp) -> Result<(), &'static str> {
        let account = self.accounts.get(key).ok_or("a window of a budget that does not exist")?;
        window.check(key.period, account.window(), at)
    }

    pub(crate) fn begin(&mut self, key: &BudgetKey, window: Window) -> Result<(), AccountError> {
        self.accounts.get_mut(key).map_or(Ok(()), |account| account.begin(window))
    }

    /// Does every account add up?
    pub(crate) fn check(&self) -> Result<(), AccountError> {
        self.accounts.values().try_for_each(Account::check)
    }

    /// Thresholds reached by the entry at `entry`, each once per window.
    pub(crate) fn take_alerts(&mut self, entry: u64) -> Vec<BudgetAlert> {
        let mut alerts = Vec::new();
        for account in self.accounts.values_mut() {
            for percent in account.take_alerts() {
                let budget = account.budget();
                alerts.push(BudgetAlert {
                    key: budget.key.clone(),
                    mode: budget.mode,
                    percent,
                    used: account.used(),
                    limit: budget.limit,
                    resets_at: account.window().map(|w| w.end),
                    entry,
                });
            }
        }
        alerts
    }
}

fn exceeded(account: &Account, needed: if_schemas::Money) -> Reject {
    let budget = account.budget();
    let until = account.window().map_or_else(String::new, |w| format!("; it resets at {}", w.end));
    let text = format!(
        "the budget {} has {} left of {}, the call may cost {needed}{until}",
        budget.key,
        account.available(),
        budget.limit
    );
    Reject::new(Code::BudgetExceeded, text)
        .hint("wait until it resets, ask for less, or raise it with `ifctl optimise budget set`")
}
