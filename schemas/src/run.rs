//! Runs: an operator signs a whole plan once, an orchestrator carries it out and can do nothing else with that signature.

use crate::{
    Cause, Code, Command, CommandId, Effect, Envelope, Hash, KeyId, Kind, Money, Name, OperationId, Reject,
    SchemaError, Signed, Target, Timestamp, TraceId, Trust,
    batch::Path,
    limits::{GUARDIANS_MAX, RUN_STEPS_MAX, RUN_TEXT_MAX_BYTES, RUN_WRITES_MAX},
    plan::{Ended, Leaf, Phase, Plan},
    price::Quote,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A signed change of a run. Shares the command id space, so replay protection covers it; the id of the one that starts a
/// run names the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunChange {
    pub id: CommandId,
    /// That of the run and of every command in it.
    pub trace: TraceId,
    pub issued_at: Timestamp,
    pub deadline: Timestamp,
    pub op: RunOp,
    /// `Payload::hash` of what belongs to it: the [`crate::Plan`] of an order, the [`Facts`] of a note. Nothing else has one.
    pub payload: Option<Hash>,
}

impl Signed for RunChange {
    const KIND: Kind = Kind::Run;
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOp {
    /// By the operator.
    Start(Order),
    /// By the operator or an admin: begin nothing more; with `rollback`, undo what was done.
    Cancel { run: CommandId, rollback: bool },
    /// By the operator: go on with a run that stopped, from what failed.
    Resume { run: CommandId },
    /// By the operator: undo a run that has ended.
    Rollback { run: CommandId },
    /// By the orchestrator. `after`: index of the newest entry of the run it had read; what was written before the run
    /// turned (cancelled, resumed, undone) does not count any more.
    Note { run: CommandId, after: u64, note: Note },
    /// By a guardian.
    Vote(Vote),
}

/// What the operator agrees to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    pub profile: Name,
    /// The key of the worker node that carries it out: it may send these commands and no others.
    pub delegate: KeyId,
    /// After this nothing of the run is admitted.
    pub until: Timestamp,
    /// Root over every [`Leaf`] of the plan.
    pub root: Hash,
    /// Number of steps.
    pub steps: u32,
    /// What the run alone may write to while it goes on, against other runs.
    pub writes: Vec<Target>,
    pub on_conflict: OnConflict,
    /// Most that all its commands together may cost, worst case.
    pub max_cost: Option<Money>,
    pub reserve: Reserve,
    pub session: Option<Name>,
    /// Why it was ordered, where a trigger did that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Box<Cause>>,
}

/// When budgets keep the worst case of a step for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reserve {
    /// That of every step at the start: a run that begins can be paid to its end.
    Run,
    /// When its turn comes.
    Step,
}

/// What is kept for a step from the start on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepQuote {
    pub step: u32,
    pub operation: OperationId,
    pub target: Target,
    pub quote: Quote,
}

/// What to do where another run writes to the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnConflict {
    Wait,
    Refuse,
    /// The other run is stopped.
    Preempt,
}

/// What the orchestrator reports beside the commands, which speak for themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// A step came to its end. `text`: why, or what was seen.
    Ended { step: u32, ended: Ended, text: String },
    /// A step waits for guardians.
    AwaitsApproval { step: u32 },
    /// The state a step may have to be brought back to is in the payload.
    Recorded { step: u32 },
    /// From here on the run is undone.
    Undoing { why: String },
    /// A step is undone, or cannot be.
    Undone { step: u32, undone: bool, text: String },
    /// The run has ended.
    Closed { outcome: Outcome, text: String },
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Succeeded,
    /// It stopped at a step; what was done stays.
    Failed,
    Cancelled,
    /// Everything that was done is undone.
    RolledBack,
    /// Something that was done is not undone.
    RollbackIncomplete,
    /// Its time was over.
    Expired,
    /// Another run took its place.
    Preempted,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Succeeded => "succeeded",
            Outcome::Failed => "failed",
            Outcome::Cancelled => "cancelled",
            Outcome::RolledBack => "rolled_back",
            Outcome::RollbackIncomplete => "rollback_incomplete",
            Outcome::Expired => "expired",
            Outcome::Preempted => "preempted",
        }
    }
}

