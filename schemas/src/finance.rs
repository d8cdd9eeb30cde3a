//! Who may spend how much, what operators pay, and what currencies are worth: signed changes, kept in the log.

use crate::{
    CommandId, Currency, Kind, Money, Name, SchemaError, Signed, Timestamp,
    limits::{FINANCE_TEXT_MAX_BYTES, PRICE_TEXT_MAX_BYTES, RATE_MAX_MICROS, SKU_RATES_MAX, ZONE_MAX_BYTES},
    price::{Quote, Sku},
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Provider name under which grants for finance changes are given.
pub const PROVIDER: &str = "optimise";
/// Instance name under which grants for finance changes are given.
pub const INSTANCE: &str = "fabric";
/// Percentages of a limit at which an alert is due, in rising order.
pub const ALERT_PERCENT: [u8; 3] = [50, 80, 100];

/// A signed change of budgets, prices or exchange rates. Shares the command id space, so replay protection covers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinanceChange {
    pub id: CommandId,
    pub issued_at: Timestamp,
    pub deadline: Timestamp,
    pub op: FinanceOp,
}

impl Signed for FinanceChange {
    const KIND: Kind = Kind::Finance;
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FinanceOp {
    /// Makes a budget, or changes the one with the same key. What was spent in its window stays counted, unless the
    /// currency changes.
    SetBudget(Budget),
    RemoveBudget(BudgetKey),
    SetPrice(PriceOverride),
    RemovePrice {
        provider: Name,
        sku: String,
    },
    SetRate(ExchangeRate),
    RemoveRate {
        from: Currency,
        to: Currency,
    },
    /// The currency reports are made in.
    SetReporting(Currency),
}

/// Whose spending a budget bounds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Scope {
    Global,
    Provider(Name),
    Instance {
        provider: Name,
        instance: Name,
    },
    /// A member's name.
    Operator(Name),
    /// First word of the operation id.
    Family(Name),
    Session(Name),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    Day,
    /// ISO week, from Monday.
    Week,
    Month,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// What does not fit is refused.
    Hard,
    /// What does not fit raises alerts.
    Soft,
}

/// One budget per scope and period.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetKey {
    pub scope: Scope,
    pub period: Period,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    pub key: BudgetKey,
    /// Per period.
    pub limit: Money,
    pub mode: Mode,
    /// IANA name, `Europe/Berlin`: where days begin.
    pub zone: String,
}

/// What an operator says a SKU costs, instead of the provider's table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceOverride {
    pub provider: Name,
    /// A SKU of the provider, or the id of an operation whose price nobody states: then its `call` rate counts.
    pub sku: String,
    pub prices: Sku,
    pub currency: Currency,
    /// Where the price is from.
    pub source: String,
}

/// One unit of `from` is worth `rate_micros` millionths of a unit of `to`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangeRate {
    pub from: Currency,
    pub to: Currency,
    pub rate_micros: i64,
    /// `2026-11-22`
    pub as_of: String,
    pub source: String,
}

/// What a dry run of a paid command would reserve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    pub reserved: Money,
    pub quote: Quote,
    /// Every budget it would be taken from.
    pub budgets: Vec<BudgetLeft>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetLeft {
    pub key: BudgetKey,
    pub mode: Mode,
    pub limit: Money,
    /// Left before the command.
    pub available: Money,
    /// What the command would take, in the budget's currency.
    pub needs: Money,
    pub resets_at: Timestamp,
}

/// A budget has reached a part of its limit. Sent once per threshold and window; JSON on [`crate::subject::BUDGET_ALERT`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetAlert {
    pub key: BudgetKey,
    pub mode: Mode,
    /// One of [`ALERT_PERCENT`].
    pub percent: u8,
    /// Reserved and posted.
    pub used: Money,
    pub limit: Money,
    pub resets_at: Option<Timestamp>,
    /// Index of the entry that caused it.
    pub entry: u64,
}

impl FinanceOp {
    /// The operation id under which the change is logged, found and granted.
    pub fn operation(&self) -> &'static str {
        match self {
            FinanceOp::SetBudget(_) => "optimise.budget.set",
            FinanceOp::RemoveBudget(_) => "optimise.budget.remove",
            FinanceOp::SetPrice(_) => "optimise.price.set",
            FinanceOp::RemovePrice { .. } => "optimise.price.remove",
            FinanceOp::SetRate(_) => "optimise.rate.set",
            FinanceOp::RemoveRate { .. } => "optimise.rate.remove",
            FinanceOp::SetReporting(_) => "optimise.reporting.set",
        }
    }

    /// Checks what serde cannot.
    pub fn check(&self) -> Result<(), SchemaError> {
        match self {
            FinanceOp::SetBudget(budget) => budget.check(),
            FinanceOp::SetPrice(price) => price.check(),
            FinanceOp::RemovePrice { sku, .. } => text("sku", sku, PRICE_TEXT_MAX_BYTES),
            FinanceOp::SetRate(rate) => rate.check(),
            FinanceOp::RemoveBudget(_) | FinanceOp::RemoveRate { .. } | FinanceOp::SetReporting(_) => Ok(()),
        }
    }
}

