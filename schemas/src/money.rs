//! Money: integer micro-units of a currency. Never a float.

use crate::SchemaError;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Decimal digits of a micro-unit.
const MICRO_DIGITS: u32 = 6;

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
    /// Digits after the decimal point of the major unit (ISO 4217): 2 for USD, 0 for JPY, 3 for KWD.
    pub fn exponent(&self) -> u32 {
        match self.as_str() {
            "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI" | "VND"
            | "VUV" | "XAF" | "XOF" | "XPF" => 0,
            "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
            "CLF" | "UYW" => 4,
            _ => 2,
        }
    }
    /// Micro-units in one minor unit: 10,000 for USD.
    pub fn micros_per_minor(&self) -> i64 {
        10_i64.pow(MICRO_DIGITS - self.exponent())
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

    /// Reads an amount as people type it: without a decimal point minor units (`1000` USD is $10.00), with one major
    /// units (`10.00`). Not negative, and no finer than the currency's minor unit.
    pub fn parse_amount(text: &str, currency: Currency) -> Result<Self, SchemaError> {
        let rule = "use minor units without a decimal point (1000) or major units with one (10.00)";
        let bad = || SchemaError::invalid("amount", text, rule);
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        let minor = match text.split_once('.') {
            None if digits(text) => text.parse::<i64>().map_err(|_| bad())?,
            Some((major, fraction)) if digits(major) && digits(fraction) => {
                let exponent = currency.exponent() as usize;
                if fraction.len() > exponent {
                    return Err(SchemaError::invalid("amount", text, "it is finer than the currency's minor unit"));
                }
                format!("{major}{fraction:0<exponent$}").parse().map_err(|_| bad())?
            }
            _ => return Err(bad()),
        };
        let amount_micros = minor.checked_mul(currency.micros_per_minor()).ok_or_else(bad)?;
        Ok(Self { amount_micros, currency })
    }

    /// Reads an amount in major units: `50`, `0.25`. Not negative; as fine as micro-units.
    pub fn parse_major(text: &str, currency: Currency) -> Result<Self, SchemaError> {
        let bad = || SchemaError::invalid("amount", text, "use major units, like 50 or 0.25");
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        let (major, fraction) = text.split_once('.').unwrap_or((text, "0"));
        if !digits(major) || !digits(fraction) || fraction.len() > MICRO_DIGITS as usize {
            return Err(bad());
        }
        let micros = format!("{major}{fraction:0<width$}", width = MICRO_DIGITS as usize);
        Ok(Self { amount_micros: micros.parse().map_err(|_| bad())?, currency })
    }

    /// Whole minor units; rounds towards zero.
    pub fn minor_units(&self) -> i64 {
        self.amount_micros / self.currency.micros_per_minor()
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
