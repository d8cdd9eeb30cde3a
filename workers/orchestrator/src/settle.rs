//! What becomes of commands, and which steps begin because of it.

use crate::{
    fact::passes,
    fold::{Cause, Course, Progress},
    line::{Rule, Stage, Verdict},
};
use if_schemas::{
    CommandId, Effect, Money, Reject, Status, Timestamp,
    plan::{Act, Ended, OnFailure, Phase, When},
};
use serde_json::Value;
use std::sync::Arc;

impl Progress {
    pub(crate) fn admitted(&mut self, step: u32, phase: Phase, command: CommandId, at: Timestamp) {
        let Some((place, state)) = self.step(step) else { return };
        match phase {
            Phase::Do => {
                let was_over = matches!(state.forward.stage, Stage::Over(_));
                state.forward.admit(command, at);
                self.open += usize::from(was_over);
            }
            Phase::Undo => state.back.admit(command, at),
        }
        self.flights.insert(command, (place, phase));
        self.queue.remove(&place);
        self.active.insert(place);
    }

    pub(crate) fn refused(&mut self, step: u32, phase: Phase, command: CommandId, reject: &Reject, at: Timestamp) {
        let text = format!("refused: {reject}");
        let Some((place, _)) = self.step(step) else { return };
        let rule = self.rule(place, phase);
        // On its way when the run began to end, it has not begun. Refused because votes were forgotten meanwhile, it is
        // asked for again.
        let counts = self.course == Course::Forward && self.is_approved(place, at);
        let state = &mut self.steps[place];
        let tried = match phase {
            Phase::Do => state.forward.refuse(command, counts),
            Phase::Undo => state.back.refuse(command, true),
        };
        let Some((tries, doubt)) = tried else { return };
        let again = passes(reject.code) && rule.repeats(tries, doubt);
        let verdict = if again { Verdict::Pause(at.saturating_add_us(rule.pause_us(tries))) } else { Verdict::Bad };
        self.judged(place, phase, verdict, text, at);
    }

    pub(crate) fn settled(
        &mut self,
        command: CommandId,
        status: Status,
        result: Option<&Value>,
        text: &str,
        cost: Money,
        at: Timestamp,
    ) {
        let Some((place, phase)) = self.flights.remove(&command) else { return };
        self.settled = self.settled.saturating_add(1);
        let rule = self.rule(place, phase);
        let wanted = self.graph.result_wanted[place] && phase == Phase::Do && status == Status::Succeeded;
        let state = &mut self.steps[place];
        add(&mut state.cost, cost);
        if wanted {
            state.result = result.cloned();
        }
        let verdict = match phase {
            Phase::Do => state.forward.settle(command, status, &rule, at),
            Phase::Undo => state.back.settle(command, status, &rule, at),
        };
        if let Some(verdict) = verdict {
            self.judged(place, phase, verdict, text.to_string(), at);
        }
    }

    fn rule(&self, place: usize, phase: Phase) -> Rule {
        let step = self.of_plan(place);
        let (effect, look_ms) = match phase {
            Phase::Do => {
                let effect = step.call().map_or(Effect::Once, |call| call.effect);
                (effect, step.confirm.as_ref().map(|wanted| wanted.timeout_ms))
            }
            Phase::Undo => self.undo_rule(place),
        };
        Rule { effect, retries: step.retries, pause_ms: step.retry_pause_ms, look_ms }
    }

    pub(crate) fn rule_forward(&self, place: usize) -> Rule {
        self.rule(place, Phase::Do)
    }

    pub(crate) fn rule_back(&self, place: usize) -> Rule {
        self.rule(place, Phase::Undo)
    }

    fn judged(&mut self, place: usize, phase: Phase, verdict: Verdict, text: String, at: Timestamp) {
        match phase {
            Phase::Do => self.judged_forward(place, verdict, text, at),
            Phase::Undo => self.judged_back(place, verdict, text, at),
        }
    }

    fn judged_forward(&mut self, place: usize, verdict: Verdict, text: String, at: Timestamp) {
        let line = &mut self.steps[place].forward;
        match verdict {
            Verdict::Good => self.end(place, Ended::Confirmed, &text, at),
            Verdict::Bad => self.end(place, Ended::Failed, &text, at),
            Verdict::Unknown => self.end(place, Ended::Indeterminate, &text, at),
            Verdict::Look(until) => line.go(Stage::Looking(until), at),
            Verdict::Pause(until) => line.go(Stage::Pausing(until), at),
        }
        let line = &mut self.steps[place].forward;
        if matches!(line.stage, Stage::Looking(_) | Stage::Pausing(_)) {
            line.text = text;
            self.active.insert(place);
            self.quiet(place, at);
        }
        if self.course == Course::Undoing {
            self.active.remove(&place);
            self.freed.push(place);
        }
    }

