//! Messages on the bus that are not themselves signed: they carry signed things.

use crate::{
    Entry, Envelope, Head, Payload, PublicKey, SchemaError, Verifier,
    codec::{self, check_size},
    limits::MESSAGE_MAX_BYTES,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A signed envelope and the payload it commits to. Sent on command and result subjects.
/// Genesis and trust envelopes commit to no payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    pub envelope: Envelope,
    pub payload: Option<Payload>,
}

/// A durable entry as the broker hands it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Committed {
    /// Exact entry bytes.
    #[serde(with = "serde_bytes")]
    pub entry: Vec<u8>,
    /// The broker's word on this entry: see [`Head::open`].
    pub head: Envelope,
    /// The payload the entry's envelope commits to, unless erased or left out.
    pub payload: Option<Payload>,
    /// Public key of the envelope's signer. Self-certifying: its id is in the envelope.
    pub signer: Option<PublicKey>,
    /// With work of a run: the [`crate::RunChange`] its operator signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Box<Envelope>>,
}

impl Committed {
    /// The head of this entry, verified with the broker's `key`. The entry has the hash it states.
    pub fn open_head(&self, key: &Verifier) -> Result<Head, SchemaError> {
        let head = Head::open(&self.head, key)?;
        if head.hash != Entry::hash_bytes(&self.entry) {
            return Err(SchemaError::HashMismatch { what: "entry" });
        }
        Ok(head)
    }
}

/// Work for a node: the admission entry, the broker's signed head of it, and the arguments.
pub type WorkItem = Committed;

/// Types that travel as one message.
pub trait Message: Serialize + DeserializeOwned {
    const WHAT: &'static str;
    fn to_message(&self) -> Result<Vec<u8>, SchemaError> {
        let bytes = codec::encode(Self::WHAT, self)?;
        check_size(Self::WHAT, &bytes, MESSAGE_MAX_BYTES)?;
        Ok(bytes)
    }
    fn from_message(bytes: &[u8]) -> Result<Self, SchemaError> {
        check_size(Self::WHAT, bytes, MESSAGE_MAX_BYTES)?;
        codec::decode(Self::WHAT, bytes)
    }
}

impl Message for Submission {
    const WHAT: &'static str = "submission";
}
impl Message for Committed {
    const WHAT: &'static str = "committed entry";
}
impl Message for Envelope {
    const WHAT: &'static str = "envelope message";
}