/// Live state recorded before a step: the payload of [`Note::Recorded`]. By `provider/instance:path`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    pub state: BTreeMap<String, serde_json::Value>,
}

/// Who must approve a step before it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// Weight that must come together.
    pub need: u32,
    /// Members and the weight of each.
    pub of: BTreeMap<Name, u32>,
    /// One of these saying no is the end of it.
    pub veto: Vec<Name>,
    /// How long a vote counts, milliseconds.
    pub valid_ms: u64,
}

impl Guard {
    pub fn check(&self) -> Result<(), SchemaError> {
        if self.of.len() > GUARDIANS_MAX || self.veto.len() > GUARDIANS_MAX {
            let found = self.of.len().max(self.veto.len());
            return Err(SchemaError::TooLarge { what: "guardians", bytes: found, limit: GUARDIANS_MAX });
        }
        let weight: u64 = self.of.values().map(|w| u64::from(*w)).sum();
        if self.need == 0 || u64::from(self.need) > weight {
            let rule = "the guardians together must be able to reach it";
            return Err(SchemaError::invalid("needed approvals", self.need.to_string(), rule));
        }
        Ok(())
    }
}

/// A guardian's word on exactly one command of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vote {
    pub run: CommandId,
    pub step: u32,
    /// [`Leaf::hash`] of the command.
    pub leaf: Hash,
    pub approve: bool,
}

/// Which command of which run a command is: proves that the operator agreed to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepRef {
    pub run: CommandId,
    pub step: u32,
    pub phase: Phase,
    pub way: u16,
    /// Arguments come of the run: the leaf commits to no payload.
    pub open: bool,
    pub guard: Option<Guard>,
    /// From the leaf to [`Order::root`].
    pub path: Path,
}

impl StepRef {
    /// The leaf that `command` must be.
    pub fn leaf(&self, command: &Command) -> Leaf {
        Leaf {
            step: self.step,
            phase: self.phase,
            way: self.way,
            operation: command.operation.clone(),
            provider: command.provider.clone(),
            instance: command.instance.clone(),
            effect: command.effect,
            payload: (!self.open).then_some(command.payload),
            guard: self.guard.clone(),
        }
    }
}

/// Does the order cover the command? For who has the order as its operator signed it: workers, and who verifies a part of a
/// log. That it is the command's turn is the broker's to decide.
pub fn authorize(
    trust: &Trust,
    signer: &KeyId,
    command: &Command,
    step: &StepRef,
    order: Option<&Envelope>,
) -> Result<(), Reject> {
    let missing = || Reject::new(Code::NotInOrder, "the order of the run did not come with the command");
    let envelope = order.ok_or_else(missing)?;
    let operator = trust.claimed(envelope)?.member.key;
    let change: RunChange = envelope.open(&operator)?;
    match &change.op {
        RunOp::Start(order) if change.id == step.run => {
            order.covers(trust, &envelope.key(), signer, command, step)?;
            let same = command.trace == change.trace && command.deadline <= order.until;
            if same { Ok(()) } else { Err(outside("its trace or deadline")) }
        }
        _ => Err(outside("the run it names")),
    }
}

fn outside(what: &str) -> Reject {
    Reject::new(Code::NotInOrder, format!("{what} is not what the operator ordered"))
}

impl RunChange {
    pub fn check(&self) -> Result<(), SchemaError> {
        self.check_payload()?;
        let text = match &self.op {
            RunOp::Start(order) => return order.check(),
            RunOp::Note { note, .. } => match note {
                Note::Ended { text, .. } | Note::Undone { text, .. } | Note::Closed { text, .. } => text,
                Note::Undoing { why } => why,
                Note::AwaitsApproval { .. } | Note::Recorded { .. } => return Ok(()),
            },
            RunOp::Cancel { .. } | RunOp::Resume { .. } | RunOp::Rollback { .. } | RunOp::Vote(_) => return Ok(()),
        };
        if text.len() > RUN_TEXT_MAX_BYTES {
            return Err(SchemaError::TooLarge { what: "text of a run", bytes: text.len(), limit: RUN_TEXT_MAX_BYTES });
        }
        Ok(())
    }

