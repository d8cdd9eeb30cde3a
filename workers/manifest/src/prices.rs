//! `prices.yaml` beside a manifest: what the provider takes, since when, and where that is written.

use crate::{
    ManifestError, ProviderSpec,
    args::{is_http_url, nearest},
    compile::{
        is_date, parse, read,
        walk::{Of, Step, Walk},
    },
    raw::{PriceFile, PriceRate, PriceRow, PriceRows, Unit},
};
use if_schemas::{
    Currency, Timestamp,
    limits::PRICE_TEXT_MAX_BYTES,
    price::{PriceTable, Rate, Sku, SkuName},
};
use std::collections::BTreeMap;

/// Decimal digits of a micro-unit.
const MICRO_DIGITS: usize = 6;
/// Hex digits of the content's hash in the version of a table.
const HASH_DIGITS: usize = 12;
/// A share of an amount: so many micro-units for a million micro-units, and for one per cent of them.
const SHARE_PER: u32 = 1_000_000;
const SHARE_DIGITS: usize = 4;
/// SKUs of one provider, and rows of one SKU.
pub const SKUS_MAX: usize = 5_000;
pub const ROWS_MAX: usize = 100;

/// The prices of one provider through time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prices {
    /// `<provider>/<version>+<hash of the file>`.
    pub version: String,
    pub currency: Currency,
    /// `YYYY-MM-DD`.
    pub checked_on: String,
    /// By SKU, the oldest first.
    pub skus: BTreeMap<String, Vec<Row>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub effective_from: Timestamp,
    pub sku: Sku,
    pub source_url: String,
}

impl Prices {
    /// What holds at an instant. A SKU whose first price comes later is not in it.
    pub fn table(&self, at: Timestamp) -> PriceTable {
        let row = |rows: &[Row]| rows.iter().rfind(|r| r.effective_from <= at).map(|r| r.sku.clone());
        let skus = self.skus.iter().filter_map(|(name, rows)| Some((name.clone(), row(rows)?)));
        PriceTable { version: self.version.clone(), currency: self.currency, skus: skus.collect() }
    }
}

/// Reads the price file `text` of `provider`. `file` is what errors call it; all of them are given.
pub fn prices(provider: &str, file: &str, text: &str) -> Result<Prices, Vec<ManifestError>> {
    let node = parse(file, text)?;
    let raw: PriceFile = read(file, &node, |_, _| {})?;
    let mut reader = Reader { walk: Walk::new(file, &node) };
    let read = reader.file(provider, text, &raw);
    let errors = reader.walk.errors();
    match read {
        Some(prices) if errors.is_empty() => Ok(prices),
        _ => Err(errors),
    }
}

/// The fixed SKUs of `spec` that `prices` has no price of, at their places in `text`, which is the file the provider was
/// compiled from. A price file without any SKU leaves all prices to the operator.
pub fn unpriced(file: &str, text: &str, spec: &ProviderSpec, prices: &Prices) -> Vec<ManifestError> {
    if prices.skus.is_empty() {
        return Vec::new();
    }
    let node = match parse(file, text) {
        Ok(node) => node,
        Err(errors) => return errors,
    };
    let mut walk = Walk::new(file, &node);
    for operation in &spec.operations {
        let Some(SkuName::Fixed(sku)) = operation.price.as_ref().map(|meter| &meter.sku) else { continue };
        if prices.skus.contains_key(sku) {
            continue;
        }
        let name = operation.id.split_once('.').map_or(operation.id.as_str(), |(_, name)| name);
        let path = ["operations", name, "price", "metered", "sku", "fixed"];
        path.into_iter().for_each(|key| walk.enter(key));
        let near = nearest(sku, prices.skus.keys().map(String::as_str));
        let next = near.map_or_else(|| "add it there".to_string(), |near| format!("did you mean {near:?}?"));
        walk.wrong(Of::Value, format!("prices.yaml has no price of {sku:?}"), Some(next));
        path.iter().for_each(|_| walk.leave());
    }
    walk.errors()
}

struct Reader<'a> {
    walk: Walk<'a>,
}

impl<'a> Reader<'a> {
    fn wrong(&mut self, message: impl Into<String>, next: impl Into<String>) {
        self.walk.wrong(Of::Value, message, Some(next.into()));
    }

    fn at<T>(&mut self, step: impl Into<Step<'a>>, work: impl FnOnce(&mut Self) -> T) -> T {
        self.walk.enter(step);
        let done = work(self);
        self.walk.leave();
        done
    }

    fn file(&mut self, provider: &str, text: &str, raw: &'a PriceFile) -> Option<Prices> {
        let plain = raw.version.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        let hash = blake3::hash(text.as_bytes()).to_hex();
        let version = format!("{provider}/{}+{}", raw.version, &hash[..HASH_DIGITS]);
        if raw.version.is_empty() || !plain || version.len() > PRICE_TEXT_MAX_BYTES {
            self.at("version", |r| r.wrong(format!("version is {:?}", raw.version), "use a short word like 2026-11"));
        }
        let currency = raw.currency.parse::<Currency>();
        if let Err(e) = &currency {
            self.at("currency", |r| r.walk.wrong(Of::Value, e.to_string(), None));
        }
        self.date("checked_on", &raw.checked_on);
        if raw.skus.len() > SKUS_MAX {
            self.at("skus", |r| r.wrong(format!("{} SKUs", raw.skus.len()), format!("use at most {SKUS_MAX}")));
        }
        let skus: Vec<_> = self.at("skus", |r| {
            let sku = |(name, rows): (&'a String, &'a PriceRows)| (name.clone(), r.at(name, |r| r.rows(name, rows)));
            raw.skus.iter().map(sku).collect()
        });
        let skus = skus.into_iter().map(|(name, rows)| rows.map(|rows| (name, rows))).collect::<Option<_>>()?;
        Some(Prices { version, currency: currency.ok()?, checked_on: raw.checked_on.clone(), skus })
    }

