//! Money: integer micro-units of a currency. Never a float.

use crate::SchemaError;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// ISO 4217 code, three upper-case letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    pub const USD: Currency = Currency(*b"USD");
    pub fn as_str(&self) -> &str {
        // Three ASCII letters by construction.
        std::str::from_utf8(&self.0).unwrap_or("???")
    }
}
impl TryFrom<String> for Currency {
    type Error = SchemaError;
    fn try_from(s: String) -> Result<Self, SchemaError> {
        match s.as_bytes() {
            [a, b, c] if s.bytes().all(|x| x.is_ascii_uppercase()) => Ok(Self([*a, *b, *c])),
            _ => Err(SchemaError::invalid("currency", s, "use the three-letter ISO 4217 code in upper case")),
        }
    }
}
impl FromStr for Currency {
    type Err = SchemaError;
    fn from_str(s: &str) -> Result<Self, SchemaError> {
        Self::try_from(s.to_string())
    }
}
impl From<Currency> for String {
    fn from(c: Currency) -> String {
        c.as_str().to_string()
    }
}
impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An amount in millionths of the currency's major unit (1 USD = 1,000,000).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    pub amount_micros: i64,
    pub currency: Currency,
}

impl Money {
    pub const FREE: Money = Money { amount_micros: 0, currency: Currency::USD };
    pub fn is_zero(&self) -> bool {
        self.amount_micros == 0
    }
}

impl fmt::Display for Money {
    /// `$48.50` for dollars, `48.50 EUR` otherwise; digits beyond cents only where they are not zero.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.amount_micros < 0 { "-" } else { "" };
        let abs = self.amount_micros.unsigned_abs();
        let (major, micros) = (abs / 1_000_000, abs % 1_000_000);
        let six = format!("{micros:06}");
        let trimmed = six.trim_end_matches('0');
        let decimals = &six[..trimmed.len().max(2)];
        match self.currency {
            Currency::USD => write!(f, "{sign}${major}.{decimals}"),
            other => write!(f, "{sign}{major}.{decimals} {other}"),
        }
    }
}
