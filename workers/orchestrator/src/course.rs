//! Turns in the course of a run: it fails, is cancelled, taken over, resumed, or is to be undone.

use crate::{
    fold::{Back, Cause, Course, Progress},
    line::Stage,
};
use if_schemas::{
    CommandId, Status, Timestamp,
    plan::{Ended, OnFailure},
    run::Outcome,
};

impl Progress {
    /// Nothing begins from here on.
    pub(crate) fn ending(&mut self, cause: Cause, undo: bool, at: Timestamp) {
        match (&mut self.course, &cause) {
            (Course::Forward, _) => self.course = Course::Ending { cause, undo },
            // The operator's word goes before what a step wants; what one failed step wants is added to the other's.
            (Course::Ending { cause: Cause::Failed { .. }, undo: before }, Cause::Failed { .. }) => *before |= undo,
            (Course::Ending { .. } | Course::Undoing, Cause::Cancelled | Cause::Preempted(_)) => {
                self.course = Course::Ending { cause, undo };
            }
            _ => return,
        }
        for place in 0..self.steps.len() {
            self.quiet(place, at);
        }
    }

    pub(crate) fn cancelled(&mut self, rollback: bool, at: Timestamp) {
        // A rollback that goes on already is what is wanted.
        if !(rollback && self.course == Course::Undoing) {
            self.ending(Cause::Cancelled, rollback, at);
        }
    }

    pub(crate) fn preempted(&mut self, by: CommandId, at: Timestamp) {
        self.ending(Cause::Preempted(by), false, at);
    }

    /// Takes back what has not begun, once the run ends. What is in flight stays as it is.
    pub(crate) fn quiet(&mut self, place: usize, at: Timestamp) {
        let cut = match &self.course {
            Course::Ending { cause, .. } => !matches!(cause, Cause::Failed { .. }),
            Course::Undoing => true,
            Course::Forward | Course::Closed { .. } => return,
        };
        let state = &mut self.steps[place];
        match state.forward.stage {
            Stage::Queued | Stage::Awaiting | Stage::Begun => {
                state.forward.go(Stage::Pending, at);
                self.active.remove(&place);
                self.queue.remove(&place);
            }
            Stage::Pausing(_) => {
                let unknown = state.forward.best == Some(Status::Indeterminate);
                let ended = if unknown { Ended::Indeterminate } else { Ended::Failed };
                state.cut = true;
                let text = format!("{}; not tried again, because the run ended", state.forward.text);
                self.end(place, ended, &text, at);
            }
            Stage::Looking(_) if cut => {
                state.cut = true;
                self.end(place, Ended::Indeterminate, "sent; the run ended before its effect was seen", at);
            }
            _ => {}
        }
        if self.course != Course::Undoing {
            self.quiet_back(place, at);
        }
    }

    fn quiet_back(&mut self, place: usize, at: Timestamp) {
        let back = &mut self.steps[place].back;
        match back.stage {
            Stage::Queued | Stage::Begun => back.go(Stage::Pending, at),
            Stage::Pausing(_) | Stage::Looking(_) => {
                back.go(Stage::Over(Back::Not), at);
                back.text = "the rollback was ended before it was seen to be undone".into();
            }
            _ => return,
        }
        self.active.remove(&place);
        self.queue.remove(&place);
    }

    /// On, from what failed.
    pub(crate) fn resumed(&mut self, at: Timestamp) {
        let Course::Closed { outcome, .. } = &self.course else { return };
        if !matches!(outcome, Outcome::Failed | Outcome::Cancelled | Outcome::Preempted) {
            return;
        }
        self.reopen();
        self.course = Course::Forward;
        for place in 0..self.steps.len() {
            self.take_up(place, at);
        }
        let over = |place: &usize| matches!(self.steps[*place].forward.stage, Stage::Over(_));
        let waits: Vec<usize> =
            self.graph.before.iter().map(|before| before.iter().filter(|b| !over(b)).count()).collect();
        self.open = (0..self.steps.len()).filter(|place| !over(place)).count();
        for (state, waits) in self.steps.iter_mut().zip(waits) {
            state.released = matches!(state.forward.stage, Stage::Over(_));
            state.forward.waits = crate::line::number(waits);
        }
        self.free_all();
    }

    /// A step of a run that is resumed: does it have to be done again, looked at again, or neither?
    fn take_up(&mut self, place: usize, at: Timestamp) {
        let rule = self.rule_forward(place);
        let step = &self.plan.steps[place];
        let state = &mut self.steps[place];
        let Stage::Over(Ended::Failed | Ended::Indeterminate) = state.forward.stage else { return };
        if step.on_failure == OnFailure::Continue && !state.cut {
            return;
        }
        state.cut = false;
        state.votes.forget_refusals();
        let may_repeat = rule.repeats(0, state.forward.doubt);
        match rule.look_ms {
            Some(ms) if state.forward.doubt && (state.forward.sure || !may_repeat) => {
                let until = at.saturating_add_us(crate::line::us(ms));
                state.forward.go(Stage::Looking(until), at);
                self.active.insert(place);
            }
            _ if may_repeat => {
                state.forward.go(Stage::Pending, at);
                if !state.forward.doubt {
                    state.recorded = None;
                }
            }
            _ => state.passed = true,
        }
        state.forward.tries = 0;
    }

    pub(crate) fn rollback_asked(&mut self, at: Timestamp) {
        match &self.course {
            Course::Closed { outcome: Outcome::RolledBack, .. } => {}
            Course::Closed { .. } => {
                self.reopen();
                self.course = Course::Ending { cause: Cause::Asked, undo: true };
            }
            _ => self.cancelled(true, at),
        }
    }

    fn reopen(&mut self) {
        self.epoch = self.epoch.saturating_add(1);
        self.closed_at = None;
        let steps = &self.steps;
        self.active.retain(|place| !steps[*place].forward.flights.is_empty() || !steps[*place].back.flights.is_empty());
        self.queue.clear();
    }
}
