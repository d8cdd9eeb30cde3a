//! Prices: what a unit costs, what one call may cost at most, and what it did cost. Integers only; rounded up.
//!
//! A [`PriceTable`] is data. A [`Meter`] says how an operation is measured. Both and the arguments of one call make a
//! [`Quote`]; the quote is recorded with the admission, so that a reader of the log can compute every cost again.

use crate::{
    Currency, Money, SchemaError,
    limits::{METER_LINES_MAX, PRICE_TEXT_MAX_BYTES},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    Call,
    Message,
    Minute,
    Hour,
    InputToken,
    CachedInputToken,
    OutputToken,
    /// Micro-units of the amount that is charged: percentage fees.
    Amount,
}

impl Unit {
    pub const ALL: [Unit; 8] = [
        Unit::Call,
        Unit::Message,
        Unit::Minute,
        Unit::Hour,
        Unit::InputToken,
        Unit::CachedInputToken,
        Unit::OutputToken,
        Unit::Amount,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Unit::Call => "call",
            Unit::Message => "message",
            Unit::Minute => "minute",
            Unit::Hour => "hour",
            Unit::InputToken => "input_token",
            Unit::CachedInputToken => "cached_input_token",
            Unit::OutputToken => "output_token",
            Unit::Amount => "amount",
        }
    }
}

/// `amount_micros` of the table's currency for every `per` units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    pub unit: Unit,
    pub amount_micros: i64,
    pub per: u32,
}

impl Rate {
    /// The cost of `quantity` units in micro-units, rounded up.
    pub fn cost(&self, quantity: u64) -> Result<i64, PriceError> {
        let (amount, per) = (i128::from(self.amount_micros), i128::from(self.per));
        if amount < 0 || per == 0 {
            return Err(PriceError::BadRate(*self));
        }
        let total = i128::from(quantity) * amount;
        i64::try_from((total + per - 1) / per).map_err(|_| PriceError::TooMuch)
    }
}

/// Prices of one provider. `version` names exactly this content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceTable {
    pub version: String,
    pub currency: Currency,
    pub skus: BTreeMap<String, Sku>,
}

/// One thing that has a price: a model, a machine type, a kind of message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sku {
    pub rates: Vec<Rate>,
    /// Most units of a kind the provider lets one call use, where that is known.
    pub limits: BTreeMap<Unit, u64>,
}

/// How one operation is measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meter {
    pub sku: SkuName,
    pub lines: Vec<MeterLine>,
}

/// Which SKU a call uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkuName {
    Fixed(String),
    /// The text of this argument.
    Argument(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeterLine {
    pub unit: Unit,
    pub most: Quantity,
}

/// The most units a call can use, as known before it begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    Fixed(u64),
    /// The whole number this argument holds; where it is not given, the limit of the SKU.
    Argument(String),
    /// Tokens of these arguments, counted so that the true number is never higher: one for each byte of their JSON
    /// strings, and `extra` for what the provider adds.
    TextBytes {
        arguments: Vec<String>,
        extra: u64,
    },
    /// An amount of money, in micro-units of its currency.
    Money {
        amount: String,
        currency: String,
    },
    /// Whole minutes of the duration this argument holds (milliseconds), rounded up.
    MinutesOf(String),
}

/// How much was used.
pub type Usage = BTreeMap<Unit, u64>;

/// What one call may use and what each unit costs. Fixed at admission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quote {
    /// [`PriceTable::version`].
    pub table: String,
    pub sku: String,
    pub currency: Currency,
    pub lines: Vec<QuoteLine>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuoteLine {
    pub rate: Rate,
    /// Most units of this kind.
    pub most: u64,
}

/// Why a call has no price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    #[error("no price is known for {sku:?}{}", nearest_text(.nearest))]
    UnknownSku { sku: String, nearest: Option<String> },
    #[error("{sku:?} has no price per {unit:?}")]
    NoRate { sku: String, unit: Unit },
    #[error("the most that can be used is not known: {name:?} is not given and {sku:?} states no limit")]
    NoLimit { sku: String, name: String },
    #[error("{name:?} is needed to know the price")]
    NoArgument { name: String },
    #[error("{name:?}: {why}")]
    BadArgument { name: String, why: String },
    #[error("{charged} would be moved, but the price of {sku:?} is in {priced}")]
    OtherCurrency { sku: String, charged: Currency, priced: Currency },
    #[error("{0:?} is no rate")]
    BadRate(Rate),
    #[error("the price is beyond what can be counted")]
    TooMuch,
}

fn nearest_text(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|n| format!(", did you mean {n:?}?")).unwrap_or_default()
}

impl Meter {
    pub fn sku<'a>(&'a self, args: &'a Map<String, Value>) -> Result<&'a str, PriceError> {
        match &self.sku {
            SkuName::Fixed(sku) => Ok(sku),
            SkuName::Argument(name) => {
                args.get(name).and_then(Value::as_str).ok_or_else(|| PriceError::NoArgument { name: name.clone() })
            }
        }
    }

    /// Names of the arguments that decide about the price.
    pub fn arguments(&self) -> impl Iterator<Item = &str> {
        let sku = match &self.sku {
            SkuName::Fixed(_) => None,
            SkuName::Argument(name) => Some(name.as_str()),
        };
        sku.into_iter().chain(self.lines.iter().flat_map(|line| line.most.arguments()))
    }

