//! The signed envelope: exact body bytes, who signed them, and as what.

use crate::{
    Hash, KeyId, PublicKey, SchemaError, Signature, SigningKey,
    codec::{self, check_size},
    key::SIGNING_PREFIX,
    limits::{ENVELOPE_MAX_BYTES, VERSION},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// What a signature stands for. The kind is part of the signed message, so that
/// a signature made for one kind never verifies as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Command,
    Trust,
    Genesis,
    Result,
    Progress,
    Head,
    Receipt,
    Presence,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Command => "command",
            Kind::Trust => "trust",
            Kind::Genesis => "genesis",
            Kind::Result => "result",
            Kind::Progress => "progress",
            Kind::Head => "head",
            Kind::Receipt => "receipt",
            Kind::Presence => "presence",
        }
    }
}

/// A body type that may be signed, tied to exactly one [`Kind`].
pub trait Signed: Serialize + DeserializeOwned {
    const KIND: Kind;
}

/// `{v, kind, key, body, sig}`. `sig` covers `"infrafabric.v1\0" ‖ kind ‖ 0x00 ‖ key ‖ body`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    v: u8,
    kind: Kind,
    key: KeyId,
    #[serde(with = "serde_bytes")]
    body: Vec<u8>,
    sig: Signature,
}

impl Envelope {
    /// Encodes and signs `body`.
    pub fn seal<T: Signed>(body: &T, key: &SigningKey) -> Result<Self, SchemaError> {
        let body = codec::encode(T::KIND.as_str(), body)?;
        let sig = key.sign(&message(T::KIND, key.id(), &body));
        let envelope = Self { v: VERSION, kind: T::KIND, key: key.id(), body, sig };
        check_size("envelope", &envelope.encode()?, ENVELOPE_MAX_BYTES)?;
        Ok(envelope)
    }

    pub fn encode(&self) -> Result<Vec<u8>, SchemaError> {
        codec::encode("envelope", self)
    }

    /// Parses without trusting: size, shape and version only.
    pub fn decode(bytes: &[u8]) -> Result<Self, SchemaError> {
        check_size("envelope", bytes, ENVELOPE_MAX_BYTES)?;
        let envelope: Self = codec::decode_versioned("envelope", bytes)?;
        codec::check_version("envelope", envelope.v)?;
        Ok(envelope)
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The key the sender claims; nothing is proven until [`Envelope::open`] or [`Envelope::verify`].
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// What the signature covers, the signature: for batch verification.
    pub fn signed_parts(&self) -> (Vec<u8>, Signature) {
        (message(self.kind, self.key, &self.body), self.sig)
    }

    /// Checks that `key` made this signature.
    pub fn verify(&self, key: &PublicKey) -> Result<(), SchemaError> {
        self.check_frame()?;
        let given = key.key_id();
        if given != self.key {
            return Err(SchemaError::WrongKey { named: self.key.to_string(), given: given.to_string() });
        }
        key.verify(&message(self.kind, self.key, &self.body), &self.sig)
    }

    /// Verifies, then decodes the body. The only way from untrusted bytes to a trusted value.
    pub fn open<T: Signed>(&self, key: &PublicKey) -> Result<T, SchemaError> {
        self.expect_kind(T::KIND)?;
        self.verify(key)?;
        self.read_unverified()
    }

    /// Decodes the body of an envelope whose signature is checked elsewhere (batch verification, display).
    pub fn read_unverified<T: Signed>(&self) -> Result<T, SchemaError> {
        self.check_frame()?;
        self.expect_kind(T::KIND)?;
        codec::decode_canonical(T::KIND.as_str(), &self.body)
    }

    /// Identifies these exact bytes, signature included: how a changed command under a used id is noticed.
    pub fn hash(&self) -> Result<Hash, SchemaError> {
        Ok(codec::hash(codec::CONTEXT_ENVELOPE, &[&self.encode()?]))
    }

    /// Version and size, also of envelopes that came inside another message and never went through [`Envelope::decode`].
    /// Without the size an authentic sender could sign what no entry can hold.
    fn check_frame(&self) -> Result<(), SchemaError> {
        codec::check_version("envelope", self.v)?;
        let bytes = self.encoded_len();
        if bytes > ENVELOPE_MAX_BYTES {
            return Err(SchemaError::TooLarge { what: "envelope", bytes, limit: ENVELOPE_MAX_BYTES });
        }
        Ok(())
    }

    /// Length of [`Envelope::encode`], without encoding: everything but the body and the name of the kind is constant.
    fn encoded_len(&self) -> usize {
        const FIELD_NAMES: usize = 1 + 2 + 5 + 4 + 5 + 4;
        const V: usize = 1;
        const KEY: usize = 2 + KeyId::LEN;
        const SIG: usize = 2 + Signature::LEN;
        let bin_header = match self.body.len() {
            0..=0xff => 2,
            0x100..=0xffff => 3,
            _ => 5,
        };
        FIELD_NAMES + V + 1 + self.kind.as_str().len() + KEY + bin_header + self.body.len() + SIG
    }

    fn expect_kind(&self, expected: Kind) -> Result<(), SchemaError> {
        if self.kind != expected {
            return Err(SchemaError::Kind { expected: expected.as_str(), found: self.kind.as_str() });
        }
        Ok(())
    }
}

fn message(kind: Kind, key: KeyId, body: &[u8]) -> Vec<u8> {
    let kind = kind.as_str().as_bytes();
    let mut out = Vec::with_capacity(SIGNING_PREFIX.len() + kind.len() + 1 + KeyId::LEN + body.len());
    out.extend_from_slice(SIGNING_PREFIX);
    out.extend_from_slice(kind);
    out.push(0);
    out.extend_from_slice(&key.0);
    out.extend_from_slice(body);
    out
}
