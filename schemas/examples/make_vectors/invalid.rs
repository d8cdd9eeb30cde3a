//! Single envelopes, entries, payloads and messages every reader must refuse.
#![allow(clippy::unwrap_used, reason = "a vector that cannot be built must stop the generator")]

use super::{
    fixtures::{Vector, alice, arguments, bob, broker, change, command, mallory, seal},
    log::{Log, whole},
    raw,
};
use if_schemas::{
    Draft, Envelope, PublicKey, TrustOp, codec,
    head::{Receipt, Verdict},
    limits,
    wire::{Committed, Message as _, Submission},
};
use rmpv::Value;
use serde_json::json;

pub fn vectors() -> Vec<Vector> {
    let log = whole();
    let mut out = signatures(&log);
    out.extend(shapes());
    out.extend(bodies());
    out.extend(entries(&log));
    out.extend(messages());
    out.extend(committed(&log));
    out.extend(paths(&log));
    out
}

/// `open`: the kind it is opened as, with `key`.
fn envelope(name: &str, description: &str, bytes: Vec<u8>, error: &str, open: &str, key: &PublicKey) -> Vector {
    let with = json!({"open_as": open, "public_key": key});
    Vector::invalid(&format!("envelope-{name}"), "envelope", description, bytes, error, with)
}

fn good() -> Envelope {
    seal(&command(1, 10, "vmix.cut", "studio1", &arguments(0x11, 2)), &bob())
}

fn signatures(log: &Log) -> Vec<Vector> {
    let (good, bob_) = (good(), bob().public());
    let bytes = good.encode().unwrap();
    let sig = raw::binary(&raw::field(&bytes, "sig"));
    let body = raw::body_of(&good);
    let flip = |bytes: &[u8], at: usize| {
        let mut out = bytes.to_vec();
        out[at] ^= 1;
        Value::Binary(out)
    };
    let own = |name, description, bytes, error| envelope(name, description, bytes, error, "command", &bob_);
    let head = log.head(&broker()).encode().unwrap();
    let relabelled = raw::with(&head, "kind", "receipt".into());
    let renamed = raw::with(&bytes, "key", Value::Binary(mallory().id().0.to_vec()));
    let mut out = vec![
        own("bad-signature", "one bit of R flipped", raw::with(&bytes, "sig", flip(&sig, 0)), "bad_signature"),
        own("bad-signature-s", "one bit of S flipped", raw::with(&bytes, "sig", flip(&sig, 33)), "bad_signature"),
        own(
            "tampered-body",
            "the last byte of the body changed",
            raw::with(&bytes, "body", flip(&body, body.len() - 1)),
            "bad_signature",
        ),
        own(
            "noncanonical-sig",
            "S + L for S: a lax verifier accepts it",
            raw::with(&bytes, "sig", Value::Binary(raw::malleate(&sig))),
            "bad_signature",
        ),
        own("wrong-key-id", "names another key than the one that signed", renamed, "wrong_key"),
        envelope(
            "renamed-key",
            "bob's signature under mallory's key id, opened with mallory's key",
            raw::with(&bytes, "key", Value::Binary(mallory().id().0.to_vec())),
            "bad_signature",
            "command",
            &mallory().public(),
        ),
        envelope("kind-confusion", "a head where a receipt is expected", head, "kind", "receipt", &broker().public()),
        envelope(
            "kind-relabelled",
            "a head whose kind field says receipt",
            relabelled,
            "bad_signature",
            "receipt",
            &broker().public(),
        ),
    ];
    out.extend(small_order());
    out
}

/// With a small-order key `A` and `R`, `S = 0` satisfies the lax equation for many messages or all.
fn small_order() -> Vec<Vector> {
    let mut identity = [0; 32];
    identity[0] = 1;
    let body = raw::body_of(&good());
    let sig = [identity, [0; 32]].concat();
    let forged = |key: [u8; 32]| raw::assembled("command", &raw::key_id(&key), &body, &sig);
    let key = PublicKey(identity);
    vec![envelope(
        "small-order-key",
        "the neutral element as key: its signatures are nobody's",
        forged(identity),
        "bad_signature",
        "command",
        &key,
    )]
}

