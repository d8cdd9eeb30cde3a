//! Whose signatures count: the genesis of this home directory, and the changes that follow from it.

use crate::CliError;
use if_schemas::{
    Body, Entry, Envelope, Hash, Head, KeyId, Member, PublicKey, Role, Signed, Trust, Verifier,
    limits::ENVELOPE_MAX_BYTES, wire::Committed,
};
use std::{fs::File, io::Read, path::Path};

/// Reads a trust anchor.
pub fn read_genesis(path: &Path) -> Result<Envelope, CliError> {
    let shown = path.display();
    let missing = "run `ifctl init`, or `ifctl init --join FILE` with the genesis.bin of the fabric";
    let file = File::open(path).map_err(|e| CliError::config(format!("{shown} cannot be read: {e}"), missing))?;
    let mut bytes = Vec::new();
    // One byte more than allowed, so that a longer file is refused by its size.
    let read = file.take(ENVELOPE_MAX_BYTES as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|e| CliError::config(format!("{shown} cannot be read: {e}"), missing))?;
    let broken =
        |e| CliError::config(format!("{shown} is no genesis: {e}"), "copy it again from a machine of the fabric");
    let envelope = Envelope::decode(&bytes).map_err(broken)?;
    Trust::from_genesis(&envelope).map_err(broken)?;
    Ok(envelope)
}

/// The trust a client knows of. Starts with the genesis alone; most commands need no more.
pub struct TrustView {
    genesis: Envelope,
    trust: Trust,
    /// Hash of entry 0: the identity of the log. None before entry 0 was folded.
    log: Option<Hash>,
    /// Index of the newest trust entry folded.
    newest: u64,
}

impl TrustView {
    pub fn new(genesis: Envelope) -> Result<Self, CliError> {
        let trust = Trust::from_genesis(&genesis)?;
        Ok(Self { genesis, trust, log: None, newest: 0 })
    }

    pub fn trust(&self) -> &Trust {
        &self.trust
    }
    /// The identity of the log; known once the history of trust was read.
    pub fn log(&self) -> Result<Hash, CliError> {
        self.log.ok_or_else(|| CliError::damaged("the broker's trust entries do not begin with entry 0"))
    }
    pub fn genesis(&self) -> &Envelope {
        &self.genesis
    }
    pub fn member(&self, key: &KeyId) -> Option<&Member> {
        self.trust.standing(key).map(|s| &s.member)
    }

    /// Folds entry 0 and the trust entries of the log, oldest first. Those known already are skipped.
    pub fn fold<'a>(&mut self, entries: impl Iterator<Item = &'a [u8]>) -> Result<(), CliError> {
        for bytes in entries {
            let entry = Entry::decode(bytes)?;
            match &entry.body {
                Body::Genesis { envelope } if *envelope != self.genesis => {
                    return Err(CliError::damaged("this fabric's log begins with another genesis than genesis.bin")
                        .hint("you may be connected to another fabric: see --nats and --home"));
                }
                Body::Genesis { .. } => self.log = Some(Entry::hash_bytes(bytes)),
                Body::Trust { .. } if entry.index <= self.newest => {}
                Body::Trust { envelope } => {
                    let replayed = self.trust.replay(envelope, entry.index);
                    replayed.map_err(|r| {
                        CliError::damaged(format!("trust entry {} does not follow: {}", entry.index, r.message))
                    })?;
                    self.newest = entry.index;
                }
                other => {
                    return Err(CliError::damaged(format!(
                        "entry {} is no trust entry but {}",
                        entry.index,
                        other.name()
                    )));
                }
            }
        }
        Ok(())
    }

    /// The public key of an active member in `role`.
    pub fn active(&self, key: &KeyId, role: Role) -> Option<PublicKey> {
        let standing = self.trust.standing(key)?;
        (standing.is_active() && standing.member.role == role).then_some(standing.member.key)
    }
}

impl super::Client {
    /// The key of an active member, after asking for changes of trust if it is not known yet.
    pub async fn key_of(&mut self, key: &KeyId, role: Role) -> Result<PublicKey, CliError> {
        if self.trust.active(key, role).is_none() {
            self.refresh_trust().await?;
        }
        self.trust.active(key, role).ok_or_else(|| {
            CliError::damaged(format!("key {key} is no active {} of this fabric", role.as_str()))
                .code("unknown_key")
                .hint("somebody else answers on this NATS server, or genesis.bin is of another fabric")
        })
    }

    /// Opens an envelope the broker must have signed.
    pub async fn open_from_broker<T: Signed>(&mut self, envelope: &Envelope) -> Result<T, CliError> {
        let key = self.key_of(&envelope.key(), Role::Broker).await?;
        Ok(envelope.open(&key)?)
    }

    /// The head of an entry the broker sent; the broker must have signed it, and for this entry.
    pub async fn open_committed(&mut self, committed: &Committed) -> Result<Head, CliError> {
        let key = self.key_of(&committed.head.key(), Role::Broker).await?;
        Ok(committed.open_head(&Verifier::new(key)?)?)
    }
}
