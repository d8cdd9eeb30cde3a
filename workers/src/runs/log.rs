//! What the log has of one run, read from the broker and believed only where it is signed.

use super::QUERY_TIMEOUT;
use crate::node::Node;
use if_bus::BusError;
use if_orchestrator::{Fact, Progress, order_of};
use if_schemas::{
    Body, CommandId, Entry, Payload, Plan, SchemaError, TraceId, Trust, codec,
    plan::Tree,
    query::{self, Answer, RunEntriesAnswer, RunEntriesQuery},
    subject,
};
use std::sync::Arc;

/// Most answers read for one run.
const PAGES_MAX: usize = 10_000;

#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error("the broker's answer cannot be read: {0}")]
    Schema(#[from] SchemaError),
    #[error("the broker does not give the entries of the run: {0}")]
    Refused(String),
    #[error("entry {index} of the run does not verify: {what}")]
    Forged { index: u64, what: String },
    #[error("the order of the run is not in the log")]
    NoOrder,
    #[error("the plan of the run was erased, or is not the one that was ordered")]
    NoPlan,
    #[error("trust is not known yet")]
    NoTrust,
    #[error("more than {PAGES_MAX} answers for one run")]
    TooMany,
}

/// A run as far as the log tells.
pub struct Known {
    pub trace: TraceId,
    pub order: if_schemas::Order,
    pub tree: Tree,
    pub progress: Progress,
    /// Index of the entry to go on from.
    pub next: u64,
    /// Commands that were admitted and not settled.
    pub in_flight: Vec<CommandId>,
}

impl Known {
    /// Everything up to now.
    pub async fn read(node: &Node, run: CommandId) -> Result<Self, LogError> {
        let (entries, next) = fetch(node, run, 0).await?;
        // Its trace may be older than the run.
        let ordered = entries.iter().find_map(|(entry, payload)| Some((order_of(entry, run)?, payload)));
        let ((change, order), payload) = ordered.ok_or(LogError::NoOrder)?;
        let plan: Plan = payload.as_ref().ok_or(LogError::NoPlan)?.read()?;
        let tree = plan.tree()?;
        if tree.root != order.root {
            return Err(LogError::NoPlan);
        }
        let progress = Progress::new(run, Arc::new(plan), order.clone())?;
        let mut known = Self { trace: change.trace, order, tree, progress, next: 0, in_flight: Vec::new() };
        for (entry, payload) in &entries {
            known.fold(node, run, entry, payload.as_ref())?;
        }
        known.next = next;
        Ok(known)
    }

    /// What came since.
    pub async fn catch_up(&mut self, node: &Node, run: CommandId) -> Result<(), LogError> {
        let (entries, next) = fetch(node, run, self.next).await?;
        for (entry, payload) in &entries {
            self.fold(node, run, entry, payload.as_ref())?;
        }
        self.next = self.next.max(next);
        Ok(())
    }

    /// Folds one entry, unless it is known.
    pub fn fold(
        &mut self,
        node: &Node,
        run: CommandId,
        entry: &Entry,
        payload: Option<&Payload>,
    ) -> Result<(), LogError> {
        if entry.index < self.next {
            return Ok(());
        }
        let trust = node.trust.current().ok_or(LogError::NoTrust)?;
        check(&trust.trust, entry, payload)?;
        let signer = entry.body.envelope().and_then(|e| trust.trust.claimed_name(&e.key()).ok());
        if let Some(fact) = Fact::of(entry, (run, self.order.delegate), signer, payload)? {
            self.progress.apply(&fact);
        }
        match &entry.body {
            Body::Admitted { envelope, .. } => {
                self.in_flight.push(envelope.read_unverified::<if_schemas::Command>()?.id)
            }
            Body::Completed { envelope, .. } => {
                let settled = envelope.read_unverified::<if_schemas::ResultEvent>()?.command;
                self.in_flight.retain(|id| *id != settled);
            }
            Body::Unresolved { command, .. } => self.in_flight.retain(|id| id != command),
            _ => {}
        }
        self.next = entry.index + 1;
        Ok(())
    }
}

/// The signature and the payload of an entry. What the broker says by itself is not signed here: believing a forged one costs
/// a refused command, and nothing else.
fn check(trust: &Trust, entry: &Entry, payload: Option<&Payload>) -> Result<(), LogError> {
    let forged = |what: String| LogError::Forged { index: entry.index, what };
    let Some(envelope) = entry.body.envelope() else { return Ok(()) };
    let key = trust.claimed(envelope).map_err(|r| forged(r.to_string()))?.member.key;
    envelope.verify(&key).map_err(|e| forged(e.to_string()))?;
    match (payload, entry.body.committed_payload()?) {
        (Some(payload), Some(committed)) => payload.check(&committed).map_err(|e| forged(e.to_string())),
        (Some(_), None) => Err(forged("it commits to no payload".into())),
        (None, _) => Ok(()),
    }
}

type Read = (Entry, Option<Payload>);

/// The entries of a run from index `from` on, and where the next reading begins.
async fn fetch(node: &Node, run: CommandId, mut from: u64) -> Result<(Vec<Read>, u64), LogError> {
    let mut all = Vec::new();
    for _ in 0..PAGES_MAX {
        let question = serde_json::to_vec(&RunEntriesQuery { run, from })
            .map_err(|e| SchemaError::Malformed { what: "question", why: e.to_string() })?;
        let answer = node.bus.request(&subject::query(query::RUN_ENTRIES), question, QUERY_TIMEOUT).await?;
        let answer: RunEntriesAnswer = match codec::decode("run entries", &answer)? {
            Answer::Ok(answer) => answer,
            Answer::Error { message, .. } => return Err(LogError::Refused(message)),
        };
        for raw in answer.entries {
            all.push((Entry::decode(&raw.entry)?, raw.payload));
        }
        match answer.next {
            Some(next) if next > from => from = next,
            _ => return Ok((all, answer.head + 1)),
        }
    }
    Err(LogError::TooMany)
}
