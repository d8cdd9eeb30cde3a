//! MessagePack both ways and the named hash contexts.

use crate::{Hash, SchemaError, limits::VERSION};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// BLAKE3 key-derivation contexts, one per kind of hashed thing, so that no hash can stand for another.
pub const CONTEXT_ENTRY: &str = "infrafabric 2026 entry v1";
pub const CONTEXT_PAYLOAD: &str = "infrafabric 2026 payload v1";
pub const CONTEXT_KEY_ID: &str = "infrafabric 2026 key id v1";
pub const CONTEXT_ENVELOPE: &str = "infrafabric 2026 envelope v1";
pub const CONTEXT_BATCH_LEAF: &str = "infrafabric 2026 batch leaf v1";
pub const CONTEXT_BATCH_NODE: &str = "infrafabric 2026 batch node v1";
pub const CONTEXT_PLUGIN: &str = "infrafabric 2026 plugin v1";
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

/// Decodes one value and refuses every spelling of it but the one [`encode`] gives, so that two readers of the same
/// bytes never disagree about what they say. For everything that is hashed or signed.
pub fn decode_canonical<T: Serialize + DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, SchemaError> {
    let value: T = decode(what, bytes)?;
    if encode(what, &value)? != bytes {
        return Err(SchemaError::Malformed { what, why: "not the canonical encoding".to_string() });
    }
    Ok(value)
}

/// Like [`decode_canonical`] for a map whose field `v` is a format version: another version is named as such,
/// whatever else is in the map.
pub fn decode_versioned<T: Serialize + DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T, SchemaError> {
    #[derive(Deserialize)]
    struct Peek {
        v: u64,
    }
    decode_canonical(what, bytes).map_err(|error| match decode::<Peek>(what, bytes) {
        Ok(Peek { v }) if v != u64::from(VERSION) => SchemaError::Version { what, found: v, supported: VERSION },
        _ => error,
    })
}

/// Refuses a version other than [`VERSION`].
pub fn check_version(what: &'static str, v: u8) -> Result<(), SchemaError> {
    if v != VERSION {
        return Err(SchemaError::Version { what, found: v.into(), supported: VERSION });
    }
    Ok(())
}

/// Refuses `bytes` longer than `limit` before anything is parsed.
pub fn check_size(what: &'static str, bytes: &[u8], limit: usize) -> Result<(), SchemaError> {
    if bytes.len() > limit {
        return Err(SchemaError::TooLarge { what, bytes: bytes.len(), limit });
    }
    Ok(())
}
