//! What the log has of one run, read from the broker and believed only where it is signed.

use super::QUERY_TIMEOUT;
use crate::node::Node;
use if_bus::BusError;
use if_orchestrator::{History, HistoryError, Read, open};
use if_schemas::{
    CommandId, SchemaError, codec,
    query::{self, Answer, RunEntriesAnswer, RunEntriesQuery},
    subject,
};

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
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error("trust is not known yet")]
    NoTrust,
    #[error("more than {PAGES_MAX} answers for one run")]
    TooMany,
}

impl LogError {
    /// Reading it again gives the same.
    pub fn is_final(&self) -> bool {
        use HistoryError::{Erased, NoOrder, OtherPlan};
        matches!(self, Self::History(NoOrder(_) | Erased(_) | OtherPlan(_)))
    }
}

/// Everything up to now.
pub async fn read(node: &Node, run: CommandId) -> Result<History, LogError> {
    let (entries, next) = fetch(node, run, 0).await?;
    let trust = node.trust.current().ok_or(LogError::NoTrust)?;
    Ok(History::read(run, &trust.trust, &entries, next)?)
}

/// What came since.
pub async fn catch_up(node: &Node, history: &mut History) -> Result<(), LogError> {
    let (entries, next) = fetch(node, history.run, history.next).await?;
    let trust = node.trust.current().ok_or(LogError::NoTrust)?;
    Ok(history.extend(&trust.trust, &entries, next)?)
}

/// The entries of a run from index `from` on, and where the next reading begins.
async fn fetch(node: &Node, run: CommandId, mut from: u64) -> Result<(Vec<Read>, u64), LogError> {
    let mut all = Vec::new();
    let trust = node.trust.current().ok_or(LogError::NoTrust)?;
    for _ in 0..PAGES_MAX {
        let question = serde_json::to_vec(&RunEntriesQuery { run, from })
            .map_err(|e| SchemaError::Malformed { what: "question", why: e.to_string() })?;
        let answer = node.bus.request(&subject::query(query::RUN_ENTRIES), question, QUERY_TIMEOUT).await?;
        let answer: RunEntriesAnswer = match codec::decode("run entries", &answer)? {
            Answer::Ok(answer) => answer,
            Answer::Error { message, .. } => return Err(LogError::Refused(message)),
        };
        for committed in answer.entries {
            all.push(open(committed, &trust.log, &trust.broker)?);
        }
        match answer.next {
            Some(next) if next > from => from = next,
            _ => return Ok((all, answer.head + 1)),
        }
    }
    Err(LogError::TooMany)
}
