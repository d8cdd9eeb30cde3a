use super::*;
use if_schemas::price;

const PRICES: &str = "\
version: 2026-11
currency: USD
checked_on: 2026-11-01
skus:
  large:
    rates:
      input_token: 2.50/1M
      output_token: { amount: '10', per: 1000000 }
    limits: { output_token: 16384 }
    effective_from: 2025-01-01
    source_url: https://example.com/prices
  sms:
    - { rates: { message: '0.0079' }, effective_from: 2026-01-01, source_url: 'https://example.com' }
    - { rates: { message: '0.0075' }, effective_from: 2025-01-01, source_url: 'https://example.com' }
  charge: { rates: { amount: 2.9%, call: '0.30' }, effective_from: 2025-01-01, source_url: 'https://example.com' }
";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_table_holds_what_is_in_force() {
    let prices = prices("openai", "p.yaml", PRICES).unwrap_or_else(|e| panic!("{e:#?}"));
    let hash = &blake3::hash(PRICES.as_bytes()).to_hex()[..12];
    assert_eq!(prices.version, format!("openai/2026-11+{hash}"));
    let table = prices.table(at("2025-06-01T00:00:00Z"));
    let rate = |unit, amount_micros, per| Rate { unit, amount_micros, per };
    assert_eq!(table.skus["sms"].rates, [rate(price::Unit::Message, 7_500, 1)]);
    assert_eq!(table.skus["large"].rates, [
        rate(price::Unit::InputToken, 2_500_000, 1_000_000),
        rate(price::Unit::OutputToken, 10_000_000, 1_000_000),
    ]);
    assert_eq!(table.skus["large"].limits[&price::Unit::OutputToken], 16_384);
    assert_eq!(table.skus["charge"].rates, [
        rate(price::Unit::Amount, 29_000, 1_000_000),
        rate(price::Unit::Call, 300_000, 1),
    ]);
    assert_eq!(prices.table(at("2026-01-01T00:00:00Z")).skus["sms"].rates, [rate(price::Unit::Message, 7_900, 1)]);
    assert!(prices.table(at("2024-12-31T23:59:59Z")).skus.is_empty());
}

/// What is replaced, by what, and what is then said.
const REFUSED: &[(&str, &str, &str)] = &[
    ("'0.0079'", "0.00000015", "13:25: message is a number, expected a price in quotes like \"2.50/1M\", or a map with `amount` and `per`"),
    ("'0.0079'", "'0.0000001'", "13:25: the price per message is not exact, or no price (use an amount with at most 6 decimals, and for how many: 2.50/1M, 0.01/1k, 0.0079)"),
    ("2.50/1M", "2.50/0", "7:20: the price per input_token is not exact, or no price (use an amount with at most 6 decimals, and for how many: 2.50/1M, 0.01/1k, 0.0079)"),
    ("2.50/1M", "-2.50/1M", "7:20: the price per input_token is not exact, or no price (use an amount with at most 6 decimals, and for how many: 2.50/1M, 0.01/1k, 0.0079)"),
    ("2.9%", "2.9", "15:30: amount is a number, expected a price in quotes like \"2.50/1M\", or a map with `amount` and `per`"),
    ("input_token: 2", "input_tokens: 2", "7:7: rates: there is no \"input_tokens\" (did you mean \"input_token\"?)"),
    ("    effective_from: 2025-01-01", "    effective_form: 2025-01-01", "10:5: unknown key \"effective_form\" in large (did you mean \"effective_from\"?)"),
    ("2026-01-01", "2025-01-01", "13:5: \"sms\" has two prices from the same day (leave one of them out)"),
    ("currency: USD", "currency: usd", "2:11: currency \"usd\" is not valid: use the three-letter ISO 4217 code in upper case"),
    ("checked_on: 2026-11-01", "checked_on: 2026-13-01", "3:13: checked_on is \"2026-13-01\" (use YYYY-MM-DD)"),
    ("version: 2026-11", "version: a b", "1:10: version is \"a b\" (use a short word like 2026-11)"),
];

#[test]
fn every_refusal_names_its_place() {
    for (from, to, expected) in REFUSED {
        assert!(PRICES.contains(from), "{from}");
        let errors = prices("p", "p.yaml", &PRICES.replacen(from, to, 1)).unwrap_err();
        let shown: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert!(shown.contains(&format!("p.yaml:{expected}")), "{to}: {shown:#?}");
    }
}

#[test]
fn decimals_are_exact() {
    assert_eq!(decimal("0.000001", 6), Some(1));
    assert_eq!(decimal("12.3400000000", 6), Some(12_340_000));
    assert_eq!(decimal("7", 6), Some(7_000_000));
    for bad in ["", ".5", "1.", "1e3", "-1", "0.0000001", "1,5", "99999999999999999999"] {
        assert_eq!(decimal(bad, 6), None, "{bad}");
    }
    assert_eq!((count("1M"), count("5k"), count("7"), count("5000M"), count("+1")), (Some(1_000_000), Some(5_000), Some(7), None, None));
}
