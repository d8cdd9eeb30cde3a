//! From what a worker's tariff says to the quote of one call. A call without a known price is refused, never free.

use crate::Book;
use if_schemas::{
    Code, Name, OperationId, Reject,
    price::{Meter, MeterLine, PriceError, PriceTable, Quantity, Quote, SkuName, Unit},
};
use serde_json::{Map, Value};
use std::sync::Arc;

/// What the broker knows about the price of a command.
#[derive(Debug, Clone, PartialEq)]
pub enum Pricing {
    /// Its worker says it costs nothing.
    Free,
    Metered(Box<Metered>),
    /// Its worker states no price for the operation: only one set in the log can help.
    Unpriced,
    /// Not known at the moment, and why.
    Unknown(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Metered {
    pub meter: Meter,
    /// The provider's prices.
    pub table: Option<Arc<PriceTable>>,
    /// Of the payload, over the defaults of the instance.
    pub args: Map<String, Value>,
}

/// The quote; none where the operation is free. Prices set in the log go before the provider's table.
pub(crate) fn quote(
    book: &Book,
    provider: &Name,
    operation: &OperationId,
    pricing: Pricing,
) -> Result<Option<Quote>, Reject> {
    let quote = match pricing {
        Pricing::Free => return Ok(None),
        Pricing::Unknown(why) => {
            return Err(Reject::new(Code::PriceUnknown, why).hint("try again in a moment"));
        }
        Pricing::Unpriced => {
            let sku = operation.as_str();
            let Some(set) = book.price(provider, sku) else {
                return Err(unknown(provider, sku, format!("nobody has told what {operation} of {provider} costs")));
            };
            let lines = vec![MeterLine { unit: Unit::Call, most: Quantity::Fixed(1) }];
            let meter = Meter { sku: SkuName::Fixed(sku.into()), lines };
            let quote = meter.quote(sku, &set.price.prices, &set.table(), &Map::new());
            quote.map_err(|e| refused(provider, sku, &e))?
        }
        Pricing::Metered(metered) => by_meter(book, provider, &metered)?,
    };
    quote.check().map_err(|e| Reject::new(Code::PriceUnknown, e.to_string()))?;
    Ok(Some(quote))
}

fn by_meter(book: &Book, provider: &Name, metered: &Metered) -> Result<Quote, Reject> {
    let Metered { meter, table, args } = metered;
    let sku = meter.sku(args).map_err(|e| Reject::new(Code::PriceUnknown, e.to_string()))?;
    if let Some(set) = book.price(provider, sku) {
        let quote = meter.quote(sku, &set.price.prices, &set.table(), args);
        return quote.map_err(|e| refused(provider, sku, &e));
    }
    let found = table.as_deref().and_then(|table| table.skus.get(sku).map(|prices| (table, prices)));
    let Some((table, prices)) = found else {
        let nearest = table.as_deref().and_then(|t| nearest(sku, t.skus.keys()));
        return Err(refused(provider, sku, &PriceError::UnknownSku { sku: sku.into(), nearest }));
    };
    meter.quote(sku, prices, table, args).map_err(|e| refused(provider, sku, &e))
}

fn refused(provider: &Name, sku: &str, error: &PriceError) -> Reject {
    match error {
        PriceError::UnknownSku { .. } | PriceError::NoRate { .. } => unknown(provider, sku, error.to_string()),
        PriceError::NoLimit { name, .. } => Reject::new(Code::PriceUnknown, error.to_string())
            .hint(format!("give {name:?}, or set it as a default of the instance")),
        PriceError::OtherCurrency { charged, .. } => Reject::new(Code::PriceUnknown, error.to_string()).hint(format!(
            "set a price in {charged} with `ifctl optimise price set {provider} {sku} …`, or charge in the price's currency"
        )),
        _ => Reject::new(Code::PriceUnknown, error.to_string()),
    }
}

fn unknown(provider: &Name, sku: &str, text: String) -> Reject {
    Reject::new(Code::PriceUnknown, text).hint(format!("set it with `ifctl optimise price set {provider} {sku} …`"))
}

/// Most single-letter edits between an unknown SKU and the one suggested instead.
const SUGGEST_MAX_DISTANCE: usize = 3;

fn nearest<'a>(wanted: &str, known: impl Iterator<Item = &'a String>) -> Option<String> {
    let near = known.map(|k| (strsim::levenshtein(wanted, k), k)).filter(|(d, _)| *d <= SUGGEST_MAX_DISTANCE);
    near.min().map(|(_, k)| k.clone())
}
