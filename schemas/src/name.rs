//! Names that become subject tokens, checked before they can reach a subject.

use crate::{
    SchemaError,
    limits::{NAME_MAX_BYTES, OPERATION_MAX_BYTES},
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = SchemaError;
            fn try_from(s: String) -> Result<Self, SchemaError> {
                $check(&s)?;
                Ok(Self(s))
            }
        }
        impl FromStr for $name {
            type Err = SchemaError;
            fn from_str(s: &str) -> Result<Self, SchemaError> {
                Self::try_from(s.to_string())
            }
        }
        impl From<$name> for String {
            fn from(n: $name) -> String {
                n.0
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
    };
}

checked_text!(
    /// Provider, instance, member, key or profile name: `[a-z0-9][a-z0-9_-]{0,62}`.
    Name, check_name);
checked_text!(
    /// Operation id: two to six dot-separated tokens of the same alphabet, `obs.scene.switch`.
    OperationId, check_operation);

fn is_token(s: &str) -> bool {
    let bytes = s.as_bytes();
    let head = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    !bytes.is_empty()
        && bytes.len() <= NAME_MAX_BYTES
        && head(bytes[0])
        && bytes.iter().all(|&b| head(b) || b == b'_' || b == b'-')
}

fn check_name(s: &str) -> Result<(), SchemaError> {
    if is_token(s) {
        return Ok(());
    }
    Err(SchemaError::invalid(
        "name",
        s,
        "use a-z, 0-9, '_' and '-', start with a letter or digit, at most 63 characters",
    ))
}

fn check_operation(s: &str) -> Result<(), SchemaError> {
    let tokens = s.split('.').count();
    if s.len() <= OPERATION_MAX_BYTES && (2..=6).contains(&tokens) && s.split('.').all(is_token) {
        return Ok(());
    }
    Err(SchemaError::invalid("operation", s, "use two to six lower-case words joined by dots, like obs.scene.switch"))
}

impl OperationId {
    /// The first token: `obs` of `obs.scene.switch`.
    pub fn family(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }
    /// The tokens after the family: `scene.switch` of `obs.scene.switch`.
    pub fn verb(&self) -> &str {
        self.0.split_once('.').map_or("", |(_, verb)| verb)
    }
}