fn shapes() -> Vec<Vector> {
    let bytes = good().encode().unwrap();
    let own = |name, description, bytes, error| envelope(name, description, bytes, error, "command", &bob().public());
    let with_pair = |pair: (Value, Value)| {
        let mut pairs = raw::tree(&bytes);
        pairs.push(pair);
        raw::bytes(pairs)
    };
    let mut swapped = raw::tree(&bytes);
    swapped.swap(0, 1);
    let array = Value::Array(raw::tree(&bytes).into_iter().map(|(_, v)| v).collect());
    let missing = raw::tree(&bytes).into_iter().filter(|(k, _)| k.as_str() != Some("sig")).collect();
    // `v` is the first value: 0x81.. map header, 0xa1 'v', 0x01.
    let wide = [&bytes[..3], &[0xcc, 0x01], &bytes[4..]].concat();
    assert_eq!(bytes[1..4], [0xa1, b'v', 0x01]);
    let text = raw::with(&bytes, "key", Value::from("00112233445566ff"));
    vec![
        own("version-2", "a later major version", raw::with(&bytes, "v", 2.into()), "version"),
        own(
            "version-2-unknown-field",
            "a later version with a field of its own",
            {
                let mut pairs = raw::tree(&with_pair(("alg".into(), "x".into())));
                pairs[0].1 = 2.into();
                raw::bytes(pairs)
            },
            "version",
        ),
        own("version-0", "no such version", raw::with(&bytes, "v", 0.into()), "version"),
        own("trailing-bytes", "one byte after the end", [&bytes[..], &[0xc0]].concat(), "malformed"),
        own("truncated", "the last byte is missing", bytes[..bytes.len() - 1].to_vec(), "malformed"),
        own("empty", "no bytes", Vec::new(), "malformed"),
        own("unknown-field", "a field the contract does not have", with_pair(("note".into(), "x".into())), "malformed"),
        own("duplicate-key", "`v` twice", with_pair(("v".into(), 1.into())), "malformed"),
        own("missing-field", "no signature", raw::bytes(missing), "malformed"),
        own("field-order", "`kind` before `v`", raw::bytes(swapped), "malformed"),
        own("array", "an array of the values instead of a map", raw::value_bytes(&array), "malformed"),
        own("wide-integer", "`v` as uint 8 where positive fixint is due", wide, "malformed"),
        own("kind-number", "the kind as a number", raw::with(&bytes, "kind", 0.into()), "malformed"),
        own(
            "kind-unknown",
            "a kind the contract does not have",
            raw::with(&bytes, "kind", "query".into()),
            "malformed",
        ),
        own("key-text", "text where 16 bytes are due", text, "malformed"),
        own("short-sig", "a signature of 63 bytes", raw::with(&bytes, "sig", Value::Binary(vec![1; 63])), "malformed"),
        own("oversize", "one byte more than an envelope may have", oversize(), "too_large"),
    ]
}

/// A well-formed, correctly signed envelope of 32,769 bytes.
fn oversize() -> Vec<u8> {
    let empty = raw::sealed("command", 4, &[0; 300]).len() - 300;
    let out = raw::sealed("command", 4, &vec![0; limits::ENVELOPE_MAX_BYTES + 1 - empty]);
    assert_eq!(out.len(), limits::ENVELOPE_MAX_BYTES + 1);
    out
}

/// Correctly signed, but the body is not what its kind says.
fn bodies() -> Vec<Vector> {
    let body = raw::body_of(&good());
    let own = |name, description, body: Vec<u8>| {
        envelope(name, description, raw::sealed("command", 4, &body), "malformed", "command", &bob().public())
    };
    let extra = {
        let mut pairs = raw::tree(&body);
        pairs.push(("sudo".into(), true.into()));
        raw::bytes(pairs)
    };
    let twice = {
        let mut pairs = raw::tree(&body);
        pairs.push(("instance".into(), "studio2".into()));
        raw::bytes(pairs)
    };
    let trust = raw::body_of(&seal(&change(5, 40, TrustOp::Revoke(bob().id())), &alice()));
    vec![
        own("body-unknown-field", "the signed body has a field the contract does not have", extra),
        own("body-duplicate-key", "the signed body names two instances", twice),
        own("body-trailing-bytes", "one byte after the signed body", [&body[..], &[0]].concat()),
        own("body-other-kind", "a trust change signed as a command", trust),
        own(
            "body-bad-name",
            "an instance name that is two subject tokens",
            raw::with(&body, "instance", "studio1.>".into()),
        ),
        own("body-bad-operation", "an operation of one token", raw::with(&body, "operation", "cut".into())),
        own("body-effect-number", "the effect as a number", raw::with(&body, "effect", 1.into())),
        own("body-empty", "no body", Vec::new()),
    ]
}

