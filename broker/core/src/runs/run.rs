//! One run, as far as it decides what may happen.

use super::step::StepKey;
use crate::budget::Hold;
use if_schemas::{
    CommandId, Envelope, Hash, KeyId, Money, Name, Order, Settlement, Status, Timestamp, TraceId, Trust,
    plan::Phase,
    run::{Guard, Outcome},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Of the entry that began it.
    pub(super) index: u64,
    pub(super) started_at: Timestamp,
    /// Who ordered it: whose rights its commands have.
    pub(super) operator: KeyId,
    pub(super) trace: TraceId,
    /// What the operator signed, and its order.
    pub(super) ordered: Envelope,
    pub(super) order: Order,
    pub(super) phase: Phase,
    pub(super) standing: Standing,
    /// The run that is to have its targets.
    pub(super) preempted_by: Option<CommandId>,
    /// Who carries it out has said how it ended; not so where the broker ended it.
    pub(super) explained: bool,
    /// Nothing more is begun.
    pub(super) cancelled: bool,
    /// Its cancelling asked for what was done to be undone.
    pub(super) rollback: bool,
    /// The newest command of each step.
    pub(super) marks: BTreeMap<StepKey, Mark>,
    /// Votes on commands, by leaf and guardian.
    pub(super) votes: BTreeMap<Hash, BTreeMap<Name, Cast>>,
    /// What is held for steps whose commands were not sent yet.
    pub(super) held: BTreeMap<u32, Held>,
    /// Who carries it out has said that it is being undone.
    pub(super) undoing: bool,
    /// Ends of steps, forward and back, that were noted: no command of theirs follows, until the run is resumed or undone.
    pub(super) over: BTreeSet<(u32, Phase)>,
    /// Index of the entry that last changed where the run goes.
    pub(super) turned: u64,
    /// Index of the newest entry that changed anything of it.
    pub(super) newest: u64,
    /// Steps that wait for guardians.
    pub(super) awaiting: BTreeMap<u32, Timestamp>,
    pub(super) in_flight: u32,
    /// In the currency of the cap.
    pub(super) reserved_micros: i64,
    pub(super) posted_micros: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Until other runs let go of what it writes to. `since`: index of the entry that made it wait.
    Waiting {
        since: u64,
    },
    Going,
    Ended {
        outcome: Outcome,
        at: Timestamp,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub command: CommandId,
    pub attempts: u32,
    /// None while it is in flight.
    pub status: Option<Status>,
}

/// A vote. It counts as long as the key that signed it is a member's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cast {
    pub approve: bool,
    pub at: Timestamp,
    pub key: KeyId,
}

/// A part of budgets kept for a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub reserved: Money,
    pub holds: Vec<Hold>,
}

/// What a command in flight has of its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    pub run: CommandId,
    pub key: StepKey,
    /// Of the cap, in its currency.
    pub amount_micros: i64,
}

