//! Verifying a log with nothing but its bytes: every hash, every rule of [`State::apply`], every signature.
//! Signatures are handed out in batches so that the caller can check them on all cores.

use crate::{ApplyError, State};
use if_schemas::{
    Body, CommandId, Entry, Envelope, Head, KeyId, Payload, PublicKey, SchemaError, Signature, Trust, key::verify_batch,
};
use std::collections::HashSet;

/// Signatures per batch: larger ones gain little and cost memory.
pub const BATCH_SIGNATURES: usize = 1_024;

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {index}: {what}")]
pub struct Damage {
    pub index: u64,
    pub what: String,
}

/// Replays a log from entry 0.
#[derive(Debug, Default)]
pub struct Auditor {
    state: State,
    /// Ids of all commands and of all changes of trust and finance logged as new: each at most once.
    ids: HashSet<CommandId>,
    pending: SignatureBatch,
    signatures: u64,
    payloads: u64,
}

/// Signatures to check; independent of the auditor and of each other.
#[derive(Debug, Default)]
pub struct SignatureBatch {
    items: Vec<(Vec<u8>, Signature, PublicKey)>,
    indexes: Vec<u64>,
}

impl SignatureBatch {
    /// Checks all; on failure finds the first bad one.
    pub fn check(&self) -> Result<(), Damage> {
        if self.items.is_empty() || verify_batch(&self.items).is_ok() {
            return Ok(());
        }
        for (item, index) in self.items.iter().zip(&self.indexes) {
            if verify_batch(std::slice::from_ref(item)).is_err() {
                return Err(Damage { index: *index, what: "the signature does not match".into() });
            }
        }
        // Sums of single checks that pass cannot fail; treat a disagreement as damage rather than as success.
        let index = self.indexes.first().copied().unwrap_or_default();
        Err(Damage { index, what: "a batch of signatures starting here does not match".into() })
    }
}

impl Auditor {
    pub fn state(&self) -> &State {
        &self.state
    }
    /// Signatures handed out so far.
    pub fn signatures(&self) -> u64 {
        self.signatures
    }
    /// Payloads checked against their commitment so far.
    pub fn payloads(&self) -> u64 {
        self.payloads
    }

    /// Checks one entry. A payload that is absent was erased or left out: the entry still verifies.
    pub fn push(&mut self, bytes: &[u8], payload: Option<&Payload>) -> Result<(), Damage> {
        let index = self.state.next();
        let damage = |what: String| Damage { index, what };
        let entry = Entry::decode(bytes).map_err(|e| damage(e.to_string()))?;
        self.check_once(&entry).map_err(|e| damage(e.to_string()))?;
        if let Some(payload) = payload {
            check_payload(&entry.body, payload).map_err(|e| damage(e.to_string()))?;
            self.payloads += 1;
        }
        // The signer's key as trusted before this entry; the genesis brings its own.
        let signer = self.signer(&entry.body);
        self.state.apply(&entry, Entry::hash_bytes(bytes)).map_err(|e| damage(e.to_string()))?;
        if let (Some(envelope), Some(key)) = (entry.body.envelope(), signer) {
            let (message, signature) = envelope.signed_parts().map_err(|e| damage(e.to_string()))?;
            self.pending.items.push((message, signature, key));
            self.pending.indexes.push(index);
            self.signatures += 1;
        }
        Ok(())
    }

    /// A full batch, if there is one; with `all`, whatever is left.
    pub fn take_batch(&mut self, all: bool) -> Option<SignatureBatch> {
        let ready = self.pending.items.len() >= BATCH_SIGNATURES || (all && !self.pending.items.is_empty());
        ready.then(|| std::mem::take(&mut self.pending))
    }

    /// Does a signed head match this log? Its index must have been reached exactly.
    pub fn check_head(&self, envelope: &Envelope) -> Result<Head, Damage> {
        let damage = |what: String| Damage { index: self.state.next().saturating_sub(1), what };
        let head = open_head(self.state.trust(), envelope).map_err(|e| damage(e.to_string()))?;
        if Some(head.log) != self.state.log() {
            return Err(damage(format!("the head is of log {}, this is another", head.log)));
        }
        if head.index + 1 != self.state.next() || head.hash != self.state.prev() {
            return Err(damage(format!("the signed head says entry {} has hash {}", head.index, head.hash)));
        }
        Ok(head)
    }

    fn signer(&self, body: &Body) -> Option<PublicKey> {
        if matches!(body, Body::Genesis { .. }) {
            return None; // Trust::from_genesis verifies it.
        }
        key_of(self.state.trust(), body.envelope()?.key())
    }

    fn check_once(&mut self, entry: &Entry) -> Result<(), ApplyError> {
        let id = match &entry.body {
            Body::Admitted { envelope, .. } => envelope.read_unverified::<if_schemas::Command>()?.id,
            Body::Trust { envelope } => envelope.read_unverified::<if_schemas::TrustChange>()?.id,
            Body::Finance { envelope } => envelope.read_unverified::<if_schemas::FinanceChange>()?.id,
            Body::Run { envelope, .. } => envelope.read_unverified::<if_schemas::RunChange>()?.id,
            _ => return Ok(()),
        };
        if self.ids.insert(id) { Ok(()) } else { Err(ApplyError::Duplicate(id)) }
    }
}

/// A head signed by any key that is or was the broker's.
pub fn open_head(trust: &Trust, envelope: &Envelope) -> Result<Head, SchemaError> {
    let is_broker = |key: &KeyId| trust.standing(key).is_some_and(|s| s.member.role == if_schemas::Role::Broker);
    match key_of(trust, envelope.key()) {
        Some(key) if is_broker(&envelope.key()) => envelope.open(&key),
        _ => Err(SchemaError::WrongKey { named: envelope.key().to_string(), given: "the broker's".into() }),
    }
}

fn key_of(trust: &Trust, id: KeyId) -> Option<PublicKey> {
    trust.standing(&id).map(|s| s.member.key)
}

fn check_payload(body: &Body, payload: &Payload) -> Result<(), SchemaError> {
    match body.committed_payload()? {
        Some(hash) => payload.check(&hash),
        None => Err(SchemaError::HashMismatch { what: "payload" }),
    }
}
