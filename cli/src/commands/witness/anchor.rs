//! Whose log this is, and whether that was known beforehand.

use crate::CliError;
use if_core::Damage;
use if_schemas::{
    Body, Entry, Envelope, KeyId, Member, PublicKey, Role, Trust, limits::ENVELOPE_MAX_BYTES, member::Genesis,
};
use std::{collections::BTreeSet, fs::File, io::Read, path::Path};

/// What a log's first entry is held against.
#[derive(Debug, Clone)]
pub enum Anchor {
    /// Exactly this genesis.
    Genesis(Box<Envelope>),
    /// A genesis whose signer and broker are among these.
    Keys(BTreeSet<KeyId>),
    /// Nothing: the log proves only that it agrees with itself.
    None,
}

impl Anchor {
    /// A `genesis.bin`, or text with public keys or key ids in hex; `#` begins a comment.
    pub fn read(path: &Path) -> Result<Self, CliError> {
        let bad = |why: String| {
            CliError::usage(
                format!("{}: {why}", path.display()),
                "give a genesis.bin, or a text file of hex public keys or key ids",
            )
        };
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|f| f.take(ENVELOPE_MAX_BYTES as u64 + 1).read_to_end(&mut bytes));
        read.map_err(|e| bad(e.to_string()))?;
        if let Ok(envelope) = Envelope::decode(&bytes) {
            Trust::from_genesis(&envelope).map_err(|e| bad(e.to_string()))?;
            return Ok(Self::Genesis(Box::new(envelope)));
        }
        let text = String::from_utf8(bytes).map_err(|_| bad("neither a genesis nor text".into()))?;
        let words = text.lines().map(|l| l.split('#').next().unwrap_or_default()).flat_map(str::split_whitespace);
        let keys = words
            .map(|w| key_id(w).ok_or_else(|| bad(format!("{w:?} is neither a public key nor a key id"))))
            .collect::<Result<BTreeSet<_>, _>>()?;
        if keys.is_empty() {
            return Err(bad("it names no keys".into()));
        }
        Ok(Self::Keys(keys))
    }

    pub fn is_pinned(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// Checks entry 0.
    pub fn check(&self, entry_0: &[u8]) -> Result<(), Damage> {
        let damage = |what: String| Damage { index: 0, what };
        let entry = Entry::decode(entry_0).map_err(|e| damage(e.to_string()))?;
        let Body::Genesis { envelope } = &entry.body else { return Err(damage("it is no genesis".into())) };
        match self {
            Self::None => Ok(()),
            Self::Genesis(expected) if **expected == *envelope => Ok(()),
            Self::Genesis(_) => Err(damage("it is another genesis than the trusted one".into())),
            Self::Keys(keys) => {
                let genesis: Genesis = envelope.read_unverified().map_err(|e| damage(e.to_string()))?;
                let broker = genesis.members.iter().find(|m| m.role == Role::Broker).map(|m| m.key.key_id());
                let must = [("its admin", Some(envelope.key())), ("its broker", broker)];
                match must.iter().find(|(_, key)| !key.is_some_and(|k| keys.contains(&k))) {
                    Some((who, key)) => Err(damage(format!(
                        "{who}'s key {} is not among the trusted ones",
                        key.map(|k| k.to_string()).unwrap_or_default()
                    ))),
                    None => Ok(()),
                }
            }
        }
    }
}

fn key_id(word: &str) -> Option<KeyId> {
    word.parse::<PublicKey>().map(|k| k.key_id()).or_else(|_| word.parse()).ok()
}

/// The founding admins and the broker of a log, for people to recognise.
pub fn owners(trust: &Trust) -> Vec<(KeyId, Member)> {
    let founding = trust.members().filter(|(_, s)| s.added == 0 && matches!(s.member.role, Role::Admin | Role::Broker));
    founding.map(|(id, s)| (*id, s.member.clone())).collect()
}