impl Run {
    pub fn index(&self) -> u64 {
        self.index
    }
    /// Index of the newest entry that changed anything of it.
    pub fn newest(&self) -> u64 {
        self.newest
    }
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }
    pub fn operator(&self) -> KeyId {
        self.operator
    }
    pub fn trace(&self) -> TraceId {
        self.trace
    }
    pub fn ordered(&self) -> &Envelope {
        &self.ordered
    }
    pub fn order(&self) -> &Order {
        &self.order
    }
    pub fn phase(&self) -> Phase {
        self.phase
    }
    pub fn standing(&self) -> Standing {
        self.standing
    }
    /// Ended, and who carried it out has said what was done.
    pub fn is_explained(&self) -> bool {
        self.explained
    }
    pub fn is_cancelled(&self) -> bool {
        self.cancelled
    }
    pub fn awaiting(&self) -> &BTreeMap<u32, Timestamp> {
        &self.awaiting
    }
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }
    /// Spent so far, in the currency of its cap; none without a cap.
    pub fn posted(&self) -> Option<Money> {
        self.order.max_cost.map(|cap| Money { amount_micros: self.posted_micros, currency: cap.currency })
    }

    /// What is held for steps whose commands were not sent yet.
    pub fn kept(&self) -> impl Iterator<Item = &Held> {
        self.held.values()
    }

    pub(crate) fn held(&self, step: u32) -> Option<&Held> {
        self.held.get(&step)
    }

    pub fn has_ended(&self) -> bool {
        matches!(self.standing, Standing::Ended { .. })
    }

    /// Ended, and nothing of it is under way.
    pub(super) fn is_over(&self) -> bool {
        self.has_ended() && self.in_flight == 0
    }

    /// Going on, or not yet quiet.
    pub(super) fn holds_targets(&self) -> bool {
        self.standing == Standing::Going || self.in_flight > 0
    }

    pub(super) fn waits_since(&self) -> u64 {
        match self.standing {
            Standing::Waiting { since } => since,
            _ => self.index,
        }
    }

    /// Weight of the votes for the leaf that count at `at`, and who said no and may. A vote of a key that was revoked since
    /// counts neither way: nobody knows whose word it is.
    pub(super) fn weigh(&self, trust: &Trust, leaf: &Hash, guard: &Guard, at: Timestamp) -> (u32, Option<&Name>) {
        let Some(votes) = self.votes.get(leaf) else { return (0, None) };
        let active = |cast: &Cast| trust.standing(&cast.key).is_some_and(|s| s.is_active());
        let valid_us = i64::try_from(guard.valid_ms).unwrap_or(i64::MAX).saturating_mul(1_000);
        let fresh = |cast: &Cast| at.since_us(cast.at) <= valid_us;
        let (mut weight, mut no) = (0u32, None);
        for (name, cast) in votes.iter().filter(|(_, cast)| active(cast)) {
            match guard.of.get(name) {
                Some(w) if cast.approve && fresh(cast) => weight = weight.saturating_add(*w),
                _ if !cast.approve && guard.veto.contains(name) => no = Some(name),
                _ => {}
            }
        }
        (weight, no)
    }

    /// May the orchestrator say that it ended like that?
    pub(super) fn may_end_as(&self, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Succeeded => self.phase == Phase::Do,
            Outcome::RolledBack | Outcome::RollbackIncomplete => self.phase == Phase::Undo,
            Outcome::Preempted => self.preempted_by.is_some(),
            Outcome::Failed | Outcome::Cancelled | Outcome::Expired => true,
        }
    }

    /// A command of it is in flight from now on.
    pub(super) fn begin(&mut self, share: &Share, command: CommandId) {
        let attempts = self.marks.get(&share.key).map_or(0, |m| m.attempts);
        self.marks.insert(share.key, Mark { command, attempts: attempts.saturating_add(1), status: None });
        self.in_flight = self.in_flight.saturating_add(1);
        self.reserved_micros = self.reserved_micros.saturating_add(share.amount_micros);
        if share.key.phase == Phase::Do {
            self.held.remove(&share.key.step);
            self.awaiting.remove(&share.key.step);
        }
    }

    pub(super) fn settle(&mut self, share: &Share, status: Status, settlement: &Settlement) {
        if let Some(mark) = self.marks.get_mut(&share.key) {
            mark.status = Some(status);
        }
        self.in_flight = self.in_flight.saturating_sub(1);
        self.reserved_micros = self.reserved_micros.saturating_sub(share.amount_micros);
        let posted = crate::budget::posted_part(share.amount_micros, settlement);
        self.posted_micros = self.posted_micros.saturating_add(posted);
    }

    pub(super) fn end(&mut self, outcome: Outcome, at: Timestamp) -> Vec<Held> {
        self.standing = Standing::Ended { outcome, at };
        self.awaiting.clear();
        std::mem::take(&mut self.held).into_values().collect()
    }
}
