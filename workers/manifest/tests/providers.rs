//! Every provider that comes with the product.

use if_manifest::plan::Plan;
use if_schemas::Effect;
use serde_json::{Value, json};
use std::{fs, path::PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../providers")
}

/// Folder names, sorted.
fn ids() -> Vec<String> {
    let entries = fs::read_dir(root()).unwrap().map(|e| e.unwrap().path());
    let mut ids: Vec<String> =
        entries.filter(|p| p.is_dir()).map(|p| p.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    ids.sort();
    ids
}

fn plan(id: &str) -> Result<Plan, String> {
    let file = root().join(id).join("manifest.yaml");
    let text = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let shown = format!("workers/providers/{id}/manifest.yaml");
    if_manifest::compile_as(id, &shown, &text)
        .map_err(|errors| errors.iter().map(|e| format!("{e}\n")).collect::<String>())
}

#[test]
fn every_manifest_compiles() {
    let wrong: Vec<String> = ids().iter().filter_map(|id| plan(id).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.concat());
    assert!(ids().len() >= 8, "{:?}", ids());
}

/// Operation, what is typed, what the instance says.
fn short_lines() -> Vec<(&'static str, &'static str, Value, Value)> {
    let aws = json!({
        "access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "s", "region": "eu-central-1", "image": "ami-1",
        "base_url": "https://ec2.eu-central-1.amazonaws.com"
    });
    let twilio = json!({
        "account_sid": "AC00000000000000000000000000000001", "auth_token": "t", "from": "+15005550006", "say": "Hello"
    });
    let stripe = json!({"secret_key": "sk_test_1", "currency": "usd", "payment_method": "pm_1"});
    let telegram = json!({"token": "1:a", "chat": "42"});
    // As in the product owner's own file.
    let openai = json!({"api_key": "sk-...", "model": "gpt-4", "max_tokens": 2000});
    vec![
        ("aws", "cloud.vm.create", json!({"type": "t3.medium"}), aws),
        ("twilio", "sip.call", json!({"to": "+1234567890"}), twilio),
        ("stripe", "payment.charge", json!({"amount": "1000"}), stripe),
        ("telegram", "chat.send", json!({"text": "Hello"}), telegram),
        ("openai", "ai.complete", json!({"prompt": "Explain IF"}), openai),
    ]
}

#[test]
fn the_instance_fills_in_what_is_not_typed() {
    for (id, operation, typed, settings) in short_lines() {
        let plan = plan(id).unwrap();
        let settings = plan.spec.check_instance(settings.as_object().unwrap()).unwrap();
        let operation = plan.spec.operation(operation).unwrap();
        operation.resolve(typed.as_object().unwrap(), &settings).unwrap_or_else(|e| panic!("{id}: {e}"));
    }
}

#[test]
fn what_must_not_happen_twice_says_so() {
    let once = [
        ("aws", "cloud.vm.create"),
        ("hetzner", "cloud.vm.create"),
        ("twilio", "sip.call"),
        ("twilio", "sip.sms.send"),
        ("stripe", "payment.charge"),
        ("stripe", "payment.refund"),
        ("stripe", "payment.customer.create"),
        ("telegram", "chat.send"),
        ("slack", "chat.send"),
        ("openai", "ai.complete"),
        ("anthropic", "ai.complete"),
    ];
    for (id, operation) in once {
        assert_eq!(plan(id).unwrap().operations[operation].effect, Effect::Once, "{id} {operation}");
    }
}

fn prices(id: &str) -> if_manifest::Prices {
    let shown = format!("workers/providers/{id}/prices.yaml");
    let text = fs::read_to_string(root().join(id).join("prices.yaml")).unwrap();
    let prices = if_manifest::prices(id, &shown, &text);
    prices.unwrap_or_else(|e| panic!("{}", e.iter().map(|e| format!("{e}\n")).collect::<String>()))
}

/// The SKUs a provider has a price for on the day its file was last checked.
fn table(id: &str) -> if_schemas::price::PriceTable {
    let prices = prices(id);
    prices.table(format!("{}T00:00:00Z", prices.checked_on).parse().unwrap())
}

#[test]
fn prices_are_known_or_left_to_the_operator() {
    let known = |id: &str| table(id).skus.len();
    assert_eq!([known("aws"), known("hetzner"), known("twilio")], [0, 0, 0]);
    assert_eq!((known("openai"), known("anthropic"), known("stripe")), (94, 22, 2));
    // Every price file belongs to a provider that has something to pay for.
    for id in ids() {
        let paid = plan(&id).unwrap().operations.values().any(|o| o.used.is_some());
        assert_eq!(paid, root().join(&id).join("prices.yaml").exists(), "{id}");
    }
}

#[test]
fn every_sku_that_a_manifest_names_has_its_price() {
    for id in ids().iter().filter(|id| root().join(id).join("prices.yaml").exists()) {
        let file = root().join(id).join("manifest.yaml");
        let text = fs::read_to_string(&file).unwrap();
        let found = if_manifest::unpriced(&file.to_string_lossy(), &text, &plan(id).unwrap().spec, &prices(id));
        assert_eq!(found, [], "{id}");
    }
}

#[test]
fn the_worst_case_is_counted() {
    let quote = |id: &str, operation: &str, args: Value| {
        let (plan, table) = (plan(id).unwrap(), table(id));
        let meter = plan.spec.operation(operation).unwrap().price.as_ref().expect("it has a meter");
        let args = args.as_object().unwrap().clone();
        let sku = meter.sku(&args).unwrap().to_owned();
        let prices = table.skus.get(&sku).unwrap_or_else(|| panic!("{id}: no price of {sku}"));
        meter.quote(&sku, prices, &table, &args).unwrap().worst_case().unwrap().amount_micros
    };
    // 10 bytes and 64 tokens around them at 30 USD, and 2,000 tokens of answer at 60 USD a million.
    let prompt = json!({"prompt": "Explain IF", "model": "gpt-4", "max_tokens": 2000});
    assert_eq!(quote("openai", "ai.complete", prompt), 74 * 30 + 2000 * 60);
    // Without a limit of its own: the model's, 4,096.
    let prompt = json!({"prompt": "Explain IF", "model": "gpt-4"});
    assert_eq!(quote("openai", "ai.complete", prompt), 74 * 30 + 4096 * 60);
    // 5.9 % of 10.00 USD and 30 cents.
    assert_eq!(quote("stripe", "payment.charge", json!({"amount": "1000", "currency": "usd"})), 590_000 + 300_000);
}
