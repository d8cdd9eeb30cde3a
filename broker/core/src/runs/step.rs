//! May this command of a run be sent, now?

use super::{Run, Runs, Standing, run::Share};
use if_schemas::{
    Code, Command, CommandId, Effect, KeyId, Money, Reject, Settlement, Status, Timestamp, Trust,
    plan::Phase,
    run::{Guard, StepRef},
};
use serde::{Deserialize, Serialize};

/// One command of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StepKey {
    pub step: u32,
    pub phase: Phase,
    pub way: u16,
}

impl StepKey {
    pub(crate) fn of(step: &StepRef) -> Self {
        Self { step: step.step, phase: step.phase, way: step.way }
    }
}

impl Runs {
    /// Does the order of the run cover the command, and is it its turn? `signer` is the orchestrator.
    pub(crate) fn authorize(
        &self,
        trust: &Trust,
        signer: &KeyId,
        command: &Command,
        step: &StepRef,
        at: Timestamp,
    ) -> Result<&Run, Reject> {
        let run = self.known(&step.run)?;
        run.order.covers(trust, &run.operator, signer, command, step)?;
        if command.trace != run.trace {
            return Err(Reject::new(Code::NotInOrder, "its trace is not that of the run"));
        }
        check_turn(run, step, command.deadline.max(at))?;
        check_repeat(run, command.effect, step)?;
        check_guard(run, trust, command, step, at)?;
        Ok(run)
    }

    pub(crate) fn begin(&mut self, share: &Share, command: CommandId, index: u64) {
        if let Some(run) = self.changing(&share.run, index) {
            run.begin(share, command);
        }
    }

    pub(crate) fn settle(&mut self, share: &Share, (status, settlement): (Status, &Settlement), index: u64) {
        if let Some(run) = self.changing(&share.run, index) {
            run.settle(share, status, settlement);
        }
    }
}

impl Run {
    /// Is there room under the cap for `more`, in the cap's currency?
    pub(crate) fn check_cap(&self, more: Money) -> Result<(), Reject> {
        let Some(cap) = self.order.max_cost else { return Ok(()) };
        let used = i128::from(self.posted_micros) + i128::from(self.reserved_micros);
        if used + i128::from(more.amount_micros) <= i128::from(cap.amount_micros) {
            return Ok(());
        }
        let used = Money { amount_micros: i64::try_from(used).unwrap_or(i64::MAX), currency: cap.currency };
        Err(Reject::new(
            Code::CostCapExceeded,
            format!("the run may cost {cap}, {used} of it are spent or reserved, the command may cost {more}"),
        )
        .hint("order it anew with a higher --max-cost; what was done stays done"))
    }
}

fn check_turn(run: &Run, step: &StepRef, latest: Timestamp) -> Result<(), Reject> {
    let not_now = |why: &str| {
        Err(Reject::new(Code::RunNotGoing, format!("the run {} {why}", step.run)).hint("see `ifctl bus run show`"))
    };
    if run.preempted_by.is_some() {
        return not_now("lost its place to another run");
    }
    match run.standing {
        Standing::Waiting { .. } => return not_now("waits for another run"),
        Standing::Ended { outcome, .. } => return not_now(&format!("has ended: {}", outcome.as_str())),
        Standing::Going if latest > run.order.until => return not_now("ends before the command would"),
        Standing::Going => {}
    }
    match (run.phase, step.phase) {
        (Phase::Do, Phase::Do) if run.cancelled => not_now("was cancelled"),
        (Phase::Undo, Phase::Undo) if run.cancelled && !run.rollback => not_now("was cancelled"),
        (Phase::Do, Phase::Undo) => not_now("is not being undone"),
        (Phase::Undo, Phase::Do) => not_now("is being undone"),
        _ => Ok(()),
    }
}

/// What may have happened and must not happen twice is not sent again, whoever restarted in between.
fn check_repeat(run: &Run, effect: Effect, step: &StepRef) -> Result<(), Reject> {
    if run.over.contains(&(step.step, step.phase)) {
        return Err(Reject::new(Code::StepDone, format!("step {} of the run has ended", step.step)));
    }
    let Some(mark) = run.marks.get(&StepKey::of(step)) else { return Ok(()) };
    let done = |why: &str| {
        let text = format!("step {} of the run was sent already ({}): {why}", step.step, mark.command);
        Err(Reject::new(Code::StepDone, text))
    };
    match mark.status {
        None => done("it is under way"),
        Some(Status::Succeeded | Status::Indeterminate) if effect == Effect::Once => done("it may not happen twice"),
        Some(_) => Ok(()),
    }
}

fn check_guard(run: &Run, trust: &Trust, command: &Command, step: &StepRef, at: Timestamp) -> Result<(), Reject> {
    match &step.guard {
        Some(guard) => check_votes(run, trust, (command, step), guard, at),
        None => Ok(()),
    }
}

/// Did these guardians agree to exactly this command?
pub(crate) fn check_votes(
    run: &Run,
    trust: &Trust,
    (command, step): (&Command, &StepRef),
    guard: &Guard,
    at: Timestamp,
) -> Result<(), Reject> {
    let (weight, no) = run.weigh(trust, &step.leaf(command).hash()?, guard, at);
    let missing = |text: String| Err(Reject::new(Code::ApprovalMissing, text).hint("see `ifctl guard pending`"));
    match no {
        Some(name) => missing(format!("{name} has rejected step {}", step.step)),
        None if weight < guard.need => {
            missing(format!("step {} needs {} approvals and has {weight}", step.step, guard.need))
        }
        None => Ok(()),
    }
}
