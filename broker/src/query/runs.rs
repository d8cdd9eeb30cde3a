//! Runs: how they stand, and everything the log has of one.

use super::{NoAnswer, Queries};
use if_core::{Run, Standing};
use if_schemas::{
    CommandId, Draft, Entry, Envelope, Head,
    query::{ENTRIES_CHUNK_BYTES, RunEntriesAnswer, RunEntriesQuery, RunRow, RunStanding, RunsAnswer},
    wire::Committed,
};
use if_witness::Filter;
use std::collections::BTreeSet;

/// About what the broker's word on an entry takes, bytes.
const WORD_BYTES: usize = 768;
/// Most changes and commands of one run: several times what its steps can make.
const ROWS_MAX: usize = 65_536;

impl Queries {
    pub(super) fn runs(&self) -> Result<RunsAnswer, NoAnswer> {
        let runs = self.shared.view.load().runs.clone();
        let mut rows: Vec<_> = runs.iter().map(|(id, run)| self.run_row(id, run)).collect();
        rows.sort_by_key(|row| row.index);
        Ok(RunsAnswer { runs: rows })
    }

    fn run_row(&self, id: &CommandId, run: &Run) -> RunRow {
        let standing = match run.standing() {
            Standing::Waiting { .. } => RunStanding::Waiting,
            Standing::Going => RunStanding::Going,
            Standing::Ended { outcome, at } => RunStanding::Ended { outcome, at },
        };
        let order = run.order();
        RunRow {
            run: *id,
            index: run.index(),
            newest: run.newest(),
            trace: run.trace(),
            profile: order.profile.clone(),
            operator: self.name(&run.operator()),
            delegate: order.delegate,
            started_at: run.started_at(),
            until: order.until,
            standing,
            phase: run.phase(),
            cancelled: run.is_cancelled(),
            explained: run.is_explained(),
            steps: order.steps,
            awaiting: run.awaiting().keys().copied().collect(),
            in_flight: run.in_flight(),
            max_cost: order.max_cost,
            posted: run.posted(),
        }
    }

    pub(super) fn run_entries(&self, q: &RunEntriesQuery) -> Result<RunEntriesAnswer, NoAnswer> {
        let newest = self.shared.view.load().head;
        let (head, mut next) = (newest.index, None);
        let (mut found, mut drafts, mut bytes) = (Vec::new(), Vec::new(), 0);
        for index in self.indexes_of_run(&q.run)?.range(q.from..=head.max(q.from)).copied() {
            let ((entry, read), payload) = (self.entry(index)?, self.reader.payload(index)?);
            bytes += WORD_BYTES + entry.len() + payload.as_ref().map_or(0, |p| p.bytes.len());
            if bytes > ENTRIES_CHUNK_BYTES && !found.is_empty() {
                next = Some(index);
                break;
            }
            drafts.push(Draft::of(&Head { log: newest.log, index, hash: Entry::hash_bytes(&entry), at: read.at })?);
            found.push((entry, payload));
        }
        // One signature for all of them.
        let heads = Envelope::seal_all(drafts, &self.shared.key)?;
        let committed = |((entry, payload), head)| Committed { entry, head, payload, signer: None, order: None };
        let entries = found.into_iter().zip(heads).map(committed).collect();
        Ok(RunEntriesAnswer { entries, next, head })
    }

    /// What names the run, what has its trace, and how those commands ended.
    fn indexes_of_run(&self, run: &CommandId) -> Result<BTreeSet<u64>, NoAnswer> {
        let first = self.reader.command_records(run)?.first().map(|r| r.index);
        let first =
            first.ok_or_else(|| NoAnswer::new(format!("no run {run} is in the log"), "see `ifctl bus runs`"))?;
        let trace = self.row(first)?.trace;
        let trace = trace.ok_or_else(|| NoAnswer::new(format!("{run} is no run"), "see `ifctl bus runs`"))?;
        let mut indexes: BTreeSet<u64> = self.reader.command_records(run)?.into_iter().map(|r| r.index).collect();
        let (rows, more) = self.reader.query(&Filter { trace: Some(trace), limit: ROWS_MAX, ..Filter::default() })?;
        if more {
            let text = format!("the run {run} has more than {ROWS_MAX} rows");
            return Err(NoAnswer::new(text, "read the log: `ifctl witness chain`"));
        }
        for index in rows {
            indexes.insert(index);
            if let Some(command) = self.command_of(index)? {
                indexes.extend(self.reader.command_records(&command)?.into_iter().map(|r| r.index));
            }
        }
        Ok(indexes)
    }
}