impl Budget {
    fn check(&self) -> Result<(), SchemaError> {
        if self.limit.amount_micros < 0 {
            return Err(SchemaError::invalid("budget", self.limit.to_string(), "a limit is not negative"));
        }
        text("zone", &self.zone, ZONE_MAX_BYTES)?;
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'+');
        if !self.zone.bytes().all(fits) {
            return Err(SchemaError::invalid("zone", &self.zone, "use an IANA name like Europe/Berlin or UTC"));
        }
        Ok(())
    }
}

impl PriceOverride {
    fn check(&self) -> Result<(), SchemaError> {
        text("sku", &self.sku, PRICE_TEXT_MAX_BYTES)?;
        text("source", &self.source, FINANCE_TEXT_MAX_BYTES)?;
        let rates = &self.prices.rates;
        if rates.len() > SKU_RATES_MAX {
            return Err(SchemaError::TooLarge { what: "rates of a price", bytes: rates.len(), limit: SKU_RATES_MAX });
        }
        let twice = rates.iter().enumerate().any(|(i, rate)| rates[..i].iter().any(|other| other.unit == rate.unit));
        if rates.is_empty() || twice || rates.iter().any(|r| r.amount_micros < 0 || r.per == 0) {
            let rule = "give each unit one rate: not negative, for at least one unit";
            return Err(SchemaError::invalid("price", &self.sku, rule));
        }
        Ok(())
    }
}

impl ExchangeRate {
    fn check(&self) -> Result<(), SchemaError> {
        text("source", &self.source, FINANCE_TEXT_MAX_BYTES)?;
        if self.from == self.to || !(1..=RATE_MAX_MICROS).contains(&self.rate_micros) {
            let rule = "name two currencies and a rate between 0.000001 and 1,000,000,000";
            return Err(SchemaError::invalid("rate", format!("{} {}", self.from, self.to), rule));
        }
        let date = self.as_of.as_bytes();
        let is_date = date.len() == 10
            && date.iter().enumerate().all(|(i, b)| if i == 4 || i == 7 { *b == b'-' } else { b.is_ascii_digit() });
        if !is_date {
            return Err(SchemaError::invalid("date", &self.as_of, "write the date of the rate like 2026-11-22"));
        }
        Ok(())
    }

    /// `amount_micros` of `from` in micro-units of `to`, rounded up; none if it cannot be counted.
    pub fn forward(&self, amount_micros: i64) -> Option<i64> {
        ceil_div(i128::from(amount_micros) * i128::from(self.rate_micros), 1_000_000)
    }

    /// `amount_micros` of `to` in micro-units of `from`, rounded up; none if it cannot be counted.
    pub fn backward(&self, amount_micros: i64) -> Option<i64> {
        ceil_div(i128::from(amount_micros) * 1_000_000, i128::from(self.rate_micros))
    }
}

/// `value` is not negative.
fn ceil_div(value: i128, by: i128) -> Option<i64> {
    if by <= 0 || value < 0 {
        return None;
    }
    i64::try_from((value + by - 1) / by).ok()
}

fn text(what: &'static str, value: &str, limit: usize) -> Result<(), SchemaError> {
    match value.len() {
        0 => Err(SchemaError::invalid(what, value, "it is empty")),
        bytes if bytes > limit => Err(SchemaError::TooLarge { what, bytes, limit }),
        _ => Ok(()),
    }
}

impl Period {
    pub fn as_str(self) -> &'static str {
        match self {
            Period::Day => "day",
            Period::Week => "week",
            Period::Month => "month",
        }
    }

    /// Longest window of this period, microseconds: clocks are set back by an hour at most once in it.
    pub fn max_us(self) -> i64 {
        const HOUR_US: i64 = 3_600_000_000;
        let days = match self {
            Period::Day => 1,
            Period::Week => 7,
            Period::Month => 31,
        };
        days * 24 * HOUR_US + HOUR_US
    }
}

impl Mode {
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Hard => "hard",
            Mode::Soft => "soft",
        }
    }
}

impl fmt::Display for Scope {
    /// `global`, `provider openai`, `instance openai/mygpt4`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Global => f.write_str("global"),
            Scope::Provider(name) => write!(f, "provider {name}"),
            Scope::Instance { provider, instance } => write!(f, "instance {provider}/{instance}"),
            Scope::Operator(name) => write!(f, "operator {name}"),
            Scope::Family(name) => write!(f, "family {name}"),
            Scope::Session(name) => write!(f, "session {name}"),
        }
    }
}

impl fmt::Display for BudgetKey {
    /// `global per day`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} per {}", self.scope, self.period.as_str())
    }
}

#[cfg(test)]
#[path = "finance_tests.rs"]
mod tests;
