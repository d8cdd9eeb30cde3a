use super::*;
use serde_json::json;

fn table() -> PriceTable {
    let rate = |unit, amount_micros| Rate { unit, amount_micros, per: 1_000_000 };
    let rates = vec![rate(Unit::InputToken, 2_500_000), rate(Unit::OutputToken, 10_000_000)];
    let limits = BTreeMap::from([(Unit::OutputToken, 16_384)]);
    let skus = BTreeMap::from([("gpt-4o".to_string(), Sku { rates, limits })]);
    PriceTable { version: "openai/1".into(), currency: Currency::USD, skus }
}

fn meter() -> Meter {
    let input = Quantity::TextBytes { arguments: vec!["prompt".into()], extra: 8 };
    let lines = vec![
        MeterLine { unit: Unit::InputToken, most: input },
        MeterLine { unit: Unit::OutputToken, most: Quantity::Argument("max_tokens".into()) },
    ];
    Meter { sku: SkuName::Argument("model".into()), lines }
}

fn quote(args: Value) -> Result<Quote, PriceError> {
    let (meter, table) = (meter(), table());
    let args = args.as_object().unwrap();
    let sku = meter.sku(args)?;
    meter.quote(sku, &table.skus[sku], &table, args)
}

#[test]
fn the_worst_case_counts_every_byte_and_the_whole_answer() {
    let q = quote(json!({"model": "gpt-4o", "prompt": "Explain IF", "max_tokens": 100})).unwrap();
    assert_eq!(q.lines.iter().map(|l| l.most).collect::<Vec<_>>(), [18, 100]);
    assert_eq!(q.worst_case().unwrap().amount_micros, 45 + 1_000);
    let q = quote(json!({"model": "gpt-4o", "prompt": "é", "max_tokens": null})).unwrap();
    assert_eq!(q.lines.iter().map(|l| l.most).collect::<Vec<_>>(), [10, 16_384]);
}

#[test]
fn a_cost_is_rounded_up_and_never_above_the_worst_case() {
    let q = quote(json!({"model": "gpt-4o", "prompt": "", "max_tokens": 1})).unwrap();
    let cost = |i, o| q.cost(&Usage::from([(Unit::InputToken, i), (Unit::OutputToken, o)])).unwrap().amount_micros;
    assert_eq!((cost(0, 0), cost(1, 0), cost(0, 1)), (0, 3, 10));
    assert_eq!(q.worst_case().unwrap().amount_micros, 20 + 10);
    assert_eq!(cost(1_000_000, 1_000_000), 30);
}

#[test]
fn no_price_is_an_error_and_never_zero() {
    assert_eq!(quote(json!({"prompt": "x"})), Err(PriceError::NoArgument { name: "model".into() }));
    let mut table = table();
    let sku = table.skus.get_mut("gpt-4o").unwrap();
    sku.limits.clear();
    let args = json!({"model": "gpt-4o"});
    let got = meter().quote("gpt-4o", &table.skus["gpt-4o"], &table, args.as_object().unwrap());
    assert_eq!(got, Err(PriceError::NoLimit { sku: "gpt-4o".into(), name: "max_tokens".into() }));
    table.skus.get_mut("gpt-4o").unwrap().rates.pop();
    let got = meter().quote("gpt-4o", &table.skus["gpt-4o"], &table, args.as_object().unwrap());
    assert_eq!(got, Err(PriceError::NoRate { sku: "gpt-4o".into(), unit: Unit::OutputToken }));
}

#[test]
fn absurd_figures_are_refused() {
    let rate = |amount_micros, per| Rate { unit: Unit::Call, amount_micros, per };
    assert!(matches!(rate(1, 0).cost(1), Err(PriceError::BadRate(_))));
    assert!(matches!(rate(-1, 1).cost(1), Err(PriceError::BadRate(_))));
    assert_eq!(rate(i64::MAX, 1).cost(2), Err(PriceError::TooMuch));
}

#[test]
fn fees_are_a_share_of_the_amount() {
    let rates = vec![
        Rate { unit: Unit::Amount, amount_micros: 29_000, per: 1_000_000 },
        Rate { unit: Unit::Call, amount_micros: 300_000, per: 1 },
    ];
    let sku = Sku { rates, limits: BTreeMap::new() };
    let table = PriceTable { version: "s/1".into(), currency: Currency::USD, skus: BTreeMap::new() };
    let most = Quantity::Money { amount: "amount".into(), currency: "currency".into() };
    let lines = vec![MeterLine { unit: Unit::Amount, most }, MeterLine { unit: Unit::Call, most: Quantity::Fixed(1) }];
    let meter = Meter { sku: SkuName::Fixed("charge".into()), lines };
    let worst = |args: Value| {
        meter
            .quote("charge", &sku, &table, args.as_object().unwrap())
            .and_then(|q| q.worst_case())
            .map(|m| m.amount_micros)
    };
    assert_eq!(worst(json!({"amount": "1000", "currency": "usd"})), Ok(590_000));
    assert_eq!(worst(json!({"amount": "10.00", "currency": "usd"})), Ok(590_000));
    assert!(worst(json!({"amount": "10.001", "currency": "usd"})).is_err());
    assert!(worst(json!({"amount": "-5", "currency": "usd"})).is_err());
    // 2.9 % of a dinar is no 2.9 cents.
    let other =
        PriceError::OtherCurrency { sku: "charge".into(), charged: "KWD".parse().unwrap(), priced: Currency::USD };
    assert_eq!(worst(json!({"amount": "1.000", "currency": "kwd"})), Err(other));
}