    /// The quote for one call. `args` have their defaults filled in.
    pub fn quote(
        &self,
        sku: &str,
        prices: &Sku,
        table: &PriceTable,
        args: &Map<String, Value>,
    ) -> Result<Quote, PriceError> {
        let line = |line: &MeterLine| {
            let rate = prices.rates.iter().find(|r| r.unit == line.unit);
            let rate = rate.ok_or_else(|| PriceError::NoRate { sku: sku.into(), unit: line.unit })?;
            let most = line.most.resolve(args, prices.limits.get(&line.unit).copied(), sku, table.currency)?;
            Ok(QuoteLine { rate: *rate, most })
        };
        let lines = self.lines.iter().map(line).collect::<Result<_, _>>()?;
        Ok(Quote { table: table.version.clone(), sku: sku.into(), currency: table.currency, lines })
    }
}

impl Quantity {
    fn arguments(&self) -> Vec<&str> {
        match self {
            Quantity::Fixed(_) => Vec::new(),
            Quantity::Argument(name) | Quantity::MinutesOf(name) => vec![name],
            Quantity::TextBytes { arguments, .. } => arguments.iter().map(String::as_str).collect(),
            Quantity::Money { amount, currency } => vec![amount, currency],
        }
    }

    /// `priced` is the currency of the price: a share of an amount is money of the amount's currency, and no rate of
    /// exchange is known here.
    fn resolve(
        &self,
        args: &Map<String, Value>,
        limit: Option<u64>,
        sku: &str,
        priced: Currency,
    ) -> Result<u64, PriceError> {
        let given = |name: &str| args.get(name).filter(|v| !v.is_null());
        let whole = |name: &str, value: &Value| {
            value
                .as_u64()
                .ok_or_else(|| PriceError::BadArgument { name: name.into(), why: "not a whole number".into() })
        };
        match self {
            Quantity::Fixed(n) => Ok(*n),
            Quantity::Argument(name) => match (given(name), limit) {
                (Some(value), _) => whole(name, value),
                (None, Some(limit)) => Ok(limit),
                (None, None) => Err(PriceError::NoLimit { sku: sku.into(), name: name.clone() }),
            },
            Quantity::TextBytes { arguments, extra } => {
                let bytes: u64 = arguments.iter().filter_map(|name| given(name)).map(text_bytes).sum();
                Ok(bytes.saturating_add(*extra))
            }
            Quantity::Money { amount, currency } => {
                let need = |name: &String| given(name).ok_or_else(|| PriceError::NoArgument { name: name.clone() });
                let bad =
                    |name: &String, e: SchemaError| PriceError::BadArgument { name: name.clone(), why: e.to_string() };
                let code = need(currency)?.as_str().unwrap_or_default().to_uppercase();
                let code: Currency = code.parse().map_err(|e| bad(currency, e))?;
                if code != priced {
                    return Err(PriceError::OtherCurrency { sku: sku.into(), charged: code, priced });
                }
                let text = match need(amount)? {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                let money = Money::parse_amount(&text, code).map_err(|e| bad(amount, e))?;
                u64::try_from(money.amount_micros).map_err(|_| PriceError::TooMuch)
            }
            Quantity::MinutesOf(name) => {
                let value = given(name).ok_or_else(|| PriceError::NoArgument { name: name.clone() })?;
                Ok(whole(name, value)?.div_ceil(60_000))
            }
        }
    }
}

/// Bytes of all strings in a value. No tokenizer makes more tokens than there are bytes.
fn text_bytes(value: &Value) -> u64 {
    match value {
        Value::String(s) => s.len() as u64,
        Value::Array(items) => items.iter().map(text_bytes).sum(),
        Value::Object(map) => map.iter().map(|(k, v)| k.len() as u64 + text_bytes(v)).sum(),
        other => other.to_string().len() as u64,
    }
}

impl Quote {
    /// The most the call can cost: what is reserved.
    pub fn worst_case(&self) -> Result<Money, PriceError> {
        self.sum(|line| line.most)
    }

    /// What `usage` costs, and at most what was reserved: no call can post more than it holds.
    pub fn cost(&self, usage: &Usage) -> Result<Money, PriceError> {
        let cost = self.sum(|line| usage.get(&line.rate.unit).copied().unwrap_or(0))?;
        let most = self.worst_case()?;
        Ok(Money { amount_micros: cost.amount_micros.min(most.amount_micros), currency: self.currency })
    }

    fn sum(&self, quantity: impl Fn(&QuoteLine) -> u64) -> Result<Money, PriceError> {
        let mut total: i64 = 0;
        for line in &self.lines {
            total = total.checked_add(line.rate.cost(quantity(line))?).ok_or(PriceError::TooMuch)?;
        }
        Ok(Money { amount_micros: total, currency: self.currency })
    }

    /// Checks what serde cannot.
    pub fn check(&self) -> Result<(), SchemaError> {
        let long = |what, text: &str| match text.len() > PRICE_TEXT_MAX_BYTES {
            true => Err(SchemaError::TooLarge { what, bytes: text.len(), limit: PRICE_TEXT_MAX_BYTES }),
            false => Ok(()),
        };
        long("price table version", &self.table)?;
        long("sku", &self.sku)?;
        if self.lines.len() > METER_LINES_MAX {
            return Err(SchemaError::TooLarge { what: "quote", bytes: self.lines.len(), limit: METER_LINES_MAX });
        }
        let worst = self.worst_case();
        worst.map(|_| ()).map_err(|e| SchemaError::invalid("quote", e.to_string(), "its sum must be countable"))
    }
}

#[cfg(test)]
#[path = "price_tests.rs"]
mod tests;
