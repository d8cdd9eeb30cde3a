//! Fixed-size byte strings: hashes, keys, signatures, salts. MessagePack `bin`, JSON lower-case hex.

use crate::SchemaError;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr};

macro_rules! byte_string {
    ($(#[$doc:meta])* $name:ident, $len:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;
            pub fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), hex::encode(self.0))
            }
        }
        impl FromStr for $name {
            type Err = SchemaError;
            fn from_str(s: &str) -> Result<Self, SchemaError> {
                let mut out = [0u8; $len];
                hex::decode_to_slice(s, &mut out)
                    .map_err(|_| SchemaError::invalid($what, s, concat!("it must be ", $len, " bytes in hex")))?;
                Ok(Self(out))
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                if s.is_human_readable() {
                    s.collect_str(self)
                } else {
                    s.serialize_bytes(&self.0)
                }
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                if d.is_human_readable() {
                    let text = String::deserialize(d)?;
                    text.parse().map_err(serde::de::Error::custom)
                } else {
                    serde_bytes::ByteArray::<$len>::deserialize(d).map(|b| Self(b.into_array()))
                }
            }
        }
    };
}

byte_string!(
    /// A 32-byte BLAKE3 hash, always made with a context of [`crate::codec`].
    Hash, 32, "hash");
byte_string!(
    /// A 32-byte Ed25519 public key.
    PublicKey, 32, "public key");
byte_string!(
    /// A 64-byte Ed25519 signature.
    Signature, 64, "signature");
byte_string!(
    /// The first 16 bytes of the hash of a public key; how envelopes name their signer.
    KeyId, 16, "key id");
byte_string!(
    /// 16 random bytes that keep the hash of a short payload from being guessed.
    Salt, 16, "salt");

impl Hash {
    /// `prev` of the first entry of every log.
    pub const ZERO: Hash = Hash([0; 32]);
}
