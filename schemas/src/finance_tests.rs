#![allow(clippy::unwrap_used)]

use super::*;
use crate::price::{Rate, Unit};

fn rate(rate_micros: i64) -> ExchangeRate {
    let (from, to) = ("EUR".parse().unwrap(), Currency::USD);
    ExchangeRate { from, to, rate_micros, as_of: "2026-11-22".into(), source: "ECB".into() }
}

#[test]
fn conversion_rounds_up_both_ways() {
    let eur = rate(1_080_000);
    assert_eq!(eur.forward(1_000_000), Some(1_080_000));
    assert_eq!(eur.forward(1), Some(2), "1.08 micro-dollars are two");
    assert_eq!(eur.backward(1_080_000), Some(1_000_000));
    assert_eq!(eur.backward(1), Some(1));
    assert_eq!(eur.forward(0), Some(0));
    assert_eq!(rate(RATE_MAX_MICROS).forward(i64::MAX), None);
    assert_eq!(eur.forward(-1), None);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let rates = [
        ExchangeRate { rate_micros: 0, ..rate(1) },
        ExchangeRate { rate_micros: RATE_MAX_MICROS + 1, ..rate(1) },
        ExchangeRate { from: Currency::USD, ..rate(1) },
        ExchangeRate { as_of: "22.11.2026".into(), ..rate(1) },
        ExchangeRate { source: String::new(), ..rate(1) },
    ];
    for rate in rates {
        assert!(FinanceOp::SetRate(rate.clone()).check().is_err(), "{rate:?}");
    }
    assert!(FinanceOp::SetRate(rate(1)).check().is_ok());
    let key = BudgetKey { scope: Scope::Global, period: Period::Day };
    let budget = |amount_micros, zone: &str| {
        let limit = Money { amount_micros, currency: Currency::USD };
        FinanceOp::SetBudget(Budget { key: key.clone(), limit, mode: Mode::Hard, zone: zone.into() }).check()
    };
    assert!(budget(0, "Europe/Berlin").is_ok());
    assert!(budget(-1, "UTC").is_err());
    assert!(budget(1, "").is_err());
    assert!(budget(1, "../../etc/localtime").is_err());
    let price = |rates: Vec<Rate>| {
        let prices = Sku { rates, limits: Default::default() };
        let provider = "openai".parse().unwrap();
        let price = PriceOverride { provider, sku: "gpt".into(), prices, currency: Currency::USD, source: "me".into() };
        FinanceOp::SetPrice(price).check()
    };
    let call = Rate { unit: Unit::Call, amount_micros: 5, per: 1 };
    assert!(price(vec![call]).is_ok());
    assert!(price(vec![]).is_err());
    assert!(price(vec![call, call]).is_err());
    assert!(price(vec![Rate { per: 0, ..call }]).is_err());
    assert!(price(vec![Rate { amount_micros: -1, ..call }]).is_err());
}
