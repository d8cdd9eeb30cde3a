//! A step that holds a place, on its way forward.

use super::{BEHIND_US, Todo, number};
use crate::{
    fold::Course,
    line::{Stage, us},
    resolve::Holds,
    seen::key,
};
use if_schemas::{
    StateMatch, Timestamp,
    plan::{Act, Await, Ended, Phase},
    run::Note,
};

impl Todo<'_> {
    pub(super) fn forward(&mut self, place: usize) {
        let line = &self.progress.steps[place].forward;
        match line.stage {
            Stage::Begun if line.tries == 0 => self.begin(place),
            Stage::Begun => self.attempt(place),
            Stage::Pausing(until) if self.past(until) => self.attempt(place),
            Stage::Looking(until) => self.look(place, until),
            _ => {}
        }
    }

    /// Conditions, guardians, record, then the act.
    fn begin(&mut self, place: usize) {
        let progress = self.progress;
        let step = progress.of_plan(place);
        let state = &progress.steps[place];
        match progress.state_holds(place, self.seen) {
            Holds::Yes => {}
            Holds::No(why) => return self.ended(place, Ended::Skipped, &why),
            Holds::Unknown(unknown) => return self.unknown(place, unknown, "its condition cannot be decided"),
        }
        if !self.may_act(place) {
            return;
        }
        let record = &progress.graph.records[place];
        if state.recorded.is_none() && !record.is_empty() {
            match self.seen.record(record) {
                Ok(facts) => self.note("recorded", number(place), Note::Recorded { step: number(place) }, Some(facts)),
                Err(unknown) => self.unknown(place, unknown, "it could not be restored"),
            }
            return;
        }
        match &step.act {
            Act::Command(_) => self.attempt(place),
            Act::Pause(ms) => {
                let over = state.forward.since.saturating_add_us(us(*ms));
                if self.past(over) {
                    self.acted(place, step.confirm.as_ref(), over);
                }
            }
            Act::Until(wanted) => {
                let by = state.forward.since.saturating_add_us(us(wanted.timeout_ms));
                match self.seen.holds(&wanted.state) {
                    Some(true) => self.acted(place, step.confirm.as_ref(), by),
                    _ => self.wait_for(place, &wanted.state, by, "it did not come to be"),
                }
            }
            Act::Nothing => self.acted(place, step.confirm.as_ref(), state.forward.since),
        }
    }

    /// A step without a command is done when what it must show is seen.
    fn acted(&mut self, place: usize, confirm: Option<&Await>, from: Timestamp) {
        match confirm {
            Some(wanted) if self.seen.holds(&wanted.state) != Some(true) => {
                let by = from.saturating_add_us(us(wanted.timeout_ms));
                self.wait_for(place, &wanted.state, by, "it was not seen in time");
            }
            Some(wanted) => self.ended(place, Ended::Confirmed, &format!("{} is seen", wanted.state)),
            None => self.ended(place, Ended::Confirmed, ""),
        }
    }

    fn wait_for(&mut self, place: usize, wanted: &StateMatch, by: Timestamp, missed: &str) {
        if self.past(by) {
            let text = format!("{wanted}: {missed}, {}", self.now_is(wanted));
            self.ended(place, Ended::Failed, &text);
        } else {
            self.watch(place, wanted);
        }
    }

    /// A value that nobody knows is waited for as long as an attempt may take.
    fn unknown(&mut self, place: usize, state: &StateMatch, so: &str) {
        let timeout = us(self.progress.of_plan(place).timeout_ms);
        let by = self.progress.steps[place].forward.since.saturating_add_us(timeout);
        if self.past(by) {
            self.ended(place, Ended::Failed, &format!("nobody knows {}: {so}", key(state)));
        } else {
            self.watch(place, state);
        }
    }

    pub(super) fn now_is(&self, wanted: &StateMatch) -> String {
        self.seen.get(wanted).map_or("nobody knows what it is".into(), |value| format!("it is {value}"))
    }

    /// Have its guardians agreed? If not, they are asked.
    fn may_act(&mut self, place: usize) -> bool {
        let progress = self.progress;
        let state = &progress.steps[place];
        let refused = progress.of_plan(place).guard.as_ref().and_then(|guard| state.votes.refused(guard));
        if let Some(why) = refused {
            self.ended(place, Ended::Failed, &why);
            return false;
        }
        let approved = progress.is_approved(place, self.now);
        if !approved {
            self.note("approval", number(place), Note::AwaitsApproval { step: number(place) }, None);
        }
        approved
    }

    /// Sends the command, for the first time or again.
    fn attempt(&mut self, place: usize) {
        let Some(call) = self.progress.of_plan(place).call() else { return };
        if self.progress.steps[place].forward.tries > 0 && !self.may_act(place) {
            return;
        }
        match self.progress.arguments(place, call) {
            Ok(args) => self.send(place, Phase::Do, 0, args),
            Err(why) => self.ended(place, Ended::Failed, &why),
        }
    }

    /// The command is over: is its effect seen?
    fn look(&mut self, place: usize, until: Timestamp) {
        let progress = self.progress;
        let line = &progress.steps[place].forward;
        let Some(wanted) = &progress.of_plan(place).confirm else { return };
        if self.seen.holds(&wanted.state) == Some(true) {
            if !line.sure && !self.past(line.since.saturating_add_us(BEHIND_US)) {
                return;
            }
            let though = if line.sure { "" } else { ", though the result of the command is not known" };
            return self.ended(place, Ended::Confirmed, &format!("{} is seen{though}", wanted.state));
        }
        self.watch(place, &wanted.state);
        if !self.past(until) {
            return;
        }
        let rule = progress.rule_forward(place);
        if rule.repeats(line.tries, line.doubt) && progress.course == Course::Forward {
            if self.past(until.saturating_add_us(rule.pause_us(line.tries))) {
                self.attempt(place);
            }
            return;
        }
        let (ended, was) = if line.sure {
            (Ended::Failed, "it was sent and answered".to_string())
        } else {
            (Ended::Indeterminate, format!("nobody knows whether it happened: {}", line.text))
        };
        let text = format!("{} is not seen, {}; {was}", wanted.state, self.now_is(&wanted.state));
        self.ended(place, ended, &text);
    }
}
