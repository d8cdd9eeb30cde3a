//! Detached payloads: an entry commits to `hash(salt ‖ bytes)`, so the payload can be erased and the chain still verifies.

use crate::{
    Cause, Hash, Salt, SchemaError,
    codec::{self, check_size},
    limits::PAYLOAD_MAX_BYTES,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Salted payload bytes: a MessagePack document beside an envelope, never inside the entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    pub salt: Salt,
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
}

impl Payload {
    /// Encodes `document` (a JSON-like value) under `salt`.
    pub fn new<T: Serialize>(document: &T, salt: Salt) -> Result<Self, SchemaError> {
        let bytes = codec::encode("payload", document)?;
        check_size("payload", &bytes, PAYLOAD_MAX_BYTES)?;
        Ok(Self { salt, bytes })
    }

    /// No arguments at all: where only the operation matters.
    pub fn empty() -> Self {
        Self { salt: Salt([0; 16]), bytes: Vec::new() }
    }

    pub fn hash(&self) -> Hash {
        codec::hash(codec::CONTEXT_PAYLOAD, &[&self.salt.0, &self.bytes])
    }

    /// Checks size and hash against the commitment of a signed body.
    pub fn check(&self, committed: &Hash) -> Result<(), SchemaError> {
        check_size("payload", &self.bytes, PAYLOAD_MAX_BYTES)?;
        if self.hash() != *committed {
            return Err(SchemaError::HashMismatch { what: "payload" });
        }
        Ok(())
    }

    /// The cause among the [`Arguments`]; none where there is none, or nothing that can be read.
    pub fn cause(&self) -> Option<Cause> {
        self.read::<OnlyCause>().ok().and_then(|found| found.cause)
    }

    pub fn read<T: DeserializeOwned>(&self) -> Result<T, SchemaError> {
        codec::decode("payload", &self.bytes)
    }
}

/// What the payload of a command holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arguments {
    /// Named arguments of the operation, already validated against its parameters by the sender.
    pub args: serde_json::Map<String, serde_json::Value>,
    /// The operator's reason (`--why`).
    pub why: Option<String>,
    /// There where a trigger sent the command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}

/// The same payload, where only the cause is of interest.
#[derive(Deserialize)]
struct OnlyCause {
    #[serde(default)]
    cause: Option<Cause>,
}
