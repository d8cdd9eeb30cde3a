//! Money and rates as people type them.

use crate::CliError;
use if_schemas::{Currency, Money};

/// An amount in major units: `50`, `0.25`. Not negative.
pub fn major(flag: &str, text: &str, currency: Currency) -> Result<Money, CliError> {
    Money::parse_major(text, currency)
        .map_err(|_| CliError::usage(format!("{flag}: {text:?} is no amount"), "use major units, like 50 or 0.25"))
}

pub fn currency(flag: &str, text: &str) -> Result<Currency, CliError> {
    text.to_uppercase()
        .parse()
        .map_err(|_| CliError::usage(format!("{flag}: {text:?} is no currency"), "use an ISO 4217 code like EUR"))
}
