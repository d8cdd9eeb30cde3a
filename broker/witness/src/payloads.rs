//! Payload records. A missing one is a loss and not the same as an erased one.

use if_schemas::{Payload, Salt};

/// What is stored for an entry that commits to a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoredPayload {
    /// Removed on request; the entry still proves what its hash was.
    Erased,
    Present(Payload),
    /// The entry was logged without it.
    NotGiven,
}

impl StoredPayload {
    /// `0` · `1 ‖ salt ‖ bytes` · `2`.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Erased => vec![0],
            Self::Present(p) => [&[1], p.salt.0.as_slice(), &p.bytes].concat(),
            Self::NotGiven => vec![2],
        }
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0] => Some(Self::Erased),
            [2] => Some(Self::NotGiven),
            [1, rest @ ..] => {
                let (salt, bytes) = rest.split_first_chunk::<16>()?;
                Some(Self::Present(Payload { salt: Salt(*salt), bytes: bytes.to_vec() }))
            }
            _ => None,
        }
    }

    pub fn present(self) -> Option<Payload> {
        match self {
            Self::Present(payload) => Some(payload),
            Self::Erased | Self::NotGiven => None,
        }
    }
}
