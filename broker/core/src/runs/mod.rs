//! Runs: what operators ordered as a whole, who carries each out, and what it may write to meanwhile.
//!
//! Deciding and applying use the same checks, so a log in which an orchestrator did more than it was ordered does not apply.

mod change;
mod keep;
mod run;
mod step;

pub(crate) use keep::keep;
pub use run::{Cast, Mark, Run, Standing};
pub(crate) use run::{Held, Share};
pub(crate) use step::{StepKey, check_votes};

use if_schemas::{Code, CommandId, Reject, Target, Timestamp, limits::RUNS_MAX, run::Outcome};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Every run that goes on, and the newest of those that ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Runs {
    /// Shared, because others look at them while the next entry changes one.
    runs: BTreeMap<CommandId, Arc<Run>>,
}

impl Runs {
    pub fn get(&self, id: &CommandId) -> Option<&Run> {
        self.runs.get(id).map(Arc::as_ref)
    }
    pub fn iter(&self) -> impl Iterator<Item = (&CommandId, &Run)> {
        self.runs.iter().map(|(id, run)| (id, run.as_ref()))
    }
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    pub(crate) fn known(&self, id: &CommandId) -> Result<&Run, Reject> {
        self.get(id)
            .ok_or_else(|| Reject::new(Code::UnknownRun, format!("no run {id} goes on")).hint("see `ifctl bus runs`"))
    }

    fn known_mut(&mut self, id: &CommandId) -> Option<&mut Run> {
        self.runs.get_mut(id).map(Arc::make_mut)
    }

    /// The run, which the entry `index` changes.
    fn changing(&mut self, id: &CommandId, index: u64) -> Option<&mut Run> {
        let run = self.known_mut(id)?;
        run.newest = index;
        Some(run)
    }

    /// The first run that waits for targets nobody else has or waited for earlier. One that lost its place waits no more.
    pub fn grantable(&self) -> Option<CommandId> {
        let waits = |run: &Run| {
            matches!(run.standing(), Standing::Waiting { .. }) && run.preempted_by.is_none() && !run.is_cancelled()
        };
        let mut waiting: Vec<_> = self.iter().filter(|(_, run)| waits(run)).collect();
        if waiting.is_empty() {
            return None;
        }
        let mut taken = self.taken();
        waiting.sort_by_key(|(_, r)| r.waits_since());
        for (id, run) in waiting {
            if run.order().writes.iter().all(|t| !taken.contains(t)) {
                return Some(*id);
            }
            taken.extend(&run.order().writes);
        }
        None
    }

    /// A run whose time is over at `now`, or whose place another one took.
    pub fn to_end(&self, now: Timestamp) -> Option<CommandId> {
        self.runs.keys().find(|id| self.ending(id, now).is_some()).copied()
    }

    /// How a run ends at `now` without its own doing, and because of which other one.
    pub(crate) fn ending(&self, id: &CommandId, now: Timestamp) -> Option<(Outcome, Option<CommandId>)> {
        let run = self.runs.get(id).filter(|r| !r.has_ended())?;
        match run.preempted_by {
            Some(by) => Some((Outcome::Preempted, Some(by))),
            None if run.order.until < now => Some((Outcome::Expired, None)),
            None => None,
        }
    }

    /// What runs that go on, or have commands under way, write to.
    fn taken(&self) -> BTreeSet<&Target> {
        self.runs.values().filter(|r| r.holds_targets()).flat_map(|r| &r.order().writes).collect()
    }

    /// Runs that go on or wait, and write to one of these.
    fn conflicting(&self, writes: &[Target]) -> Vec<CommandId> {
        let shares = |run: &Run| run.order().writes.iter().any(|t| writes.contains(t));
        let alive = |run: &Run| run.holds_targets() || !run.has_ended();
        self.runs.iter().filter(|(_, r)| alive(r) && shares(r)).map(|(id, _)| *id).collect()
    }

    /// Makes room for one more: forgets the oldest run that has ended.
    fn make_room(&mut self) {
        if self.runs.len() < RUNS_MAX {
            return;
        }
        let oldest = self.runs.iter().filter(|(_, r)| r.is_over()).min_by_key(|(_, r)| r.index()).map(|(id, _)| *id);
        if let Some(id) = oldest {
            self.runs.remove(&id);
        }
    }

    fn check_room(&self) -> Result<(), Reject> {
        if self.runs.len() < RUNS_MAX || self.runs.values().any(|r| r.is_over()) {
            return Ok(());
        }
        Err(Reject::new(Code::Overloaded, format!("{RUNS_MAX} runs go on already"))
            .hint("wait until one of them ends, or cancel one: `ifctl bus runs --active`"))
    }
}
