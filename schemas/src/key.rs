//! Ed25519 keys and the one place where signatures are made and checked.

use crate::{Hash, KeyId, PublicKey, SchemaError, Signature, codec};
use ed25519_dalek::{Signer, VerifyingKey};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Prefix of every signed message: product and format version.
pub const SIGNING_PREFIX: &[u8] = b"infrafabric.v1\0";

/// Batches a [`Verifier`] remembers. Their messages are under way for a moment only.
const ROOTS_REMEMBERED: usize = 64;

/// A private key. Never printed, never serialised.
pub struct SigningKey {
    inner: ed25519_dalek::SigningKey,
    public: PublicKey,
    id: KeyId,
}

impl SigningKey {
    /// From the 32-byte Ed25519 seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let inner = ed25519_dalek::SigningKey::from_bytes(seed);
        let public = PublicKey(inner.verifying_key().to_bytes());
        Self { id: public.key_id(), inner, public }
    }
    pub fn public(&self) -> PublicKey {
        self.public
    }
    pub fn id(&self) -> KeyId {
        self.id
    }
    pub(crate) fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.inner.sign(message).to_bytes())
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.id)
    }
}

impl PublicKey {
    pub fn key_id(&self) -> KeyId {
        let full = codec::hash(codec::CONTEXT_KEY_ID, &[&self.0]);
        let mut id = [0; KeyId::LEN];
        id.copy_from_slice(&full.0[..KeyId::LEN]);
        KeyId(id)
    }

    /// True if the bytes are the one encoding of a point of the prime-order group. With such a key every correct
    /// Ed25519 implementation agrees on which signatures are right.
    pub fn is_usable(&self) -> bool {
        VerifyingKey::from_bytes(&self.0).is_ok_and(|key| {
            let point = key.to_edwards();
            !key.is_weak() && point.is_torsion_free() && point.compress().to_bytes() == self.0
        })
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), SchemaError> {
        let key = VerifyingKey::from_bytes(&self.0).map_err(|_| SchemaError::BadSignature)?;
        strict(&key, message, signature)
    }
}

/// A key whose signatures are checked often. Remembers the newest batches whose signature it has checked: the other messages
/// of a batch then cost a few hashes.
#[derive(Debug)]
pub struct Verifier {
    public: PublicKey,
    id: KeyId,
    key: VerifyingKey,
    roots: Mutex<VecDeque<(Hash, Signature)>>,
}

impl Verifier {
    pub fn new(public: PublicKey) -> Result<Self, SchemaError> {
        let key = VerifyingKey::from_bytes(&public.0).map_err(|_| SchemaError::BadSignature)?;
        Ok(Self { public, id: public.key_id(), key, roots: Mutex::default() })
    }
    pub fn public(&self) -> PublicKey {
        self.public
    }
    pub fn key_id(&self) -> KeyId {
        self.id
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), SchemaError> {
        strict(&self.key, message, signature)
    }

    pub(crate) fn verify_root(&self, root: Hash, message: &[u8], signature: &Signature) -> Result<(), SchemaError> {
        // With its signature: what verifies here must verify everywhere.
        if self.roots().contains(&(root, *signature)) {
            return Ok(());
        }
        self.verify(message, signature)?;
        let mut roots = self.roots();
        roots.truncate(ROOTS_REMEMBERED - 1);
        roots.push_front((root, *signature));
        Ok(())
    }

    fn roots(&self) -> MutexGuard<'_, VecDeque<(Hash, Signature)>> {
        // Whole whatever a panicking holder did: each change is one call.
        self.roots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Strict check (RFC 8032 with non-canonical and small-order values refused).
fn strict(key: &VerifyingKey, message: &[u8], signature: &Signature) -> Result<(), SchemaError> {
    let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
    key.verify_strict(message, &signature).map_err(|_| SchemaError::BadSignature)
}

/// Checks many signatures at once, about three times faster than one by one.
/// `Err` says only that at least one is wrong: check one by one to find it.
/// Everything the strict check accepts passes here; only admission, which is strict, decides what enters a log.
pub fn verify_batch(items: &[(Vec<u8>, Signature, PublicKey)]) -> Result<(), SchemaError> {
    let messages: Vec<&[u8]> = items.iter().map(|(m, _, _)| m.as_slice()).collect();
    let signatures: Vec<_> = items.iter().map(|(_, s, _)| ed25519_dalek::Signature::from_bytes(&s.0)).collect();
    // Few signers sign most of a log, and decompressing a key costs a third of a check.
    let mut known: BTreeMap<PublicKey, VerifyingKey> = BTreeMap::new();
    let mut keys = Vec::with_capacity(items.len());
    for (_, _, key) in items {
        keys.push(match known.get(key) {
            Some(found) => *found,
            None => {
                let read = VerifyingKey::from_bytes(&key.0).map_err(|_| SchemaError::BadSignature)?;
                known.insert(*key, read);
                read
            }
        });
    }
    ed25519_dalek::verify_batch(&messages, &signatures, &keys).map_err(|_| SchemaError::BadSignature)
}