    fn date(&mut self, key: &'a str, text: &str) -> Option<Timestamp> {
        if !is_date(text) {
            self.at(key, |r| r.wrong(format!("{key} is {text:?}"), "use YYYY-MM-DD"));
        }
        format!("{text}T00:00:00Z").parse().ok()
    }

    fn rows(&mut self, name: &str, raw: &'a PriceRows) -> Option<Vec<Row>> {
        if name.is_empty() || name.len() > PRICE_TEXT_MAX_BYTES {
            let next = format!("use 1 to {PRICE_TEXT_MAX_BYTES} bytes");
            self.walk.wrong(Of::Key, format!("{name:?} is no SKU"), Some(next));
        }
        let rows: Vec<Option<Row>> = match raw {
            PriceRows::One(row) => vec![self.row(row)],
            PriceRows::Many(rows) => rows.iter().enumerate().map(|(i, r)| self.at(i, |c| c.row(r))).collect(),
        };
        if rows.is_empty() || rows.len() > ROWS_MAX {
            self.wrong(format!("{name:?} has {} prices", rows.len()), format!("use 1 to {ROWS_MAX}"));
        }
        let mut rows = rows.into_iter().collect::<Option<Vec<Row>>>()?;
        rows.sort_by_key(|r| r.effective_from);
        if rows.windows(2).any(|two| two[0].effective_from == two[1].effective_from) {
            self.wrong(format!("{name:?} has two prices from the same day"), "leave one of them out");
        }
        Some(rows)
    }

    fn row(&mut self, raw: &'a PriceRow) -> Option<Row> {
        if raw.rates.is_empty() {
            self.at("rates", |r| r.wrong("no rate is given", "name at least one unit"));
        }
        if !is_http_url(&raw.source_url) {
            self.at("source_url", |r| r.wrong(format!("source_url is {:?}", raw.source_url), "use a URL"));
        }
        let effective_from = self.date("effective_from", &raw.effective_from);
        let rates: Vec<Option<Rate>> = self
            .at("rates", |r| raw.rates.iter().map(|(unit, rate)| r.at(unit.name(), |r| r.rate(*unit, rate))).collect());
        let limits = raw.limits.iter().map(|(unit, n)| ((*unit).into(), *n)).collect();
        let sku = Sku { rates: rates.into_iter().collect::<Option<_>>()?, limits };
        Some(Row { effective_from: effective_from?, sku, source_url: raw.source_url.clone() })
    }

    fn rate(&mut self, unit: Unit, raw: &'a PriceRate) -> Option<Rate> {
        let read = match raw {
            PriceRate::Short(text) => short(unit, text),
            PriceRate::Full(_) if unit == Unit::Amount => None,
            PriceRate::Full(full) => decimal(&full.amount, MICRO_DIGITS).map(|a| (a, full.per)),
        };
        let Some((amount_micros, per)) = read.filter(|(_, per)| *per > 0) else {
            let next = match unit {
                Unit::Amount => "use a share like 2.9%, with at most 4 decimals",
                _ => "use an amount with at most 6 decimals, and for how many: 2.50/1M, 0.01/1k, 0.0079",
            };
            self.wrong(format!("the price per {} is not exact, or no price", unit.name()), next);
            return None;
        };
        Some(Rate { unit: unit.into(), amount_micros, per })
    }
}

/// `2.50/1M`, `0.0079` or, of an amount, `2.9%`.
fn short(unit: Unit, text: &str) -> Option<(i64, u32)> {
    if unit == Unit::Amount {
        return decimal(text.strip_suffix('%')?.trim(), SHARE_DIGITS).map(|share| (share, SHARE_PER));
    }
    let (amount, per) = text.split_once('/').unwrap_or((text, "1"));
    Some((decimal(amount.trim(), MICRO_DIGITS)?, count(per.trim())?))
}

/// `1000000`, `1k` or `1M`.
fn count(text: &str) -> Option<u32> {
    let (digits, scale) = match (text.strip_suffix('k'), text.strip_suffix('M')) {
        (Some(digits), _) => (digits, 1_000),
        (_, Some(digits)) => (digits, 1_000_000),
        _ => (text, 1),
    };
    digits.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
    digits.parse::<u32>().ok()?.checked_mul(scale)
}

/// A decimal times ten to the `digits`; none where it is finer, or no decimal.
fn decimal(text: &str, digits: usize) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let plain = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let needed = fraction.trim_end_matches('0');
    if !plain(whole) || !plain(fraction) || needed.len() > digits {
        return None;
    }
    format!("{whole}{needed:0<digits$}").parse().ok()
}

#[cfg(test)]
mod tests;
