//! What this node knows of every command it was given: pure, rebuilt from the journal.

use crate::intake::REMEMBER_US;
use if_schemas::{CommandId, Effect, Hash, Name, Timestamp, TraceId, price::Quote};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

/// Most commands remembered at once.
pub const COMMANDS_MAX: usize = 500_000;
/// Most bytes of records that are needed, in the journal and in memory.
pub const LIVE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Bytes of records nobody needs any more before the journal is rewritten.
pub const DEAD_BYTES_MAX: u64 = 1024 * 1024;

/// One record of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    Started(#[serde(with = "shared")] Arc<Started>),
    Finished(#[serde(with = "shared")] Arc<Finished>),
    Acked { command: CommandId, deadline: Timestamp },
}

/// Execution is about to begin. Holds what a result needs if there is nobody left to make a better one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    pub command: CommandId,
    pub entry: Hash,
    pub trace: TraceId,
    pub provider: Name,
    pub instance: Name,
    pub deadline: Timestamp,
    pub effect: Effect,
    pub started_at: Timestamp,
    pub attempt: u32,
    pub simulated: bool,
    pub quote: Option<Quote>,
}

impl Started {
    /// As in [`crate::intake::Assignment::runs_once`].
    pub fn runs_once(&self) -> bool {
        self.effect == Effect::Once || self.quote.is_some()
    }
}

/// There is a result; these exact bytes are sent until the broker has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    pub command: CommandId,
    pub trace: TraceId,
    pub provider: Name,
    pub instance: Name,
    pub deadline: Timestamp,
    #[serde(with = "serde_bytes")]
    pub submission: Vec<u8>,
}

/// An `Arc` on the wire is what it holds.
mod shared {
    use super::{Arc, Deserialize, Serialize};
    use serde::{Deserializer, Serializer};

    pub fn serialize<T: Serialize, S: Serializer>(value: &Arc<T>, s: S) -> Result<S::Ok, S::Error> {
        value.as_ref().serialize(s)
    }
    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<Arc<T>, D::Error> {
        T::deserialize(d).map(Arc::new)
    }
}

impl Record {
    pub fn command(&self) -> CommandId {
        match self {
            Record::Started(s) => s.command,
            Record::Finished(f) => f.command,
            Record::Acked { command, .. } => *command,
        }
    }
    pub fn deadline(&self) -> Timestamp {
        match self {
            Record::Started(s) => s.deadline,
            Record::Finished(f) => f.deadline,
            Record::Acked { deadline, .. } => *deadline,
        }
    }
}

#[derive(Debug, Clone)]
enum Stage {
    /// In this process. What the journal says of it, if anything.
    Running(Option<Arc<Started>>),
    /// Begun by an earlier process which did not finish it.
    Interrupted(Arc<Started>),
    Finished(Arc<Finished>),
    Acked,
}

#[derive(Debug)]
struct Row {
    deadline: Timestamp,
    stage: Stage,
    /// Size of the one frame that still counts.
    bytes: u64,
}

/// What to do with a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// Never seen, or begun by an earlier process and safe to repeat. `attempt` counts from 1; `was_begun` says that an
    /// effect may have happened already.
    Execute { attempt: u32, was_begun: bool },
    /// In execution right now.
    Running,
    /// A `once` or paid command that an earlier process began: must not run again, the caller makes its result.
    Interrupted(Arc<Started>),
    /// Done, the broker may not know yet.
    Finished(Arc<Finished>),
    /// Done, and the broker knows.
    Acked,
    /// No room to remember it.
    Full,
}

#[derive(Debug, Default)]
pub struct Table {
    rows: HashMap<CommandId, Row>,
    by_deadline: BTreeSet<(Timestamp, CommandId)>,
    live_bytes: u64,
}

impl Table {
    /// Takes over one record of the journal. Stages only advance, so records may come twice and in any order.
    pub fn replay(&mut self, record: &Record, bytes: u64) {
        let stage = match record {
            Record::Started(s) => Stage::Interrupted(s.clone()),
            Record::Finished(f) => Stage::Finished(f.clone()),
            Record::Acked { .. } => Stage::Acked,
        };
        self.advance(record.command(), record.deadline(), stage, bytes);
    }

