//! Statements that share a signature: each verifies alone, and none but what was signed.
#![allow(clippy::unwrap_used)]

use if_schemas::{
    Command, CommandId, Draft, Effect, Envelope, Hash, Head, Kind, SchemaError, SigningKey, Timestamp, TraceId,
    Verifier, codec,
};
use proptest::prelude::*;

fn key(n: u8) -> SigningKey {
    SigningKey::from_seed(&[n; 32])
}

fn head(index: u64) -> Head {
    Head { log: Hash([1; 32]), index, hash: Hash([2; 32]), at: Timestamp(3) }
}

fn batch(size: u64, key: &SigningKey) -> Vec<Envelope> {
    Envelope::seal_all((0..size).map(|n| Draft::of(&head(n)).unwrap()).collect(), key).unwrap()
}

/// The envelope with another body, everything else as it was.
fn with_body(envelope: &Envelope, body: &Head) -> Envelope {
    let mut json = serde_json::to_value(envelope).unwrap();
    json["body"] = serde_json::to_value(codec::encode("head", body).unwrap()).unwrap();
    serde_json::from_value(json).unwrap()
}

fn command() -> Command {
    Command {
        id: CommandId::from_bytes([1; 16]),
        trace: TraceId::from_bytes([2; 16]),
        issued_at: Timestamp(1),
        deadline: Timestamp(2),
        operation: "vmix.cut".parse().unwrap(),
        provider: "vmix".parse().unwrap(),
        instance: "one".parse().unwrap(),
        effect: Effect::Once,
        dry_run: false,
        session: None,
        payload: Hash([3; 32]),
        run: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_member_of_a_batch_verifies_alone(size in 1u64..200) {
        let key = key(1);
        let verifier = Verifier::new(key.public()).unwrap();
        for (n, envelope) in (0..size).zip(batch(size, &key)) {
            let bytes = envelope.encode().unwrap();
            let read = Envelope::decode(&bytes).unwrap();
            prop_assert_eq!(read.encode().unwrap(), bytes);
            prop_assert_eq!(read.open::<Head>(&key.public()).unwrap(), head(n));
            prop_assert_eq!(read.open_with::<Head>(&verifier).unwrap(), head(n));
            // Neither another statement with this one's path nor another signer, whatever the verifier remembers.
            let other = with_body(&read, &head(n + 1_000));
            prop_assert_eq!(other.open_with::<Head>(&verifier).unwrap_err(), SchemaError::BadSignature);
            let stranger = Verifier::new(self::key(2).public()).unwrap();
            let refused = matches!(read.open_with::<Head>(&stranger), Err(SchemaError::WrongKey { .. }));
            prop_assert!(refused);
        }
    }
}

#[test]
fn the_same_statements_signed_by_another_key_are_refused() {
    let (mine, other) = (key(1), key(2));
    let verifier = Verifier::new(mine.public()).unwrap();
    let envelope = batch(2, &mine).remove(0);
    envelope.open_with::<Head>(&verifier).unwrap();
    // The same statements signed by somebody else have the same shape and another root.
    let forged = batch(2, &other).remove(0);
    let mut json = serde_json::to_value(&forged).unwrap();
    json["key"] = serde_json::to_value(mine.id()).unwrap();
    let forged: Envelope = serde_json::from_value(json).unwrap();
    assert_eq!(forged.open_with::<Head>(&verifier).unwrap_err(), SchemaError::BadSignature);
}

#[test]
fn what_goes_into_a_log_never_shares_a_signature() {
    let drafts = vec![Draft::of(&command()).unwrap(), Draft::of(&command()).unwrap()];
    let refused = Envelope::seal_all(drafts, &key(1)).unwrap_err();
    assert!(refused.to_string().contains("only heads and receipts"), "{refused}");
    let alone = Envelope::seal_all(vec![Draft::of(&command()).unwrap()], &key(1)).unwrap();
    assert_eq!(alone[0].kind(), Kind::Command);
    assert_eq!(alone[0].open::<Command>(&key(1).public()).unwrap(), command());
}

#[test]
fn what_a_verifier_remembers_excuses_no_wrong_signature() {
    let key = key(1);
    let verifier = Verifier::new(key.public()).unwrap();
    let all = batch(3, &key);
    all[0].open_with::<Head>(&verifier).unwrap();
    let mut json = serde_json::to_value(&all[1]).unwrap();
    json["sig"] = serde_json::to_value(if_schemas::Signature([7; 64])).unwrap();
    let spoiled: Envelope = serde_json::from_value(json).unwrap();
    assert_eq!(spoiled.open::<Head>(&key.public()).unwrap_err(), SchemaError::BadSignature);
    assert_eq!(spoiled.open_with::<Head>(&verifier).unwrap_err(), SchemaError::BadSignature);
    assert_eq!(all[1].open_with::<Head>(&verifier).unwrap(), head(1));
}
