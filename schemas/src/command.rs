//! A command: what an operator asks for, before anybody has agreed.

use crate::{CommandId, Hash, Kind, Name, OperationId, Signed, Timestamp, TraceId, run::StepRef};
use serde::{Deserialize, Serialize};

/// What repeating an operation does. Decides what happens when a worker dies half-way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Changes nothing; may be repeated freely.
    Read,
    /// Repeating reaches the same state; redelivered after a crash.
    Idempotent,
    /// Must not happen twice; after a crash the result is `indeterminate`, never a retry.
    Once,
}

/// The signed body of a command. Arguments are in the detached payload that `payload` commits to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    pub id: CommandId,
    pub trace: TraceId,
    pub issued_at: Timestamp,
    /// Absolute. Later than this nothing is admitted and nothing starts.
    pub deadline: Timestamp,
    pub operation: OperationId,
    pub provider: Name,
    pub instance: Name,
    /// What the operator believes the effect to be; the worker refuses a mismatch.
    pub effect: Effect,
    /// Ask whether it would be admitted; never admitted, never executed.
    pub dry_run: bool,
    /// What the spending belongs to, for budgets and reports.
    pub session: Option<Name>,
    /// `Payload::hash` of the arguments.
    pub payload: Hash,
    /// There where an orchestrator sends it for a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Box<StepRef>>,
}

impl Signed for Command {
    const KIND: Kind = Kind::Command;
}