    /// A step came to its end.
    pub(crate) fn end(&mut self, place: usize, ended: Ended, text: &str, at: Timestamp) {
        let graph = Arc::clone(&self.graph);
        let state = &mut self.steps[place];
        let was_over = matches!(state.forward.stage, Stage::Over(_));
        state.forward.go(Stage::Over(ended), at);
        state.forward.text = text.to_string();
        self.active.remove(&place);
        self.queue.remove(&place);
        self.open -= usize::from(!was_over);
        if !std::mem::replace(&mut state.released, true) {
            for after in &graph.after[place] {
                let waits = &mut self.steps[*after].forward.waits;
                *waits = waits.saturating_sub(1);
                if *waits == 0 {
                    self.freed.push(*after);
                }
            }
        }
        let passed = self.steps[place].passed;
        if matches!(ended, Ended::Failed | Ended::Indeterminate) && !passed {
            let cause = || Cause::Failed { place, why: text.to_string() };
            match self.of_plan(place).on_failure {
                OnFailure::Continue => {}
                OnFailure::Stop => self.ending(cause(), false, at),
                OnFailure::Rollback => self.ending(cause(), true, at),
            }
        }
    }

    pub(crate) fn note_ended(&mut self, step: u32, ended: Ended, text: &str, at: Timestamp) {
        let ending = matches!(self.course, Course::Ending { .. });
        let Some((place, state)) = self.step(step) else { return };
        let fits = match state.forward.stage {
            Stage::Begun => true,
            // It acted: it cannot have been skipped.
            Stage::Looking(_) | Stage::Pausing(_) => ended != Ended::Skipped,
            // It was noted before the run was known to end.
            Stage::Pending | Stage::Queued | Stage::Awaiting => ending,
            Stage::Running | Stage::Over(_) => false,
        };
        if fits {
            self.end(place, ended, text, at);
        }
    }

    /// Every step whose turn may have come.
    pub(crate) fn free_all(&mut self) {
        let free = |(_, state): &(usize, &crate::fold::StepState)| {
            state.forward.waits == 0 && state.forward.stage == Stage::Pending
        };
        self.freed = self.steps.iter().enumerate().filter(free).map(|(place, _)| place).collect();
    }

    /// Steps whose turn has come are skipped or queued, those in the queue take the free places.
    pub(crate) fn advance(&mut self, at: Timestamp) {
        match self.course {
            Course::Forward if self.granted && self.started.is_some() => loop {
                while let Some(place) = self.freed.pop() {
                    self.turn(place, at);
                }
                self.fill(at);
                if self.freed.is_empty() || self.course != Course::Forward {
                    break;
                }
            },
            Course::Undoing => self.advance_back(at),
            _ => {}
        }
        self.freed.clear();
    }

    fn turn(&mut self, place: usize, at: Timestamp) {
        crate::looked();
        if self.steps[place].forward.stage != Stage::Pending || self.course != Course::Forward {
            return;
        }
        let why = self.of_plan(place).skip.clone().or_else(|| self.fails_condition(place));
        match why {
            Some(why) => self.end(place, Ended::Skipped, &why, at),
            None => {
                self.steps[place].forward.go(Stage::Queued, at);
                self.queue.insert(place);
            }
        }
    }

    fn fill(&mut self, at: Timestamp) {
        while self.active.len() < usize::from(self.plan.concurrency) && self.course == Course::Forward {
            let Some(place) = self.queue.pop_first() else { return };
            self.active.insert(place);
            let line = &mut self.steps[place].forward;
            line.began.get_or_insert(at);
            line.go(Stage::Begun, at);
            let step = self.of_plan(place);
            let looks = step.confirm.is_some() || step.when.iter().any(|when| matches!(when, When::State(_)));
            if matches!(step.act, Act::Nothing) && step.guard.is_none() && !looks {
                self.end(place, Ended::Confirmed, "", at);
            }
        }
    }
}

pub(crate) fn add(costs: &mut Vec<Money>, cost: Money) {
    if cost.is_zero() {
        return;
    }
    match costs.iter_mut().find(|sum| sum.currency == cost.currency) {
        Some(sum) => sum.amount_micros = sum.amount_micros.saturating_add(cost.amount_micros),
        None => costs.push(cost),
    }
}
