//! The plan of a run: every step with its resolved command. The payload of the order an operator signs to start it.

use crate::{
    Effect, Hash, Name, OperationId, Payload, SchemaError, StateMatch, Target,
    batch::{self, Path},
    codec,
    limits::{RUN_CONCURRENCY_MAX, RUN_LEAVES_MAX, RUN_STEPS_MAX},
    run::Guard,
    watch::Test,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What a profile became with its variables filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub profile: Name,
    pub description: String,
    /// As they were for this run. A secret is here by its reference.
    pub vars: Map<String, Value>,
    /// Most steps at once.
    pub concurrency: u16,
    /// Each after all it needs.
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// `lights`, `cameras[2]` of a `for_each`, `intro.fade` of a nested profile.
    pub id: String,
    /// Places of the steps that come before it, in [`Plan::steps`]; all smaller than its own.
    pub needs: Vec<u32>,
    /// Why it is not done, where the variables decide that already.
    pub skip: Option<String>,
    /// All must hold when its turn comes; otherwise it is skipped.
    pub when: Vec<When>,
    pub act: Act,
    /// What must be seen after it.
    pub confirm: Option<Await>,
    /// How often it is tried again after it failed. A `once` operation that may have happened never is.
    pub retries: u16,
    /// Pause before the first repeat, milliseconds; doubled for each further one.
    pub retry_pause_ms: u64,
    /// For one attempt of its command, milliseconds.
    pub timeout_ms: u64,
    pub on_failure: OnFailure,
    pub undo: Undo,
    /// Who must approve it first.
    pub guard: Option<Guard>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    Command(Call),
    /// Milliseconds.
    Pause(u64),
    Until(Await),
    /// A place to meet, or to be approved.
    Nothing,
}

/// A state that must be reached, within milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Await {
    pub state: StateMatch,
    pub timeout_ms: u64,
}

/// A command of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    pub operation: OperationId,
    pub target: Target,
    pub effect: Effect,
    pub args: Args,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Args {
    /// All known: exactly this payload is sent, at every attempt.
    Fixed(Payload),
    /// Some come of what happens in the run.
    Open(BTreeMap<String, Source>),
}

/// Where one argument comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Value(Value),
    /// Of the result of an earlier step. `pointer` is a JSON pointer (RFC 6901).
    Result {
        step: u32,
        pointer: String,
    },
    /// Of the live state recorded before the step.
    Recorded(StateMatch),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    State(StateMatch),
    /// An earlier step ended like that.
    Ended {
        step: u32,
        is: Vec<Ended>,
    },
    /// A value of the result of an earlier step.
    Result {
        step: u32,
        pointer: String,
        test: Test,
    },
}

/// How a step came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Done, and seen to be.
    Confirmed,
    Failed,
    /// Nobody knows whether it happened.
    Indeterminate,
    Skipped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// Begin nothing more; what was done stays.
    Stop,
    /// As if it had not been there.
    Continue,
    /// Undo what was confirmed, in reverse order.
    Rollback,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undo {
    /// It cannot be undone, and why.
    Impossible(String),
    /// It changes nothing that would have to be undone.
    Needless,
    Call(Call),
    Restore(Restore),
}

/// Back to the state recorded before the step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restore {
    /// Recorded before the step, seen to be so again after its undo. Without tests.
    pub record: Vec<StateMatch>,
    /// The first whose conditions hold on what was recorded is taken.
    pub ways: Vec<Way>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Way {
    pub when: Vec<StateMatch>,
    /// None: nothing has to be done.
    pub call: Option<Call>,
}

/// Forward or back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Do,
    Undo,
}

/// One command that a run may send. The order commits to all of them by the root of a Merkle tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaf {
    pub step: u32,
    pub phase: Phase,
    /// Which of the ways back; 0 forward.
    pub way: u16,
    pub operation: OperationId,
    pub provider: Name,
    pub instance: Name,
    pub effect: Effect,
    /// Of the payload; none where arguments come of the run.
    pub payload: Option<Hash>,
    pub guard: Option<Guard>,
}

impl Leaf {
    pub fn hash(&self) -> Result<Hash, SchemaError> {
        Ok(batch::leaf(&codec::encode("leaf", self)?))
    }
}

/// All leaves of a plan, in the order of its steps, and the way from each to the root.
#[derive(Debug, Clone)]
pub struct Tree {
    pub root: Hash,
    pub leaves: Vec<(Leaf, Path)>,
}

impl Tree {
    pub fn find(&self, step: u32, phase: Phase, way: u16) -> Option<&(Leaf, Path)> {
        self.leaves.iter().find(|(leaf, _)| (leaf.step, leaf.phase, leaf.way) == (step, phase, way))
    }
}

