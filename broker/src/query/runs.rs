//! Runs: how they stand, and everything the log has of one.

use super::{NoAnswer, Queries};
use if_core::{Run, Standing};
use if_schemas::{
    CommandId,
    query::{ENTRIES_CHUNK_BYTES, RawEntry, RunEntriesAnswer, RunEntriesQuery, RunRow, RunStanding, RunsAnswer},
};
use if_witness::Filter;
use std::collections::BTreeSet;

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
        let head = self.shared.view.load().head.index;
        let (mut entries, mut bytes) = (Vec::new(), 0);
        for index in self.indexes_of_run(&q.run)?.range(q.from..=head.max(q.from)).copied() {
            let (entry, payload) = (self.entry(index)?.0, self.reader.payload(index)?);
            bytes += entry.len() + payload.as_ref().map_or(0, |p| p.bytes.len());
            if bytes > ENTRIES_CHUNK_BYTES && !entries.is_empty() {
                return Ok(RunEntriesAnswer { entries, next: Some(index), head });
            }
            entries.push(RawEntry { entry, payload });
        }
        Ok(RunEntriesAnswer { entries, next: None, head })
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
