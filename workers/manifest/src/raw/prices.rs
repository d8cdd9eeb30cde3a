//! `prices.yaml`: what the SKUs of a provider cost.

use super::Unit;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceFile {
    /// Where the JSON Schema of this file is, for editors.
    #[serde(rename = "$schema", default)]
    pub schema: Option<String>,
    /// A short word, like the month; the version that is recorded also names the content.
    pub version: String,
    /// ISO 4217 code of every price here.
    pub currency: String,
    /// When this file was last held against its sources, `YYYY-MM-DD`.
    pub checked_on: String,
    /// By the name that a meter's `sku` gives.
    pub skus: IndexMap<String, PriceRows>,
}

/// The price of a SKU, or several from different days on.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum PriceRows {
    One(PriceRow),
    Many(Vec<PriceRow>),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriceRow {
    pub rates: IndexMap<Unit, PriceRate>,
    /// Most units of a kind that the provider lets one call use.
    #[serde(default)]
    pub limits: IndexMap<Unit, u64>,
    /// `YYYY-MM-DD`, from midnight UTC on.
    pub effective_from: String,
    pub source_url: String,
}

/// A price, exact to a millionth of the currency: `2.50/1M` for a million units, `0.0079` for one; of `amount` a share
/// like `2.9%`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum PriceRate {
    Short(String),
    Full(FullRate),
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FullRate {
    /// A decimal, in quotes.
    pub amount: String,
    /// For so many units.
    pub per: u32,
}
