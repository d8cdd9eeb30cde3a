//! `triggers.yaml`: what a worker does by itself when it sees something.
//!
//! ```yaml
//! triggers:
//!   closeup:
//!     on: vmix/myvmix:tally.program==3
//!     if: [obs/myobs:studio_mode==false]
//!     run: {operation: obs.scene.switch, instance: obs/myobs, args: {scene: Close-up}}
//!     debounce: 200ms
//! ```

mod edit;
mod load;
mod watch;

pub use edit::{add, remove, set_enabled};
pub use load::{Each, load_each};
pub use watch::{CONNECTION, Compare, ResultMatch, StateMatch, Target, Test, Watch, WatchError};

use if_schemas::{
    Name, OperationId,
    limits::{DEADLINE_MAX_US, RUN_LIFE_MAX_US},
};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, fmt, time::Duration};

/// The one key of the file.
const TOP: &str = "triggers";
/// Most triggers of one file.
pub const TRIGGERS_MAX: usize = 500;
/// Most conditions of one trigger.
pub const CONDITIONS_MAX: usize = 16;
/// Longest debounce or cool-down.
pub const PAUSE_MAX: Duration = Duration::from_secs(24 * 3_600);
/// How long its command may take where the rule does not say.
pub const DEADLINE: Duration = Duration::from_secs(5);
/// How long its run may take where the rule does not say.
pub const PROFILE_DEADLINE: Duration = Duration::from_secs(3_600);

/// One rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Trigger {
    pub on: Watch,
    /// All must hold when it fires.
    pub conditions: Vec<StateMatch>,
    /// What was seen must stay so for this long.
    pub debounce: Duration,
    /// Least time between two firings; what comes sooner is passed over.
    pub cooldown: Duration,
    pub run: Run,
    /// How long the command, or the run, may take.
    pub deadline: Duration,
    pub enabled: bool,
}

/// What a trigger does.
#[derive(Debug, Clone, PartialEq)]
pub enum Run {
    Command(Call),
    Profile(Profile),
}

/// The command of a trigger.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub operation: OperationId,
    pub target: Target,
    /// As given; checked against the operation by who knows it.
    pub args: Map<String, Value>,
}

/// The profile that a trigger orders. Its plan is made when its key is let in.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    pub name: Name,
    /// Variables, as text.
    pub set: BTreeMap<String, String>,
}

impl Run {
    /// How long it may take where the rule does not say.
    pub fn deadline(&self) -> Duration {
        match self {
            Run::Command(_) => DEADLINE,
            Run::Profile(_) => PROFILE_DEADLINE,
        }
    }

    /// Longest that it may take.
    pub fn deadline_max(&self) -> Duration {
        let us = match self {
            Run::Command(_) => DEADLINE_MAX_US,
            Run::Profile(_) => RUN_LIFE_MAX_US,
        };
        Duration::from_micros(us.unsigned_abs())
    }
}

/// As a person reads it: `obs.scene.switch on obs/myobs`.
impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Run::Command(call) => write!(f, "{} on {}", call.operation, call.target),
            Run::Profile(profile) => write!(f, "the profile {}", profile.name),
        }
    }
}

/// Name of the member that signs for a trigger, and of its key file.
pub fn member_name(trigger: &Name) -> Option<Name> {
    format!("trigger-{trigger}").parse().ok()
}
