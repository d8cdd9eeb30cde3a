//! What to do now.

mod back;
mod forward;

use crate::{
    doing::{Doing, Given},
    fold::{Cause, Course, Progress},
    ids::{command_id, note_id},
    line::us,
    report::{Report, cut},
    seen::Seen,
};
use if_schemas::{
    StateMatch, Timestamp,
    limits::RUN_TEXT_MAX_BYTES,
    plan::{Ended, Phase},
    run::{Facts, Note, Outcome},
};

/// How far live state may be behind what happened, microseconds. Where no result says that a command worked, what is seen
/// counts only after that.
const BEHIND_US: i64 = 1_000_000;

/// Gathers what is to be done; of all times to wake only the earliest.
struct Todo<'a> {
    progress: &'a Progress,
    now: Timestamp,
    seen: &'a Seen,
    doings: Vec<Doing>,
    wake: Timestamp,
}

impl Progress {
    /// Everything that is to be done at `now`. Nothing: wait for a fact.
    pub fn next(&self, now: Timestamp, seen: &Seen) -> Vec<Doing> {
        if self.started.is_none() || self.closed().is_some() {
            return Vec::new();
        }
        let mut todo = Todo { progress: self, now, seen, doings: Vec::new(), wake: self.order.until };
        let expired = now >= self.order.until;
        match &self.course {
            _ if expired => todo.close_when_quiet(),
            Course::Forward if !self.granted => {}
            Course::Forward if self.open == 0 => todo.close_when_quiet(),
            Course::Forward => todo.each(Todo::forward),
            Course::Ending { undo: true, .. } => todo.undo_when_quiet(),
            Course::Ending { .. } if self.active.is_empty() => todo.close_when_quiet(),
            Course::Ending { .. } => todo.each(Todo::forward),
            Course::Undoing if self.open_back == 0 => todo.close_when_quiet(),
            Course::Undoing => todo.each(Todo::back),
            Course::Closed { .. } => {}
        }
        if !expired {
            todo.doings.push(Doing::WakeAt(todo.wake));
        }
        todo.doings
    }

    /// How it ends if it ends now.
    fn outcome(&self, expired: bool) -> Outcome {
        if self.is_to_be_undone() {
            let complete =
                self.course == Course::Undoing && self.open_back == 0 && Report::of(self).not_undone.is_empty();
            return if complete { Outcome::RolledBack } else { Outcome::RollbackIncomplete };
        }
        match &self.course {
            Course::Ending { cause: Cause::Failed { .. }, .. } => Outcome::Failed,
            Course::Ending { cause: Cause::Preempted(_), .. } => Outcome::Preempted,
            Course::Ending { .. } => Outcome::Cancelled,
            _ if self.open == 0 => Outcome::Succeeded,
            _ if expired => Outcome::Expired,
            _ => Outcome::Failed,
        }
    }

    /// It is being undone, was, or will be.
    pub(crate) fn is_to_be_undone(&self) -> bool {
        self.undo_why.is_some() || matches!(self.course, Course::Ending { undo: true, .. })
    }

    /// Why the run ends, in words.
    pub(crate) fn why_ending(&self) -> String {
        match &self.course {
            Course::Ending { cause: Cause::Failed { place, why }, .. } => {
                format!("{} failed: {why}", self.of_plan(*place).id)
            }
            Course::Ending { cause: Cause::Cancelled, .. } => "it was cancelled".into(),
            Course::Ending { cause: Cause::Preempted(by), .. } => format!("run {by} took its place"),
            Course::Ending { cause: Cause::Asked, .. } => "the operator wants it undone".into(),
            _ => self.undo_why.clone().unwrap_or_default(),
        }
    }
}

impl<'a> Todo<'a> {
    fn each(&mut self, one: fn(&mut Self, usize)) {
        for place in &self.progress.active {
            crate::looked();
            one(self, *place);
        }
    }

    /// Has that time come? If not, it is woken then.
    fn past(&mut self, at: Timestamp) -> bool {
        if self.now < at {
            self.wake = self.wake.min(at);
        }
        self.now >= at
    }

    fn watch(&mut self, place: usize, state: &StateMatch) {
        self.doings.push(Doing::Watch { step: number(place), state: state.clone() });
    }

    fn close_when_quiet(&mut self) {
        let progress = self.progress;
        if progress.flights.is_empty() {
            let outcome = progress.outcome(self.now >= progress.order.until);
            let text = Report::of(progress).text(outcome, &progress.why_ending(), RUN_TEXT_MAX_BYTES);
            self.note_run("closed", Note::Closed { outcome, text });
        }
    }

    fn undo_when_quiet(&mut self) {
        let progress = self.progress;
        if progress.granted && progress.flights.is_empty() {
            let why = cut(&progress.why_ending(), RUN_TEXT_MAX_BYTES);
            self.note_run("undoing", Note::Undoing { why });
        }
    }

    fn ended(&mut self, place: usize, ended: Ended, text: &str) {
        let step = number(place);
        self.note("ended", step, Note::Ended { step, ended, text: cut(text, RUN_TEXT_MAX_BYTES) }, None);
    }

    fn note(&mut self, kind: &str, step: u32, note: Note, facts: Option<Facts>) {
        let progress = self.progress;
        let of_step = usize::try_from(step).ok().and_then(|place| progress.steps.get(place));
        let asked = of_step.map_or(0, |state| state.asked);
        let sent = of_step.map_or(0, |state| state.forward.ids.len() + state.back.ids.len());
        let counts = [progress.epoch, progress.refused_notes, asked, crate::line::number(sent)];
        self.doings.push(Doing::Note { id: note_id(progress.run, kind, step, counts), note, facts });
    }

    /// A note on the whole run. Refused while a command is in flight, it is another one after that.
    fn note_run(&mut self, kind: &str, note: Note) {
        let progress = self.progress;
        let counts = [progress.epoch, progress.refused_notes, progress.settled, 0];
        self.doings.push(Doing::Note { id: note_id(progress.run, kind, 0, counts), note, facts: None });
    }

    fn send(&mut self, place: usize, phase: Phase, way: u16, args: Given) {
        let progress = self.progress;
        let state = &progress.steps[place];
        let sent = match phase {
            Phase::Do => state.forward.ids.len(),
            Phase::Undo => state.back.ids.len(),
        };
        let step = number(place);
        let id = command_id(progress.run, step, phase, crate::line::number(sent));
        let timeout = us(progress.of_plan(place).timeout_ms);
        let deadline = self.now.saturating_add_us(timeout).min(progress.order.until);
        self.doings.push(Doing::Send { id, step, phase, way, args, deadline });
    }
}

fn number(place: usize) -> u32 {
    crate::line::number(place)
}