    /// Decides about a delivery, and notes that it is being worked on where that is the decision.
    pub fn begin(&mut self, command: CommandId, deadline: Timestamp, delivered: u32) -> Begin {
        let attempt = match self.rows.get(&command).map(|r| &r.stage) {
            Some(Stage::Running(_)) => return Begin::Running,
            Some(Stage::Finished(f)) => return Begin::Finished(f.clone()),
            Some(Stage::Acked) => return Begin::Acked,
            Some(Stage::Interrupted(s)) if s.runs_once() => {
                let started = s.clone();
                self.run(&started);
                return Begin::Interrupted(started);
            }
            Some(Stage::Interrupted(s)) => delivered.max(s.attempt.saturating_add(1)),
            None if self.rows.len() >= COMMANDS_MAX || self.live_bytes >= LIVE_BYTES_MAX => return Begin::Full,
            None => delivered.max(1),
        };
        let started = match self.rows.get(&command).map(|r| &r.stage) {
            Some(Stage::Interrupted(s)) => Some(s.clone()),
            _ => None,
        };
        let was_begun = started.as_ref().is_some_and(|s| s.effect != Effect::Read);
        let bytes = self.rows.get(&command).map_or(0, |r| r.bytes);
        self.put(command, deadline, Stage::Running(started), bytes);
        Begin::Execute { attempt, was_begun }
    }

    /// Notes a record this process is about to write.
    pub fn note(&mut self, record: &Record, bytes: u64) {
        let stage = match record {
            Record::Started(s) => Stage::Running(Some(s.clone())),
            Record::Finished(f) => Stage::Finished(f.clone()),
            Record::Acked { .. } => Stage::Acked,
        };
        self.advance(record.command(), record.deadline(), stage, bytes);
    }

    /// The command was not taken after all.
    pub fn forget(&mut self, command: CommandId) {
        if let Some(row) = self.rows.remove(&command) {
            self.by_deadline.remove(&(row.deadline, command));
            self.live_bytes = self.live_bytes.saturating_sub(row.bytes);
        }
    }

    /// Drops what is so late that intake refuses it anyway.
    pub fn expire(&mut self, now: Timestamp) {
        while let Some((deadline, command)) = self.by_deadline.first().copied() {
            if now.since_us(deadline) <= REMEMBER_US {
                return;
            }
            self.forget(command);
        }
    }

    /// `once` and paid commands that an earlier process began and did not finish. They count as running from now on: the caller
    /// makes their results.
    pub fn take_interrupted(&mut self) -> Vec<Arc<Started>> {
        let stages = self.rows.values().map(|r| &r.stage);
        let interrupted = stages.filter_map(|s| match s {
            Stage::Interrupted(s) if s.runs_once() => Some(s.clone()),
            _ => None,
        });
        let interrupted: Vec<_> = interrupted.collect();
        interrupted.iter().for_each(|s| self.run(s));
        interrupted
    }

    fn run(&mut self, started: &Arc<Started>) {
        if let Some(row) = self.rows.get_mut(&started.command) {
            row.stage = Stage::Running(Some(started.clone()));
        }
    }

    /// Results the broker may not know yet.
    pub fn unreported(&self) -> Vec<Arc<Finished>> {
        let stages = self.rows.values().map(|r| &r.stage);
        stages.filter_map(|s| if let Stage::Finished(f) = s { Some(f.clone()) } else { None }).collect()
    }

    /// The records that a rewritten journal needs.
    pub fn live(&self) -> Vec<Record> {
        let mut records = Vec::with_capacity(self.rows.len());
        for (command, row) in &self.rows {
            match &row.stage {
                Stage::Running(None) => {}
                Stage::Running(Some(s)) | Stage::Interrupted(s) => records.push(Record::Started(s.clone())),
                Stage::Finished(f) => records.push(Record::Finished(f.clone())),
                Stage::Acked => records.push(Record::Acked { command: *command, deadline: row.deadline }),
            }
        }
        records
    }

    pub fn live_bytes(&self) -> u64 {
        self.live_bytes
    }
    /// Commands remembered.
    pub fn remembered(&self) -> usize {
        self.rows.len()
    }

    /// Commands being worked on right now.
    pub fn running(&self) -> usize {
        self.rows.values().filter(|r| matches!(r.stage, Stage::Running(_))).count()
    }

    fn advance(&mut self, command: CommandId, deadline: Timestamp, stage: Stage, bytes: u64) {
        let known = self.rows.get(&command).map_or(0, |r| rank(&r.stage));
        if rank(&stage) >= known {
            self.put(command, deadline, stage, bytes);
        }
    }

    fn put(&mut self, command: CommandId, deadline: Timestamp, stage: Stage, bytes: u64) {
        self.forget(command);
        self.by_deadline.insert((deadline, command));
        self.live_bytes = self.live_bytes.saturating_add(bytes);
        self.rows.insert(command, Row { deadline, stage, bytes });
    }
}

fn rank(stage: &Stage) -> u8 {
    match stage {
        Stage::Running(_) | Stage::Interrupted(_) => 1,
        Stage::Finished(_) => 2,
        Stage::Acked => 3,
    }
}
