//! What operators say about money: prices instead of the providers', exchange rates, the reporting currency.

use if_schemas::{
    Code, Currency, Money, Name, Reject,
    finance::{ExchangeRate, PriceOverride},
    limits::{PRICES_MAX, RATES_MAX},
    price::{PriceTable, Quote},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Versions of prices set in the log begin with this; the index of the entry follows.
const VERSION_PREFIX: &str = "log#";

/// A price and the entry that set it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetPrice {
    pub price: PriceOverride,
    pub index: u64,
}

impl SetPrice {
    /// Names this price in quotes: `log#17`.
    pub fn version(&self) -> String {
        format!("{VERSION_PREFIX}{}", self.index)
    }

    /// A table of this price alone.
    pub(crate) fn table(&self) -> PriceTable {
        let skus = BTreeMap::from([(self.price.sku.clone(), self.price.prices.clone())]);
        PriceTable { version: self.version(), currency: self.price.currency, skus }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    reporting: Currency,
    rates: BTreeMap<(Currency, Currency), ExchangeRate>,
    /// By provider and SKU.
    prices: BTreeMap<(Name, String), SetPrice>,
}

impl Default for Book {
    fn default() -> Self {
        Self { reporting: Currency::USD, rates: BTreeMap::new(), prices: BTreeMap::new() }
    }
}

impl Book {
    pub fn reporting(&self) -> Currency {
        self.reporting
    }
    pub fn rates(&self) -> impl Iterator<Item = &ExchangeRate> {
        self.rates.values()
    }
    pub fn prices(&self) -> impl Iterator<Item = &SetPrice> {
        self.prices.values()
    }
    pub fn price(&self, provider: &Name, sku: &str) -> Option<&SetPrice> {
        self.prices.get(&(provider.clone(), sku.to_string()))
    }

    /// In `to`, rounded up: by the rate from one to the other, else by the reverse of the rate back.
    pub fn convert(&self, money: Money, to: Currency) -> Result<Money, Reject> {
        let from = money.currency;
        let in_to = |amount_micros| Money { amount_micros, currency: to };
        if from == to || money.is_zero() {
            return Ok(in_to(money.amount_micros));
        }
        let converted = match (self.rates.get(&(from, to)), self.rates.get(&(to, from))) {
            (Some(rate), _) => rate.forward(money.amount_micros),
            (None, Some(rate)) => rate.backward(money.amount_micros),
            (None, None) => {
                let text = format!("there is no exchange rate from {from} to {to}, which a budget is kept in");
                let hint = format!("set it with `ifctl optimise rates set {from} {to} RATE`");
                return Err(Reject::new(Code::RateUnknown, text).hint(hint));
            }
        };
        let too_much = || Reject::new(Code::RateUnknown, format!("{money} cannot be counted in {to}"));
        converted.map(in_to).ok_or_else(too_much)
    }

    /// Is a quote that names a price of the log that price, and is none passed over?
    pub(crate) fn check_quote(&self, provider: &Name, quote: &Quote) -> Result<(), &'static str> {
        let Some(set) = self.price(provider, &quote.sku) else {
            let foreign = quote.table.starts_with(VERSION_PREFIX);
            return if foreign { Err("a quote names a price that is not set") } else { Ok(()) };
        };
        let same = quote.table == set.version()
            && quote.currency == set.price.currency
            && quote.lines.iter().all(|line| set.price.prices.rates.contains(&line.rate));
        if same { Ok(()) } else { Err("a quote passes over the price set in the log") }
    }

    pub(crate) fn check_set_price(&self, price: &PriceOverride) -> Result<(), Reject> {
        let known = self.price(&price.provider, &price.sku).is_some();
        room(self.prices.len(), PRICES_MAX, known, "prices")
    }
    pub(crate) fn check_set_rate(&self, rate: &ExchangeRate) -> Result<(), Reject> {
        room(self.rates.len(), RATES_MAX, self.rates.contains_key(&(rate.from, rate.to)), "exchange rates")
    }

    pub(crate) fn set_price(&mut self, price: &PriceOverride, index: u64) {
        let key = (price.provider.clone(), price.sku.clone());
        self.prices.insert(key, SetPrice { price: price.clone(), index });
    }
    pub(crate) fn remove_price(&mut self, provider: &Name, sku: &str) {
        self.prices.remove(&(provider.clone(), sku.to_string()));
    }
    pub(crate) fn set_rate(&mut self, rate: &ExchangeRate) {
        self.rates.insert((rate.from, rate.to), rate.clone());
    }
    pub(crate) fn remove_rate(&mut self, from: Currency, to: Currency) {
        self.rates.remove(&(from, to));
    }
    pub(crate) fn has_rate(&self, from: Currency, to: Currency) -> bool {
        self.rates.contains_key(&(from, to))
    }
    pub(crate) fn set_reporting(&mut self, currency: Currency) {
        self.reporting = currency;
    }
}

fn room(have: usize, most: usize, known: bool, what: &str) -> Result<(), Reject> {
    if have < most || known {
        return Ok(());
    }
    Err(Reject::new(Code::BadFinanceChange, format!("there are {most} {what} already")).hint("remove one first"))
}
