#![allow(clippy::unwrap_used)]

use super::*;
use if_schemas::{
    Command, CommandId, Currency, Effect, Salt, SigningKey, TraceId,
    price::{Meter, MeterLine, Quantity, SkuName, Unit},
};
use serde_json::json;

fn key() -> KeyId {
    SigningKey::from_seed(&[4; 32]).id()
}
fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn defaults() -> serde_json::Map<String, serde_json::Value> {
    json!({"model": "small", "calls": 7}).as_object().unwrap().clone()
}

fn document(version: &str) -> TariffDocument {
    let lines = vec![MeterLine { unit: Unit::Call, most: Quantity::Argument("calls".into()) }];
    let meter = Meter { sku: SkuName::Argument("model".into()), lines };
    TariffDocument {
        operations: [("ai.complete".parse().unwrap(), Some(meter)), ("ai.models".parse().unwrap(), None)].into(),
        table: Some(PriceTable { version: version.into(), currency: Currency::USD, skus: BTreeMap::new() }),
        defaults: [(name("mine"), [("ai.complete".parse().unwrap(), defaults())].into())].into(),
    }
}

fn tariff(document: &Payload, sequence: u64) -> Tariff {
    let (node, provider, at) = (name("node"), name("ai"), Timestamp(5));
    Tariff { node, provider, at, sequence, document: document.hash() }
}

fn command(operation: &str, instance: &str, payload: &Payload) -> Command {
    Command {
        id: CommandId::from_bytes([1; 16]),
        trace: TraceId::from_bytes([2; 16]),
        issued_at: Timestamp(1),
        deadline: Timestamp(2),
        operation: operation.parse().unwrap(),
        provider: name("ai"),
        instance: name(instance),
        effect: Effect::Once,
        dry_run: false,
        session: None,
        payload: payload.hash(),
        run: None,
    }
}

fn arguments(args: serde_json::Value) -> Payload {
    let args = args.as_object().unwrap().clone();
    Payload::new(&Arguments { args, why: None, cause: None }, Salt([5; 16])).unwrap()
}

#[test]
fn arguments_go_before_the_defaults_of_the_instance() {
    let tariffs = Tariffs::default();
    let payload = document("1").to_payload().unwrap();
    tariffs.note(key(), &tariff(&payload, 1), &payload).unwrap();
    let kept = tariffs.get(key(), &name("ai"), &payload.hash()).unwrap();
    let args = arguments(json!({"model": "large"}));
    let Pricing::Metered(metered) = kept.pricing(&Call::of(&command("ai.complete", "mine", &args), &args)) else {
        panic!()
    };
    assert_eq!(json!(metered.args), json!({"model": "large", "calls": 7}));
    assert_eq!(metered.table.unwrap().version, "1");
    let Pricing::Metered(metered) = kept.pricing(&Call::of(&command("ai.complete", "other", &args), &args)) else {
        panic!()
    };
    assert_eq!(json!(metered.args), json!({"model": "large"}));
    assert_eq!(kept.pricing(&Call::of(&command("ai.models", "mine", &args), &args)), Pricing::Free);
    assert_eq!(kept.pricing(&Call::of(&command("ai.embed", "mine", &args), &args)), Pricing::Unpriced);
    let garbage = Payload { salt: Salt([0; 16]), bytes: vec![0xc1] };
    assert!(matches!(
        kept.pricing(&Call::of(&command("ai.complete", "mine", &garbage), &garbage)),
        Pricing::Unknown(_)
    ));
}

#[test]
fn an_older_tariff_does_not_come_back_and_a_foreign_document_is_refused() {
    let tariffs = Tariffs::default();
    let (old, new) = (document("1").to_payload().unwrap(), document("2").to_payload().unwrap());
    tariffs.note(key(), &tariff(&new, 2), &new).unwrap();
    tariffs.note(key(), &tariff(&old, 1), &old).unwrap();
    assert!(tariffs.get(key(), &name("ai"), &old.hash()).is_none());
    assert!(tariffs.get(key(), &name("ai"), &new.hash()).is_some());
    assert!(tariffs.note(key(), &tariff(&new, 3), &old).is_err());
}

#[test]
fn there_is_a_bound_to_what_one_worker_may_tell() {
    let tariffs = Tariffs::default();
    let payload = document("1").to_payload().unwrap();
    let of = |n: usize| Tariff { provider: name(&format!("p{n}")), ..tariff(&payload, 1) };
    for n in 0..PROVIDERS_MAX {
        tariffs.note(key(), &of(n), &payload).unwrap();
    }
    assert!(tariffs.note(key(), &of(PROVIDERS_MAX), &payload).is_err());
    // What is known may still change.
    tariffs.note(key(), &Tariff { sequence: 2, ..of(0) }, &payload).unwrap();
    let other = SigningKey::from_seed(&[5; 32]).id();
    tariffs.note(other, &of(PROVIDERS_MAX), &payload).unwrap();
}