fn entries(log: &Log) -> Vec<Vector> {
    let bytes = &log.entries[1].raw.entry;
    let own = |name: &str, description, bytes, error| {
        Vector::invalid(&format!("entry-{name}"), "entry", description, bytes, error, json!({}))
    };
    let with_pair = |pair: (Value, Value)| {
        let mut pairs = raw::tree(bytes);
        pairs.push(pair);
        raw::bytes(pairs)
    };
    let inside = {
        let Value::Map(mut kinds) = raw::field(bytes, "body") else { panic!("the body is a map") };
        let Value::Map(fields) = &mut kinds[0].1 else { panic!("the fields are a map") };
        fields.push(("note".into(), "x".into()));
        raw::with(bytes, "body", Value::Map(kinds))
    };
    let two = {
        let Value::Map(mut kinds) = raw::field(bytes, "body") else { panic!("the body is a map") };
        kinds.push(kinds[0].clone());
        raw::with(bytes, "body", Value::Map(kinds))
    };
    let unknown = Value::Map(vec![("deleted".into(), Value::Map(Vec::new()))]);
    let big = [&bytes[..], &vec![0; limits::ENTRY_MAX_BYTES + 1 - bytes.len()]].concat();
    vec![
        own("version-2", "a later major version", raw::with(bytes, "v", 2.into()), "version"),
        own("trailing-bytes", "one byte after the end", [&bytes[..], &[0]].concat(), "malformed"),
        own("truncated", "cut in the middle", bytes[..bytes.len() / 2].to_vec(), "malformed"),
        own("unknown-field", "a field the contract does not have", with_pair(("note".into(), "x".into())), "malformed"),
        own("body-unknown-field", "a field inside the body the contract does not have", inside, "malformed"),
        own("duplicate-key", "`index` twice", with_pair(("index".into(), 1.into())), "malformed"),
        own("two-bodies", "a body that is two things", two, "malformed"),
        own("unknown-body", "a body the contract does not have", raw::with(bytes, "body", unknown), "malformed"),
        own("float-time", "a float where an integer is due", raw::with(bytes, "at", Value::F64(1.0)), "malformed"),
        own("negative-index", "an index below zero", raw::with(bytes, "index", (-1).into()), "malformed"),
        own("oversize", "65,536 bytes", big, "too_large"),
    ]
}

fn messages() -> Vec<Vector> {
    let args = arguments(0x11, 2);
    let with_payload = |payload| {
        let submission = Submission { envelope: good(), payload: Some(payload) };
        codec::encode("submission", &submission).unwrap()
    };
    let own = |name: &str, description, bytes, error| {
        let with = json!({"public_key": bob().public()});
        Vector::invalid(&format!("submission-{name}"), "submission", description, bytes, error, with)
    };
    let mut other = args.clone();
    *other.bytes.last_mut().unwrap() ^= 1;
    let mut salted = args.clone();
    salted.salt.0[0] ^= 1;
    let mut large = args.clone();
    large.bytes = vec![0; limits::PAYLOAD_MAX_BYTES + 1];
    let large_envelope = {
        let mut pairs = raw::tree(&with_payload(args.clone()));
        pairs[0].1 = Value::Map(raw::tree(&oversize()));
        raw::bytes(pairs)
    };
    let later = {
        let bytes = with_payload(args);
        let envelope = raw::value_bytes(&raw::field(&bytes, "envelope"));
        let envelope = raw::with(&envelope, "v", 2.into());
        raw::with(&bytes, "envelope", Value::Map(raw::tree(&envelope)))
    };
    vec![
        own("payload-mismatch", "one bit of the payload flipped", with_payload(other), "hash_mismatch"),
        own("payload-salt", "one bit of the salt flipped", with_payload(salted), "hash_mismatch"),
        own("payload-oversize", "a payload of 524,289 bytes", with_payload(large), "too_large"),
        own("envelope-oversize", "an envelope of 32,769 bytes inside", large_envelope, "too_large"),
        own("version-2", "an envelope of a later version inside", later, "version"),
        own("garbage", "no MessagePack at all", b"GET / HTTP/1.1\r\n\r\n".to_vec(), "malformed"),
    ]
}

