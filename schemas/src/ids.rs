//! Command and trace ids.

use crate::SchemaError;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// A UUIDv7: names one command for ever. MessagePack `bin` 16, JSON hyphenated text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandId(Uuid);

impl CommandId {
    /// Builds a UUIDv7 from milliseconds since the Unix epoch and 10 random bytes.
    pub fn new(unix_ms: u64, random: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid())
    }
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl fmt::Debug for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CommandId({})", self.0)
    }
}
impl FromStr for CommandId {
    type Err = SchemaError;
    fn from_str(s: &str) -> Result<Self, SchemaError> {
        Uuid::parse_str(s).map(Self).map_err(|_| SchemaError::invalid("command id", s, "it must be a UUID"))
    }
}

/// A W3C trace id: 16 bytes, 32 hex digits as text. Follows a command through every process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TraceId(crate::bytes::Salt);

impl TraceId {
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(crate::Salt(bytes))
    }
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0.0
    }
}
impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceId({})", self.0)
    }
}
impl FromStr for TraceId {
    type Err = SchemaError;
    fn from_str(s: &str) -> Result<Self, SchemaError> {
        s.parse().map(Self).map_err(|_| SchemaError::invalid("trace id", s, "it must be 32 hex digits"))
    }
}
