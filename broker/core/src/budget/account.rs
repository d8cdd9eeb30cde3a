//! The account of one budget: moved only by moves that keep `limit = available + reserved + posted`.

use super::Window;
use if_schemas::{
    Money,
    finance::{ALERT_PERCENT, Budget, Mode},
};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    #[error("the budget {0} has not enough left")]
    Exceeded(String),
    #[error("the sums of the budget {0} cannot be counted")]
    Overflow(String),
    #[error("the sums of the budget {0} do not add up to its limit")]
    Unbalanced(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    budget: Budget,
    /// Index of the entry that made it. A changed limit, mode or zone leaves it as it is.
    generation: u64,
    /// None until the first one began.
    window: Option<Window>,
    available_micros: i64,
    reserved_micros: i64,
    posted_micros: i64,
    /// Highest of [`ALERT_PERCENT`] told in this window.
    alerted: u8,
}

impl Account {
    pub(super) fn open(budget: Budget, generation: u64) -> Self {
        let available_micros = budget.limit.amount_micros;
        let (window, reserved_micros, posted_micros, alerted) = (None, 0, 0, 0);
        Self { budget, generation, window, available_micros, reserved_micros, posted_micros, alerted }
    }

    pub fn budget(&self) -> &Budget {
        &self.budget
    }
    pub fn generation(&self) -> u64 {
        self.generation
    }
    pub fn window(&self) -> Option<Window> {
        self.window
    }
    pub fn alerted(&self) -> u8 {
        self.alerted
    }
    /// Below zero where more is held or spent than a soft or lowered limit allows.
    pub fn available(&self) -> Money {
        self.money(self.available_micros)
    }
    pub fn reserved(&self) -> Money {
        self.money(self.reserved_micros)
    }
    pub fn posted(&self) -> Money {
        self.money(self.posted_micros)
    }
    /// Reserved and posted.
    pub fn used(&self) -> Money {
        self.money(self.reserved_micros.saturating_add(self.posted_micros))
    }

    fn money(&self, amount_micros: i64) -> Money {
        Money { amount_micros, currency: self.budget.limit.currency }
    }

    pub fn is_in_window(&self, at: if_schemas::Timestamp) -> bool {
        self.window.is_some_and(|w| w.contains(at))
    }

    /// A hard budget never goes below zero by a hold. None takes more than can be counted: what is held may be posted.
    pub fn fits(&self, amount_micros: i64) -> bool {
        let used = self.reserved_micros.checked_add(self.posted_micros).and_then(|u| u.checked_add(amount_micros));
        let left = self.available_micros.checked_sub(amount_micros);
        used.is_some() && left.is_some_and(|left| left >= 0 || self.budget.mode == Mode::Soft)
    }

    pub(super) fn hold(&mut self, amount_micros: i64) -> Result<(), AccountError> {
        if amount_micros < 0 || !self.fits(amount_micros) {
            return Err(AccountError::Exceeded(self.budget.key.to_string()));
        }
        self.available_micros = self.moved(self.available_micros.checked_sub(amount_micros))?;
        self.reserved_micros = self.moved(self.reserved_micros.checked_add(amount_micros))?;
        Ok(())
    }

    /// Ends a hold of which `posted_micros` (at most all) was spent.
    pub(super) fn settle(&mut self, held_micros: i64, posted_micros: i64) -> Result<(), AccountError> {
        if !(0..=held_micros).contains(&posted_micros) || held_micros > self.reserved_micros {
            return Err(AccountError::Unbalanced(self.budget.key.to_string()));
        }
        self.reserved_micros -= held_micros;
        self.posted_micros = self.moved(self.posted_micros.checked_add(posted_micros))?;
        self.available_micros = self.moved(self.available_micros.checked_add(held_micros - posted_micros))?;
        Ok(())
    }

    /// Nothing is spent in the new window yet; what is held goes on being held.
    pub(super) fn begin(&mut self, window: Window) -> Result<(), AccountError> {
        self.available_micros = self.moved(self.available_micros.checked_add(self.posted_micros))?;
        self.posted_micros = 0;
        self.window = Some(window);
        self.alerted = 0;
        Ok(())
    }

    /// Another limit, mode or zone in the same currency. A new zone counts from the next window on.
    pub(super) fn change(&mut self, budget: Budget) -> Result<(), AccountError> {
        let more = budget.limit.amount_micros.checked_sub(self.budget.limit.amount_micros);
        self.available_micros = self.moved(more.and_then(|more| self.available_micros.checked_add(more)))?;
        self.budget = budget;
        self.alerted = 0;
        Ok(())
    }

    fn moved(&self, sum: Option<i64>) -> Result<i64, AccountError> {
        sum.ok_or_else(|| AccountError::Overflow(self.budget.key.to_string()))
    }

    /// `limit = available + reserved + posted`, and nothing that was spent or held is negative.
    pub fn check(&self) -> Result<(), AccountError> {
        let sum = i128::from(self.available_micros) + i128::from(self.reserved_micros) + i128::from(self.posted_micros);
        let balanced = sum == i128::from(self.budget.limit.amount_micros);
        if balanced && self.reserved_micros >= 0 && self.posted_micros >= 0 {
            return Ok(());
        }
        Err(AccountError::Unbalanced(self.budget.key.to_string()))
    }

    /// The thresholds reached and not told yet in this window, in rising order. They count as told from now on.
    pub(super) fn take_alerts(&mut self) -> impl Iterator<Item = u8> + use<> {
        let used = i128::from(self.reserved_micros) + i128::from(self.posted_micros);
        let limit = i128::from(self.budget.limit.amount_micros);
        let before = self.alerted;
        let reached = |percent: &u8| used > 0 && used * 100 >= limit * i128::from(*percent);
        self.alerted = ALERT_PERCENT.into_iter().filter(reached).max().unwrap_or(0).max(before);
        let now = self.alerted;
        ALERT_PERCENT.into_iter().filter(move |p| *p > before && *p <= now)
    }
}
