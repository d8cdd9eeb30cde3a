//! Bytes no honest sender makes.
#![allow(clippy::unwrap_used, reason = "a vector that cannot be built must stop the generator")]

use if_schemas::{Envelope, SigningKey, codec, key::SIGNING_PREFIX};
use rmpv::Value;

/// The envelope as a MessagePack tree, to be bent.
pub fn tree(bytes: &[u8]) -> Vec<(Value, Value)> {
    let mut rest = bytes;
    match rmpv::decode::read_value(&mut rest).unwrap() {
        Value::Map(pairs) => pairs,
        other => panic!("not a map: {other}"),
    }
}

pub fn bytes(pairs: Vec<(Value, Value)>) -> Vec<u8> {
    value_bytes(&Value::Map(pairs))
}

pub fn value_bytes(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    rmpv::encode::write_value(&mut out, value).unwrap();
    out
}

/// `bytes` with `field` replaced.
pub fn with(bytes_: &[u8], field: &str, value: Value) -> Vec<u8> {
    let mut pairs = tree(bytes_);
    pairs.iter_mut().find(|(k, _)| k.as_str() == Some(field)).unwrap().1 = value;
    bytes(pairs)
}

pub fn field(bytes: &[u8], field: &str) -> Value {
    tree(bytes).into_iter().find(|(k, _)| k.as_str() == Some(field)).unwrap().1
}

pub fn binary(value: &Value) -> Vec<u8> {
    value.as_slice().unwrap().to_vec()
}

/// The message a signature of `kind` by `key_id` covers.
pub fn message(kind: &str, key_id: &[u8], body: &[u8]) -> Vec<u8> {
    [SIGNING_PREFIX, kind.as_bytes(), &[0], key_id, body].concat()
}

/// A correctly signed envelope around any body bytes.
pub fn sealed(kind: &str, seed: u8, body: &[u8]) -> Vec<u8> {
    use ed25519_dalek::Signer;
    let secret = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
    let key = SigningKey::from_seed(&[seed; 32]);
    let sig = secret.sign(&message(kind, &key.id().0, body)).to_bytes();
    assembled(kind, &key.id().0, body, &sig)
}

pub fn assembled(kind: &str, key_id: &[u8], body: &[u8], sig: &[u8]) -> Vec<u8> {
    bytes(vec![
        ("v".into(), 1.into()),
        ("kind".into(), kind.into()),
        ("key".into(), Value::Binary(key_id.to_vec())),
        ("body".into(), Value::Binary(body.to_vec())),
        ("sig".into(), Value::Binary(sig.to_vec())),
    ])
}

/// Body bytes of an envelope.
pub fn body_of(envelope: &Envelope) -> Vec<u8> {
    binary(&field(&envelope.encode().unwrap(), "body"))
}

/// The key id of any 32 bytes, usable as a key or not.
pub fn key_id(public: &[u8; 32]) -> [u8; 16] {
    let hash = codec::hash(codec::CONTEXT_KEY_ID, &[public]);
    hash.0[..16].try_into().unwrap()
}

/// The order of the base point, little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// The same signature with `S + L` for `S`: valid under a lax verifier.
pub fn malleate(sig: &[u8]) -> Vec<u8> {
    let mut out = sig.to_vec();
    let mut carry = 0u16;
    for (byte, order) in out[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = (sum & 0xff) as u8;
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    out
}

/// `key` plus the point of order two, `(0, -1)`: on the curve, not small, but outside the prime-order group.
/// Adding it negates both coordinates: `y` becomes `p - y`, and the sign of `x` flips.
pub fn mixed_order(key: &[u8; 32]) -> [u8; 32] {
    let mut prime = [0xff_u8; 32];
    (prime[0], prime[31]) = (0xed, 0x7f);
    let mut y = *key;
    let sign = y[31] & 0x80;
    y[31] &= 0x7f;
    let mut out = [0; 32];
    let mut borrow = 0i16;
    for (out, (prime, y)) in out.iter_mut().zip(prime.iter().zip(y)) {
        let difference = i16::from(*prime) - i16::from(y) - borrow;
        borrow = i16::from(difference < 0);
        *out = (difference & 0xff) as u8;
    }
    out[31] |= sign ^ 0x80;
    out
}
