//! The signed envelope: exact body bytes, who signed them, and as what. What the broker states may share a signature with
//! what it states at the same moment: see [`crate::batch`].

use crate::{
    Hash, KeyId, PublicKey, SchemaError, Signature, SigningKey, Verifier,
    batch::{self, Path},
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
    Finance,
    Tariff,
    State,
    Run,
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
            Kind::Finance => "finance",
            Kind::Tariff => "tariff",
            Kind::State => "state",
            Kind::Run => "run",
        }
    }

    /// May it share a signature with others? Never what goes into the log: each of those is somebody's own act.
    fn may_share(self) -> bool {
        matches!(self, Kind::Head | Kind::Receipt)
    }
}

/// What is signed where a signature is shared: kind, in the place of [`Kind::as_str`], of the root.
const BATCH: &str = "batch";

/// A body type that may be signed, tied to exactly one [`Kind`].
pub trait Signed: Serialize + DeserializeOwned {
    const KIND: Kind;
}

/// A body encoded and not yet signed.
#[derive(Debug, Clone)]
pub struct Draft {
    kind: Kind,
    body: Vec<u8>,
}

impl Draft {
    pub fn of<T: Signed>(body: &T) -> Result<Self, SchemaError> {
        Ok(Self { kind: T::KIND, body: codec::encode(T::KIND.as_str(), body)? })
    }

    fn seal(self, key: KeyId, sig: Signature, path: Option<Path>) -> Result<Envelope, SchemaError> {
        let envelope = Envelope { v: VERSION, kind: self.kind, key, body: self.body, sig, path };
        envelope.check_frame()?;
        Ok(envelope)
    }
}

/// `{v, kind, key, body, sig}`. `sig` covers `"infrafabric.v1\0" ‖ kind ‖ 0x00 ‖ key ‖ body`, or with `path` the root to
/// which that message leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    v: u8,
    kind: Kind,
    key: KeyId,
    #[serde(with = "serde_bytes")]
    body: Vec<u8>,
    sig: Signature,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<Path>,
}

impl Envelope {
    /// Encodes and signs `body`.
    pub fn seal<T: Signed>(body: &T, key: &SigningKey) -> Result<Self, SchemaError> {
        let draft = Draft::of(body)?;
        let sig = key.sign(&message(draft.kind.as_str(), key.id(), &draft.body));
        draft.seal(key.id(), sig, None)
    }

    /// Signs all drafts, heads and receipts, with one signature. In the order of the drafts.
    pub fn seal_all(drafts: Vec<Draft>, key: &SigningKey) -> Result<Vec<Self>, SchemaError> {
        let messages = drafts.iter().map(|d| message(d.kind.as_str(), key.id(), &d.body));
        if drafts.len() < 2 {
            let signatures: Vec<_> = messages.map(|m| key.sign(&m)).collect();
            return drafts.into_iter().zip(signatures).map(|(d, sig)| d.seal(key.id(), sig, None)).collect();
        }
        let (root, paths) = batch::tree(messages.map(|m| batch::leaf(&m)).collect())?;
        let sig = key.sign(&message(BATCH, key.id(), &root.0));
        drafts.into_iter().zip(paths).map(|(d, path)| d.seal(key.id(), sig, Some(path))).collect()
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

    /// What the signature covers, the signature: for verifying many at once.
    pub fn signed_parts(&self) -> Result<(Vec<u8>, Signature), SchemaError> {
        self.check_frame()?;
        let message = match self.root()? {
            None => message(self.kind.as_str(), self.key, &self.body),
            Some(root) => message(BATCH, self.key, &root.0),
        };
        Ok((message, self.sig))
    }

    /// Checks that `key` made this signature.
    pub fn verify(&self, key: &PublicKey) -> Result<(), SchemaError> {
        self.check_key(key.key_id())?;
        let (message, sig) = self.signed_parts()?;
        key.verify(&message, &sig)
    }

    /// Verifies, then decodes the body. With [`Envelope::open_with`] the only way from untrusted bytes to a trusted value.
    pub fn open<T: Signed>(&self, key: &PublicKey) -> Result<T, SchemaError> {
        self.expect_kind(T::KIND)?;
        self.verify(key)?;
        self.read_unverified()
    }

    /// The same, without checking again a signature that `verifier` has seen under another message of the same batch.
    pub fn open_with<T: Signed>(&self, verifier: &Verifier) -> Result<T, SchemaError> {
        self.expect_kind(T::KIND)?;
        self.check_key(verifier.key_id())?;
        match self.root()? {
            None => verifier.verify(&message(self.kind.as_str(), self.key, &self.body), &self.sig)?,
            Some(root) => verifier.verify_root(root, &message(BATCH, self.key, &root.0), &self.sig)?,
        }
        self.read_unverified()
    }

    fn check_key(&self, given: KeyId) -> Result<(), SchemaError> {
        self.check_frame()?;
        if given != self.key {
            return Err(SchemaError::WrongKey { named: self.key.to_string(), given: given.to_string() });
        }
        Ok(())
    }

    /// Root of the batch; none where the signature is this envelope's own.
    fn root(&self) -> Result<Option<Hash>, SchemaError> {
        let Some(path) = &self.path else { return Ok(None) };
        path.root(batch::leaf(&message(self.kind.as_str(), self.key, &self.body))).map(Some)
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

    /// Version, size, and a path only where one may be; also of envelopes that came inside another message and never went through [`Envelope::decode`].
    /// Without the size an authentic sender could sign what no entry can hold.
    pub fn check_frame(&self) -> Result<(), SchemaError> {
        codec::check_version("envelope", self.v)?;
        let bytes = self.encoded_len();
        if bytes > ENVELOPE_MAX_BYTES {
            return Err(SchemaError::TooLarge { what: "envelope", bytes, limit: ENVELOPE_MAX_BYTES });
        }
        if self.path.is_some() && !self.kind.may_share() {
            let rule = "only heads and receipts share a signature";
            return Err(SchemaError::invalid("path", self.kind.as_str(), rule));
        }
        Ok(())
    }

    /// Length of [`Envelope::encode`], without encoding: everything but the body and the name of the kind is constant.
    fn encoded_len(&self) -> usize {
        const FIELD_NAMES: usize = 1 + 2 + 5 + 4 + 5 + 4;
        const V: usize = 1;
        const KEY: usize = 2 + KeyId::LEN;
        const SIG: usize = 2 + Signature::LEN;
        let bin = |len: usize| match len {
            0..=0xff => 2 + len,
            0x100..=0xffff => 3 + len,
            _ => 5 + len,
        };
        let path = self.path.as_ref().map_or(0, |p| 5 + bin(p.len()));
        FIELD_NAMES + V + 1 + self.kind.as_str().len() + KEY + bin(self.body.len()) + SIG + path
    }

    fn expect_kind(&self, expected: Kind) -> Result<(), SchemaError> {
        if self.kind != expected {
            return Err(SchemaError::Kind { expected: expected.as_str(), found: self.kind.as_str() });
        }
        Ok(())
    }
}

fn message(kind: &str, key: KeyId, body: &[u8]) -> Vec<u8> {
    let kind = kind.as_bytes();
    let mut out = Vec::with_capacity(SIGNING_PREFIX.len() + kind.len() + 1 + KeyId::LEN + body.len());
    out.extend_from_slice(SIGNING_PREFIX);
    out.extend_from_slice(kind);
    out.push(0);
    out.extend_from_slice(&key.0);
    out.extend_from_slice(body);
    out
}

#[cfg(test)]
mod tests;