impl Call {
    fn leaf(&self, step: u32, phase: Phase, way: u16, guard: Option<Guard>) -> Leaf {
        let payload = match &self.args {
            Args::Fixed(payload) => Some(payload.hash()),
            Args::Open(_) => None,
        };
        let Target { provider, instance } = self.target.clone();
        Leaf {
            step,
            phase,
            way,
            operation: self.operation.clone(),
            provider,
            instance,
            effect: self.effect,
            payload,
            guard,
        }
    }
}

impl Step {
    /// The command of the step; none where it has none.
    pub fn call(&self) -> Option<&Call> {
        match &self.act {
            Act::Command(call) => Some(call),
            _ => None,
        }
    }

    /// Guardians approve exactly one command: its arguments have to be known when they are asked.
    fn check_guard(&self) -> Result<(), SchemaError> {
        let Some(guard) = &self.guard else { return Ok(()) };
        guard.check()?;
        if self.call().is_some_and(|call| matches!(call.args, Args::Open(_))) {
            return Err(SchemaError::invalid("step", &self.id, "what is to be approved must be known before the run"));
        }
        Ok(())
    }

    /// Every command that may undo it, with the number of its way.
    pub fn undo_calls(&self) -> Vec<(u16, &Call)> {
        match &self.undo {
            Undo::Call(call) => vec![(0, call)],
            Undo::Restore(restore) => {
                let ways = restore.ways.iter().zip(0u16..);
                ways.filter_map(|(way, number)| Some((number, way.call.as_ref()?))).collect()
            }
            Undo::Impossible(_) | Undo::Needless => Vec::new(),
        }
    }
}

impl Plan {
    /// Checks what its types do not: sizes, and that every step comes after what it needs.
    pub fn check(&self) -> Result<(), SchemaError> {
        let steps = self.steps.len();
        if steps > RUN_STEPS_MAX {
            return Err(SchemaError::TooLarge { what: "steps of a run", bytes: steps, limit: RUN_STEPS_MAX });
        }
        if !(1..=RUN_CONCURRENCY_MAX).contains(&self.concurrency) {
            return Err(SchemaError::invalid("concurrency", self.concurrency.to_string(), "use 1 to 256"));
        }
        let mut ids = BTreeSet::new();
        for (place, step) in (0u32..).zip(&self.steps) {
            if !ids.insert(&step.id) {
                return Err(SchemaError::invalid("step", &step.id, "there are two steps of that name"));
            }
            let whens = step.when.iter().filter_map(|when| match when {
                When::State(_) => None,
                When::Ended { step, .. } | When::Result { step, .. } => Some(*step),
            });
            let mut before = step.needs.iter().copied().chain(whens);
            if before.any(|other| other >= place) {
                return Err(SchemaError::invalid("step", &step.id, "it needs a step that does not come before it"));
            }
            step.check_guard()?;
        }
        Ok(())
    }

    /// Every instance that the run may write to.
    pub fn writes(&self) -> BTreeSet<Target> {
        let calls =
            self.steps.iter().flat_map(|s| s.call().into_iter().chain(s.undo_calls().into_iter().map(|(_, c)| c)));
        calls.filter(|c| c.effect != Effect::Read).map(|c| c.target.clone()).collect()
    }

    pub fn leaves(&self) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        for (place, step) in (0u32..).zip(&self.steps) {
            leaves.extend(step.call().map(|call| call.leaf(place, Phase::Do, 0, step.guard.clone())));
            leaves.extend(step.undo_calls().into_iter().map(|(way, call)| call.leaf(place, Phase::Undo, way, None)));
        }
        leaves
    }

    /// The tree an order commits to. A plan of one command has the zero hash beside it.
    pub fn tree(&self) -> Result<Tree, SchemaError> {
        let leaves = self.leaves();
        if leaves.is_empty() {
            return Ok(Tree { root: Hash::ZERO, leaves: Vec::new() });
        }
        if leaves.len() > RUN_LEAVES_MAX {
            return Err(SchemaError::TooLarge {
                what: "commands of a run",
                bytes: leaves.len(),
                limit: RUN_LEAVES_MAX,
            });
        }
        let mut hashes = leaves.iter().map(Leaf::hash).collect::<Result<Vec<_>, _>>()?;
        if hashes.len() == 1 {
            hashes.push(Hash::ZERO);
        }
        let (root, paths) = batch::tree(hashes)?;
        Ok(Tree { root, leaves: leaves.into_iter().zip(paths).collect() })
    }
}
