//! MessagePack both ways and the named hash contexts.

use crate::{Hash, SchemaError};
use serde::{Serialize, de::DeserializeOwned};

/// BLAKE3 key-derivation contexts, one per kind of hashed thing, so that no hash can stand for another.
pub const CONTEXT_ENTRY: &str = "infrafabric 2026 entry v1";
pub const CONTEXT_PAYLOAD: &str = "infrafabric 2026 payload v1";
pub const CONTEXT_KEY_ID: &str = "infrafabric 2026 key id v1";
pub const CONTEXT_ENVELOPE: &str = "infrafabric 2026 envelope v1";
pub const CONTEXT_STATE: &str = "infrafabric 2026 state v1";

/// Hashes the concatenation of `parts` in `context`.
pub fn hash(context: &str, parts: &[&[u8]]) -> Hash {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    Hash(*hasher.finalize().as_bytes())
}

/// Encodes as MessagePack with string field names. Fields keep their declared order, so bytes are reproducible.
pub fn encode<T: Serialize>(what: &'static str, value: &T) -> Result<Vec<u8>, SchemaError> {
    rmp_serde::to_vec_named(value).map_err(|e| SchemaError::Malformed { what, why: e.to_string() })
}

/// Decodes exactly one MessagePack value; bytes left over are an error.
pub fn decode<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, SchemaError> {
    let mut rest = bytes;
    let value = rmp_serde::from_read(&mut rest).map_err(|e| SchemaError::Malformed { what, why: e.to_string() })?;
    if !rest.is_empty() {
        return Err(SchemaError::Malformed { what, why: format!("{} bytes after the end", rest.len()) });
    }
    Ok(value)
}

/// Refuses `bytes` longer than `limit` before anything is parsed.
pub fn check_size(what: &'static str, bytes: &[u8], limit: usize) -> Result<(), SchemaError> {
    if bytes.len() > limit {
        return Err(SchemaError::TooLarge { what, bytes: bytes.len(), limit });
    }
    Ok(())
}