fn committed(log: &Log) -> Vec<Vector> {
    let two = log.first(2);
    let own = |name: &str, description, head: Envelope, error| {
        let entry = two.entries[1].raw.entry.clone();
        let message = Committed { entry, head, payload: None, signer: None, order: None }.to_message().unwrap();
        let with = json!({"broker": broker().public()});
        Vector::invalid(&format!("committed-{name}"), "committed", description, message, error, with)
    };
    let receipt = |head, key| seal(&Receipt { command: None, head, verdict: Verdict::Accepted }, key);
    let (this, before) = (two.head_body(), log.first(1).head_body());
    vec![
        own("other-entry", "the head of the entry before", seal(&before, &broker()), "hash_mismatch"),
        own("other-receipt", "the receipt of the entry before", receipt(Some(before), &broker()), "hash_mismatch"),
        own("receipt-no-head", "a receipt of something that was not logged", receipt(None, &broker()), "invalid"),
        own("receipt-not-broker", "a receipt an operator signed", receipt(Some(this), &bob()), "wrong_key"),
        own("command-as-head", "a command where the head should be", good(), "kind"),
    ]
}

fn paths(log: &Log) -> Vec<Vector> {
    let receipt =
        |n: usize| Receipt { command: None, head: Some(log.first(n).head_body()), verdict: Verdict::Accepted };
    let drafts = (1..=3).map(|n| Draft::of(&receipt(n)).unwrap()).collect();
    let all = Envelope::seal_all(drafts, &broker()).unwrap();
    let first = all[0].encode().unwrap();
    let path = raw::binary(&raw::field(&first, "path"));
    let own = |name: &str, description, bytes, error| {
        envelope(&format!("path-{name}"), description, bytes, error, "receipt", &broker().public())
    };
    let with = |path: Vec<u8>| raw::with(&first, "path", Value::Binary(path));
    let flipped = |at: usize| {
        let mut path = path.clone();
        path[at] ^= 1;
        path
    };
    let mut sideways = path.clone();
    sideways[0] = 2;
    let of_another = raw::with(&first, "path", raw::field(&all[2].encode().unwrap(), "path"));
    let alone = {
        let mut pairs = raw::tree(&first);
        pairs.retain(|(name, _)| name.as_str() != Some("path"));
        raw::bytes(pairs)
    };
    let command = {
        let mut pairs = raw::tree(&good().encode().unwrap());
        pairs.push(("path".into(), Value::Binary(path.clone())));
        raw::bytes(pairs)
    };
    let nil = raw::with(&first, "path", Value::Nil);
    vec![
        own("hash", "one bit of a neighbour flipped", with(flipped(5)), "bad_signature"),
        own("side", "a neighbour on the wrong side", with(flipped(0)), "bad_signature"),
        own("of-another", "the path of another message of the batch", of_another, "bad_signature"),
        own("left-out", "the signature of a batch without the path to it", alone, "bad_signature"),
        own("empty", "no steps", with(Vec::new()), "invalid"),
        own("nil", "nil where the field should be left out", nil, "malformed"),
        own("side-2", "a side that is neither", with(sideways), "invalid"),
        own("short", "the last byte missing", with(path[..path.len() - 1].to_vec()), "invalid"),
        own("long", "17 steps", with(path[..33].repeat(17)), "invalid"),
        envelope("path-command", "a command with a path", command, "invalid", "command", &bob().public()),
    ]
}
