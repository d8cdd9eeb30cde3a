//! What the log says about one run, one entry at a time.

use if_schemas::{
    Code, Command, CommandId, Entry, Hash, KeyId, Money, Name, Order, Outcome, Payload, Reject, ResultEvent, RunChange,
    RunOp, SchemaError, Status, Timestamp,
    entry::Body,
    envelope::Kind,
    plan::Phase,
    run::{Facts, Note},
};
use serde_json::Value;

/// One thing that happened to a run, at the time of its log entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    pub at: Timestamp,
    pub what: What,
}

#[derive(Debug, Clone, PartialEq)]
pub enum What {
    Started,
    /// Everything the order writes to is its own. Comes once after the start, and after each resume and rollback.
    Granted,
    /// Another run took what it writes to.
    Preempted {
        by: CommandId,
    },
    Cancelled {
        rollback: bool,
    },
    Resumed,
    RollbackAsked,
    /// `facts`: the payload of [`Note::Recorded`].
    Noted {
        note: Note,
        facts: Option<Facts>,
    },
    /// A note was refused; its id is used up.
    NoteRefused,
    /// `guardian`: the member whose key signed.
    Voted {
        guardian: Name,
        step: u32,
        leaf: Hash,
        approve: bool,
    },
    Admitted {
        step: u32,
        phase: Phase,
        command: CommandId,
    },
    Refused {
        step: u32,
        phase: Phase,
        command: CommandId,
        reject: Reject,
    },
    /// `result` of a success, where its payload is still there; `text`: why it did not succeed.
    Settled {
        command: CommandId,
        status: Status,
        result: Option<Value>,
        text: String,
        cost: Money,
    },
}

impl Fact {
    /// From an accepted change of the run. `signer` is the member whose key signed; `payload` belongs to it.
    pub fn of_change(
        at: Timestamp,
        change: &RunChange,
        signer: &Name,
        payload: Option<&Payload>,
    ) -> Result<Self, SchemaError> {
        let what = match &change.op {
            RunOp::Start(_) => What::Started,
            RunOp::Cancel { rollback, .. } => What::Cancelled { rollback: *rollback },
            RunOp::Resume { .. } => What::Resumed,
            RunOp::Rollback { .. } => What::RollbackAsked,
            RunOp::Note { note, .. } => {
                let recorded = matches!(note, Note::Recorded { .. });
                let facts = payload.filter(|_| recorded).map(Payload::read::<Facts>).transpose()?;
                What::Noted { note: note.clone(), facts }
            }
            RunOp::Vote(vote) => {
                What::Voted { guardian: signer.clone(), step: vote.step, leaf: vote.leaf, approve: vote.approve }
            }
        };
        Ok(Self { at, what })
    }

    /// From any entry of the log; none where it says nothing of this run. `signer`: the member whose key signed. What somebody
    /// else than the delegate was refused is not of the run, whatever it names.
    pub fn of(
        entry: &Entry,
        (run, delegate): (CommandId, KeyId),
        signer: Option<&Name>,
        payload: Option<&Payload>,
    ) -> Result<Option<Self>, SchemaError> {
        let own = |what: What| Ok(Some(Self { at: entry.at, what }));
        match (&entry.body, signer) {
            (Body::Rejected { envelope, .. }, _) if envelope.key() != delegate => Ok(None),
            // The broker gives a command up as that, and as nothing else.
            (Body::Unresolved { status, .. }, _) if *status != Status::Indeterminate => Ok(None),
            (Body::Run { envelope, .. }, Some(signer)) => {
                let change: RunChange = envelope.read_unverified()?;
                let of_run = change.run() == run;
                of_run.then(|| Self::of_change(entry.at, &change, signer, payload)).transpose()
            }
            (Body::Lease { run: other }, _) if *other == run => own(What::Granted),
            (Body::RunOver { run: other, by: Some(by), .. }, _) if *other == run => own(What::Preempted { by: *by }),
            _ => Self::of_entry(entry, run, payload),
        }
    }

    /// From an entry about a command; none where it belongs to another run or to none. `payload` is that of a result.
    pub fn of_entry(entry: &Entry, run: CommandId, payload: Option<&Payload>) -> Result<Option<Self>, SchemaError> {
        let what = match &entry.body {
            Body::Admitted { envelope, .. } => {
                let command: Command = envelope.read_unverified()?;
                step_of(&command, run).map(|(step, phase)| What::Admitted { step, phase, command: command.id })
            }
            Body::Rejected { envelope, reject } => match envelope.kind() {
                Kind::Command => {
                    let command: Command = envelope.read_unverified()?;
                    let refused =
                        |(step, phase)| What::Refused { step, phase, command: command.id, reject: reject.clone() };
                    step_of(&command, run).map(refused)
                }
                Kind::Run => {
                    let change: RunChange = envelope.read_unverified()?;
                    (change.run() == run && matches!(change.op, RunOp::Note { .. })).then_some(What::NoteRefused)
                }
                _ => None,
            },
            Body::Completed { envelope, .. } => {
                let result: ResultEvent = envelope.read_unverified()?;
                Some(settled(&result, payload.map(Payload::read::<Outcome>).transpose()?))
            }
            Body::Unresolved { command, status, reason, settlement } => Some(What::Settled {
                command: *command,
                status: *status,
                result: None,
                text: reason.clone(),
                cost: settlement.posted,
            }),
            _ => None,
        };
        Ok(what.map(|what| Self { at: entry.at, what }))
    }
}

/// The order in an entry that starts this run.
pub fn order_of(entry: &Entry, run: CommandId) -> Option<(RunChange, Order)> {
    let Body::Run { envelope, .. } = &entry.body else { return None };
    let change: RunChange = envelope.read_unverified().ok().filter(|c: &RunChange| c.id == run)?;
    match &change.op {
        RunOp::Start(order) => Some((change.clone(), order.clone())),
        _ => None,
    }
}

fn step_of(command: &Command, run: CommandId) -> Option<(u32, Phase)> {
    let place = command.run.as_deref().filter(|place| place.run == run)?;
    Some((place.step, place.phase))
}

fn settled(result: &ResultEvent, outcome: Option<Outcome>) -> What {
    let (value, text) = match outcome {
        Some(Outcome::Result(value)) => (Some(value), String::new()),
        Some(Outcome::Error(failure)) => (None, format!("{} ({})", failure.message, failure.code)),
        None => (None, format!("{}, its details are not there", result.status.as_str())),
    };
    What::Settled { command: result.command, status: result.status, result: value, text, cost: result.cost }
}

/// A refusal that may not come again.
pub(crate) fn passes(code: Code) -> bool {
    use Code::{ClockSkew, Expired, IdReused, NoWorker, Overloaded, Unavailable};
    matches!(code, NoWorker | Overloaded | Unavailable | Expired | ClockSkew | IdReused)
}