    /// An order without its plan could not be carried out; what nothing reads is not kept.
    fn check_payload(&self) -> Result<(), SchemaError> {
        let (may, must) = match &self.op {
            RunOp::Start(_) => (true, true),
            RunOp::Note { .. } => (true, false),
            RunOp::Cancel { .. } | RunOp::Resume { .. } | RunOp::Rollback { .. } | RunOp::Vote(_) => (false, false),
        };
        if if self.payload.is_some() { may } else { !must } {
            return Ok(());
        }
        let rule = "an order has its plan, a note may have facts, nothing else has a payload";
        Err(SchemaError::invalid("payload of a change of a run", self.op.operation(), rule))
    }

    /// The run it is about.
    pub fn run(&self) -> CommandId {
        match &self.op {
            RunOp::Start(_) => self.id,
            RunOp::Cancel { run, .. } | RunOp::Resume { run } | RunOp::Rollback { run } | RunOp::Note { run, .. } => {
                *run
            }
            RunOp::Vote(vote) => vote.run,
        }
    }
}

impl RunOp {
    /// The operation id under which the change is logged and found.
    pub fn operation(&self) -> &'static str {
        match self {
            RunOp::Start(_) => "run.start",
            RunOp::Cancel { .. } => "run.cancel",
            RunOp::Resume { .. } => "run.resume",
            RunOp::Rollback { .. } => "run.rollback",
            RunOp::Note { .. } => "run.note",
            RunOp::Vote(_) => "guard.vote",
        }
    }
}

impl Order {
    /// Is the command one that `operator` ordered of `signer`, and may `operator` still do that?
    pub fn covers(
        &self,
        trust: &Trust,
        operator: &KeyId,
        signer: &KeyId,
        command: &Command,
        step: &StepRef,
    ) -> Result<(), Reject> {
        if *signer != self.delegate {
            return Err(outside("who sends it"));
        }
        trust.active(trust.standing(signer).ok_or_else(|| outside("who sends it"))?)?;
        trust.authorize_operation(operator, &command.operation, &command.provider, &command.instance)?;
        if command.session != self.session {
            return Err(outside("its session"));
        }
        let target = (&command.provider, &command.instance);
        if command.effect != Effect::Read && !self.writes.iter().any(|t| (&t.provider, &t.instance) == target) {
            return Err(outside("what it writes to"));
        }
        if step.path.root(step.leaf(command).hash()?)? != self.root {
            return Err(outside(&format!("step {} with these arguments", step.step)));
        }
        Ok(())
    }

    /// Is it the order of this plan?
    pub fn check_plan(&self, plan: &Plan) -> Result<(), SchemaError> {
        plan.check()?;
        let differs = |what: &str, rule| Err(SchemaError::invalid("order", what, rule));
        if plan.profile != self.profile || plan.steps.len() != usize::try_from(self.steps).unwrap_or(usize::MAX) {
            return differs(self.profile.as_str(), "its profile and number of steps are those of its plan");
        }
        if let Some(target) = plan.writes().into_iter().find(|t| !self.writes.contains(t)) {
            return differs(&target.to_string(), "its writes name every instance that its plan writes to");
        }
        if plan.tree()?.root != self.root {
            return differs(&self.root.to_string(), "its root is that of its plan");
        }
        Ok(())
    }

    fn check(&self) -> Result<(), SchemaError> {
        let steps = usize::try_from(self.steps).unwrap_or(usize::MAX);
        if steps > RUN_STEPS_MAX {
            return Err(SchemaError::TooLarge { what: "steps of a run", bytes: steps, limit: RUN_STEPS_MAX });
        }
        if self.writes.len() > RUN_WRITES_MAX {
            let found = self.writes.len();
            return Err(SchemaError::TooLarge { what: "targets of a run", bytes: found, limit: RUN_WRITES_MAX });
        }
        if self.max_cost.is_some_and(|cost| cost.amount_micros < 0) {
            return Err(SchemaError::invalid("max cost", format!("{:?}", self.max_cost), "it is not negative"));
        }
        Ok(())
    }
}
