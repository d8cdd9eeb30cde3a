//! A head saved earlier, against the log as it is now: finds truncation and rewriting.

use crate::CliError;
use if_core::{Damage, audit::open_head};
use if_schemas::{Envelope, Hash, Head, Trust};
use serde_json::Value;
use std::{fs::File, io::Read, path::Path};

/// Most bytes of a saved head.
const HEAD_FILE_MAX_BYTES: u64 = 64 * 1024;

/// The saved head, and the hash found at its index.
#[derive(Debug, Clone)]
pub struct SavedHead {
    envelope: Envelope,
    claimed: Head,
    found: Option<Hash>,
}

impl SavedHead {
    /// Reads what `witness head --json` wrote.
    pub fn read(path: &Path) -> Result<Self, CliError> {
        let bad = |why: String| {
            CliError::usage(
                format!("{} is no saved head: {why}", path.display()),
                "save one with `ifctl witness head --json`",
            )
        };
        let mut text = String::new();
        let read = File::open(path).and_then(|f| f.take(HEAD_FILE_MAX_BYTES).read_to_string(&mut text));
        read.map_err(|e| bad(e.to_string()))?;
        let document: Value = serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
        let digits = document.get("head").and_then(Value::as_str).ok_or_else(|| bad("it has no \"head\"".into()))?;
        let bytes = hex::decode(digits).map_err(|e| bad(e.to_string()))?;
        let envelope = Envelope::decode(&bytes).map_err(|e| bad(e.to_string()))?;
        let claimed = envelope.read_unverified().map_err(|e| bad(e.to_string()))?;
        Ok(Self { envelope, claimed, found: None })
    }

    pub fn index(&self) -> u64 {
        self.claimed.index
    }

    /// Entry `index` has this hash.
    pub fn note(&mut self, index: u64, hash: Hash) {
        if index == self.claimed.index {
            self.found = Some(hash);
        }
    }

    /// The verdict once the log has been read: `log` is the hash of entry 0, `last` the index it ends at.
    pub fn check(&self, trust: &Trust, log: Option<Hash>, last: u64) -> Result<Head, Damage> {
        let damage = |index: u64, what: String| Damage { index, what };
        if Some(self.claimed.log) != log {
            return Err(damage(0, format!("the saved head is of log {}, this is another", self.claimed.log)));
        }
        let head = open_head(trust, &self.envelope).map_err(|e| {
            damage(self.claimed.index, format!("the saved head is not signed by this log's broker: {e}"))
        })?;
        match self.found {
            None => Err(damage(
                last,
                format!(
                    "the log ends here, but the saved head is entry {}: it has been truncated, or this is an older copy",
                    head.index
                ),
            )),
            Some(found) if found != head.hash => Err(damage(
                head.index,
                format!("its hash is {found}, the saved head says {}: the log has been rewritten", head.hash),
            )),
            Some(_) => Ok(head),
        }
    }
}
