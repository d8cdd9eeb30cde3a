//! A run as the log has it: every entry checked, then folded. The same for who carries it out and for who looks at it.

use crate::{Fact, Progress, order_of};
use if_schemas::{
    Command, CommandId, Entry, Hash, Order, Payload, Plan, ResultEvent, SchemaError, TraceId, Trust, Verifier,
    entry::Body, plan::Tree, wire::Committed,
};
use std::sync::Arc;

/// An entry of a run, and the payload that it commits to where it is still there.
pub type Read = (Entry, Option<Payload>);

#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    #[error(transparent)]
    Schema(#[from] SchemaError),
    #[error("entry {index} of the run does not verify: {what}")]
    Forged { index: u64, what: String },
    #[error("the log has no run {0}")]
    NoOrder(CommandId),
    #[error("the plan of the run {0} was erased; its entries are still there")]
    Erased(CommandId),
    #[error("the plan of the run {0} is not the one that was ordered")]
    OtherPlan(CommandId),
}

fn forged(index: u64, what: impl ToString) -> HistoryError {
    HistoryError::Forged { index, what: what.to_string() }
}

/// An entry that the broker says is in this log.
pub fn open(committed: Committed, log: &Hash, broker: &Verifier) -> Result<Read, HistoryError> {
    let entry = Entry::decode(&committed.entry)?;
    let head = committed.open_head(broker).map_err(|e| forged(entry.index, e))?;
    if (head.log, head.index) != (*log, entry.index) {
        return Err(forged(entry.index, "the broker's word is on another entry"));
    }
    Ok((entry, committed.payload))
}

/// A run as far as its entries were folded.
pub struct History {
    pub run: CommandId,
    pub trace: TraceId,
    pub order: Order,
    pub tree: Tree,
    pub progress: Progress,
    /// Index of the entry that began it.
    pub index: u64,
    /// Index of the entry to go on from.
    pub next: u64,
    /// Commands that were admitted and not settled.
    pub in_flight: Vec<CommandId>,
}

impl History {
    /// From the first entries that the broker gives of a run; up to `next`, exclusive, there are no others.
    pub fn read(run: CommandId, trust: &Trust, entries: &[Read], next: u64) -> Result<Self, HistoryError> {
        // Its trace may be older than the run.
        let ordered = entries.iter().find_map(|(entry, payload)| Some((order_of(entry, run)?, entry.index, payload)));
        let ((change, order), index, payload) = ordered.ok_or(HistoryError::NoOrder(run))?;
        let plan: Plan = payload.as_ref().ok_or(HistoryError::Erased(run))?.read()?;
        let tree = plan.tree()?;
        if tree.root != order.root {
            return Err(HistoryError::OtherPlan(run));
        }
        let progress = Progress::new(run, Arc::new(plan), order.clone())?;
        let trace = change.trace;
        let mut history = Self { run, trace, order, tree, progress, index, next: 0, in_flight: Vec::new() };
        history.extend(trust, entries, next)?;
        Ok(history)
    }

    /// Folds what came since; up to `next`, exclusive, there is nothing else.
    pub fn extend(&mut self, trust: &Trust, entries: &[Read], next: u64) -> Result<(), HistoryError> {
        for (entry, payload) in entries {
            self.fold(trust, entry, payload.as_ref())?;
        }
        self.next = self.next.max(next);
        Ok(())
    }

    /// Folds one entry, unless it is known. The signature and the payload are checked here.
    pub fn fold(&mut self, trust: &Trust, entry: &Entry, payload: Option<&Payload>) -> Result<(), HistoryError> {
        if entry.index < self.next {
            return Ok(());
        }
        check(trust, entry, payload)?;
        let signer = entry.body.envelope().and_then(|e| trust.claimed_name(&e.key()).ok());
        if let Some(fact) = Fact::of(entry, (self.run, self.order.delegate), signer, payload)? {
            self.progress.apply(&fact);
        }
        match &entry.body {
            Body::Admitted { envelope, .. } => self.in_flight.push(envelope.read_unverified::<Command>()?.id),
            Body::Completed { envelope, .. } => {
                let settled = envelope.read_unverified::<ResultEvent>()?.command;
                self.in_flight.retain(|id| *id != settled);
            }
            Body::Unresolved { command, .. } => self.in_flight.retain(|id| id != command),
            _ => {}
        }
        self.next = entry.index + 1;
        Ok(())
    }
}

fn check(trust: &Trust, entry: &Entry, payload: Option<&Payload>) -> Result<(), HistoryError> {
    let Some(envelope) = entry.body.envelope() else { return Ok(()) };
    let key = trust.claimed(envelope).map_err(|reject| forged(entry.index, reject))?.member.key;
    envelope.verify(&key).map_err(|e| forged(entry.index, e))?;
    match (payload, entry.body.committed_payload()?) {
        (Some(payload), Some(committed)) => payload.check(&committed).map_err(|e| forged(entry.index, e)),
        (Some(_), None) => Err(forged(entry.index, "it commits to no payload")),
        (None, _) => Ok(()),
    }
}
