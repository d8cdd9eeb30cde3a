//! What is to be done now.

use if_schemas::{
    CommandId, StateMatch, Timestamp,
    plan::Phase,
    run::{Facts, Note},
};
use serde_json::{Map, Value};

#[derive(Debug, Clone, PartialEq)]
pub enum Doing {
    /// Send the command of a step. Which call it is the plan says: [`if_schemas::Plan::tree`] has its leaf.
    Send { id: CommandId, step: u32, phase: Phase, way: u16, args: Given, deadline: Timestamp },
    /// Sign this into the log. `facts` is its payload.
    Note { id: CommandId, note: Note, facts: Option<Facts> },
    /// Ask again when this value changes.
    Watch { step: u32, state: StateMatch },
    /// Ask again then, at the latest.
    WakeAt(Timestamp),
}

/// Arguments of a command.
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    /// Exactly the payload in the plan.
    Fixed,
    /// Made of what happened in the run.
    Open(Map<String, Value>),
}

impl Doing {
    /// Names what is submitted; none for what is only waited for.
    pub fn id(&self) -> Option<CommandId> {
        match self {
            Doing::Send { id, .. } | Doing::Note { id, .. } => Some(*id),
            Doing::Watch { .. } | Doing::WakeAt(_) => None,
        }
    }

    /// The step it is about; none for a note on the whole run, and for a time.
    pub fn step(&self) -> Option<u32> {
        match self {
            Doing::Send { step, .. } | Doing::Watch { step, .. } => Some(*step),
            Doing::Note { note, .. } => match note {
                Note::Ended { step, .. }
                | Note::AwaitsApproval { step }
                | Note::Recorded { step }
                | Note::Undone { step, .. } => Some(*step),
                Note::Undoing { .. } | Note::Closed { .. } => None,
            },
            Doing::WakeAt(_) => None,
        }
    }
}
