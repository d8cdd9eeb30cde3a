//! A signed head: "entry `index` of log `log` has hash `hash`", which commits to everything before it.

use crate::{CommandId, Envelope, Hash, Kind, Reject, SchemaError, Signed, Timestamp, Verifier, finance::Estimate};
use serde::{Deserialize, Serialize};

/// Signed by the broker after the entry is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Hash of entry 0.
    pub log: Hash,
    pub index: u64,
    pub hash: Hash,
    /// The entry's own time.
    pub at: Timestamp,
}

impl Signed for Head {
    const KIND: Kind = Kind::Head;
}

impl Head {
    /// The head an envelope states, verified with the broker's `key`: an envelope of kind `head`, or one of kind
    /// `receipt` that names the entry it became. Either is the broker's word that the entry is in the log.
    pub fn open(envelope: &Envelope, key: &Verifier) -> Result<Self, SchemaError> {
        if envelope.kind() != Kind::Receipt {
            return envelope.open_with(key);
        }
        let receipt: Receipt = envelope.open_with(key)?;
        let rule = "the receipt of something that was not logged states no head";
        receipt.head.ok_or_else(|| SchemaError::invalid("receipt", format!("{:?}", receipt.verdict), rule))
    }
}

/// The broker's signed answer to one submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The command, trust change or result's command this answers; none if it could not be read.
    pub command: Option<CommandId>,
    /// The durable entry this submission became; none where nothing was logged.
    pub head: Option<Head>,
    pub verdict: Verdict,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Logged (command admitted, trust changed, result recorded). The same bytes sent again get the same receipt.
    Accepted,
    /// A dry run that would have been admitted. Nothing was logged. `estimate` is there unless the operation is free.
    WouldAccept {
        estimate: Option<Box<Estimate>>,
    },
    Rejected(Reject),
}

impl Signed for Receipt {
    const KIND: Kind = Kind::Receipt;
}

/// What a receipt says about one submission. Anybody may provoke a receipt with a spoiled copy of what somebody sent, so
/// only one that names its id and, unless it was a dry run, the entry it became binds the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bearing {
    /// The broker's word on this submission.
    Binding,
    /// Refused before it was known whose it is: nothing ties the refusal to these bytes.
    Doubtful,
    /// No answer to this submission, and why.
    None(&'static str),
}

impl Receipt {
    pub fn bearing(&self, id: CommandId, dry_run: bool) -> Bearing {
        let ours = self.command == Some(id);
        match (&self.verdict, self.head.is_some()) {
            _ if self.command.is_some() && !ours => Bearing::None("it is for another command"),
            (Verdict::Accepted, true) if ours => Bearing::Binding,
            (Verdict::Accepted, _) => Bearing::None("it names no entry"),
            (Verdict::WouldAccept { .. }, _) if ours && dry_run => Bearing::Binding,
            (Verdict::WouldAccept { .. }, _) => Bearing::None("it is of a dry run"),
            (Verdict::Rejected(_), logged) if ours && (logged || dry_run) => Bearing::Binding,
            (Verdict::Rejected(_), _) => Bearing::Doubtful,
        }
    }
}
