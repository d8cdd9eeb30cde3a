//! Entries of the log and the chain that ties them.

use crate::{
    Command, CommandId, Envelope, Hash, Kind, Money, Name, Reject, ResultEvent, RunChange, SchemaError, Status,
    Timestamp,
    codec::{self, check_size},
    finance::BudgetKey,
    limits::{ENTRY_MAX_BYTES, VERSION},
    price::Quote,
    run::{Outcome, StepQuote},
};
use serde::{Deserialize, Serialize};

/// One entry. Its hash is `hash("infrafabric 2026 entry v1", exact bytes)`; `prev` is the hash of the entry before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub v: u8,
    pub index: u64,
    pub prev: Hash,
    /// The broker's clock, never going backwards from one entry to the next.
    pub at: Timestamp,
    pub body: Body,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Body {
    /// Entry 0, a signed [`crate::member::Genesis`].
    Genesis { envelope: Envelope },
    /// A signed command passed signature, policy and reservation. `worker`: the member that executes it, and no other.
    /// `reserved` is the worst case of `quote`; without a quote the operation is free.
    Admitted { envelope: Envelope, worker: Name, reserved: Money, quote: Option<Quote> },
    /// An authentic message (command, trust or finance change, result) was refused.
    Rejected { envelope: Envelope, reject: Reject },
    /// A signed result; the first one for its command, which it settles.
    Completed { envelope: Envelope, settlement: Settlement },
    /// No result came in time: settled by the broker.
    Unresolved { command: CommandId, status: Status, reason: String, settlement: Settlement },
    /// A signed result for a command already settled. Informs, settles nothing.
    Late { envelope: Envelope },
    /// A signed change of trust.
    Trust { envelope: Envelope },
    /// A signed change of budgets, prices or exchange rates.
    Finance { envelope: Envelope },
    /// A budget begins a new window, `start` to `end` (exclusive): made by the broker.
    Period { budget: BudgetKey, start: Timestamp, end: Timestamp },
    /// A signed change of a run. `quotes`: what budgets keep for its steps from the start on.
    Run {
        envelope: Envelope,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        quotes: Vec<StepQuote>,
    },
    /// A run goes on: nobody else writes to its targets. Made by the broker.
    Lease { run: CommandId },
    /// A run ends because its time is over or another one took its place. Made by the broker.
    RunOver { run: CommandId, outcome: Outcome, by: Option<CommandId> },
}

/// What became of a reservation: `posted + voided` equals what was reserved, in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settlement {
    pub posted: Money,
    pub voided: Money,
}

impl Body {
    pub fn name(&self) -> &'static str {
        match self {
            Body::Genesis { .. } => "genesis",
            Body::Admitted { .. } => "admitted",
            Body::Rejected { .. } => "rejected",
            Body::Completed { .. } => "completed",
            Body::Unresolved { .. } => "unresolved",
            Body::Late { .. } => "late",
            Body::Trust { .. } => "trust",
            Body::Finance { .. } => "finance",
            Body::Period { .. } => "period",
            Body::Run { .. } => "run",
            Body::Lease { .. } => "lease",
            Body::RunOver { .. } => "run_over",
        }
    }

    /// The payload hash the entry commits to, through its envelope; none where it commits to no payload.
    pub fn committed_payload(&self) -> Result<Option<Hash>, SchemaError> {
        let Some(envelope) = self.envelope() else { return Ok(None) };
        Ok(match envelope.kind() {
            Kind::Command => Some(envelope.read_unverified::<Command>()?.payload),
            Kind::Result => Some(envelope.read_unverified::<ResultEvent>()?.payload),
            Kind::Run => envelope.read_unverified::<RunChange>()?.payload,
            _ => None,
        })
    }

    /// The signed envelope of an entry somebody else than the broker caused.
    pub fn envelope(&self) -> Option<&Envelope> {
        match self {
            Body::Genesis { envelope }
            | Body::Admitted { envelope, .. }
            | Body::Rejected { envelope, .. }
            | Body::Completed { envelope, .. }
            | Body::Late { envelope }
            | Body::Trust { envelope }
            | Body::Finance { envelope }
            | Body::Run { envelope, .. } => Some(envelope),
            Body::Unresolved { .. } | Body::Period { .. } | Body::Lease { .. } | Body::RunOver { .. } => None,
        }
    }
}

impl Entry {
    pub fn new(index: u64, prev: Hash, at: Timestamp, body: Body) -> Self {
        Self { v: VERSION, index, prev, at, body }
    }

    pub fn encode(&self) -> Result<Vec<u8>, SchemaError> {
        let bytes = codec::encode("entry", self)?;
        check_size("entry", &bytes, ENTRY_MAX_BYTES)?;
        Ok(bytes)
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, SchemaError> {
        check_size("entry", bytes, ENTRY_MAX_BYTES)?;
        let entry: Self = codec::decode_versioned("entry", bytes)?;
        codec::check_version("entry", entry.v)?;
        Ok(entry)
    }

    /// The hash of exact entry bytes.
    pub fn hash_bytes(bytes: &[u8]) -> Hash {
        codec::hash(codec::CONTEXT_ENTRY, &[bytes])
    }
}
