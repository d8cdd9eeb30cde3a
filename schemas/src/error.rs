//! Why bytes or text are not a value of this contract.

/// A value that does not follow the contract. The text names the field and the rule it broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    #[error("not valid MessagePack for {what}: {why}")]
    Malformed { what: &'static str, why: String },
    #[error("unsupported {what} version {found}, this build reads version {supported}")]
    Version { what: &'static str, found: u64, supported: u8 },
    #[error("{what} is {bytes} bytes, the limit is {limit}")]
    TooLarge { what: &'static str, bytes: usize, limit: usize },
    #[error("{what} {value:?} is not valid: {rule}")]
    Invalid { what: &'static str, value: String, rule: &'static str },
    #[error("expected a {expected} envelope, got {found}")]
    Kind { expected: &'static str, found: &'static str },
    #[error("the envelope names key {named}, not {given}")]
    WrongKey { named: String, given: String },
    #[error("the signature does not match")]
    BadSignature,
    #[error("{what} does not match its hash")]
    HashMismatch { what: &'static str },
}

impl SchemaError {
    /// Stable snake_case name of the rule that was broken, as the golden vectors give it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Malformed { .. } => "malformed",
            Self::Version { .. } => "version",
            Self::TooLarge { .. } => "too_large",
            Self::Invalid { .. } => "invalid",
            Self::Kind { .. } => "kind",
            Self::WrongKey { .. } => "wrong_key",
            Self::BadSignature => "bad_signature",
            Self::HashMismatch { .. } => "hash_mismatch",
        }
    }

    pub(crate) fn invalid(what: &'static str, value: impl Into<String>, rule: &'static str) -> Self {
        Self::Invalid { what, value: value.into(), rule }
    }
}
