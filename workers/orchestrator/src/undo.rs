//! The way back: steps that happened, or may have, are undone, each after all that came after it.

use crate::{
    fold::{Back, Course, Progress},
    line::{Stage, Verdict, number},
    resolve::WayBack,
};
use if_schemas::{Effect, Target, Timestamp, plan::Undo};
use std::{collections::BTreeSet, sync::Arc};

/// What ways back touch: known values where states are restored, whole instances where a command of its own does it.
#[derive(Default)]
struct Touched<'a> {
    values: BTreeSet<(&'a Target, &'a str)>,
    /// Instances of the values.
    around: BTreeSet<&'a Target>,
    instances: BTreeSet<&'a Target>,
}

impl<'a> Touched<'a> {
    fn add(&mut self, undo: &'a Undo) {
        match undo {
            Undo::Restore(restore) => {
                self.values.extend(restore.record.iter().map(|of| (&of.target, of.path.as_str())));
                self.around.extend(restore.record.iter().map(|of| &of.target));
            }
            Undo::Call(call) => {
                self.instances.insert(&call.target);
            }
            Undo::Impossible(_) | Undo::Needless => {}
        }
    }

    fn meets(&self, undo: &Undo) -> bool {
        match undo {
            Undo::Restore(restore) => restore
                .record
                .iter()
                .any(|of| self.values.contains(&(&of.target, of.path.as_str())) || self.instances.contains(&of.target)),
            Undo::Call(call) => self.around.contains(&call.target) || self.instances.contains(&call.target),
            Undo::Impossible(_) | Undo::Needless => false,
        }
    }
}

impl Progress {
    pub(crate) fn begin_undo(&mut self, why: &str, at: Timestamp) {
        if matches!(self.course, Course::Undoing | Course::Closed { .. }) {
            return;
        }
        self.course = Course::Undoing;
        self.undo_why = Some(why.to_string());
        for place in 0..self.steps.len() {
            self.quiet(place, at);
        }
        self.queue.clear();
        self.open_back = self.steps.len();
        let graph = Arc::clone(&self.graph);
        let again = self.undone_again();
        for (place, state) in self.steps.iter_mut().enumerate() {
            state.released_back = false;
            state.back.waits = number(graph.after[place].len());
            if state.back.stage != Stage::Over(Back::Undone) || again[place] {
                state.back.tries = 0;
                state.back.go(Stage::Pending, at);
            }
        }
        self.freed = (0..self.steps.len()).filter(|place| graph.after[*place].is_empty()).collect();
    }

    /// Steps undone by an earlier rollback, before one that is undone only now and touches the same: its state is the one
    /// they had left, so they have to be undone once more.
    fn undone_again(&self) -> Vec<bool> {
        let mut again = vec![false; self.steps.len()];
        let mut touched = Touched::default();
        for (place, state) in self.steps.iter().enumerate().rev() {
            let undo = &self.of_plan(place).undo;
            let undone = state.back.stage == Stage::Over(Back::Undone);
            again[place] = undone && touched.meets(undo);
            if state.forward.doubt && (!undone || again[place]) {
                touched.add(undo);
            }
        }
        again
    }

    pub(crate) fn advance_back(&mut self, at: Timestamp) {
        while let Some(place) = self.freed.pop() {
            self.turn_back(place, at);
        }
        while self.active.len() < usize::from(self.plan.concurrency) {
            // The last first.
            let Some(place) = self.queue.pop_last() else { return };
            self.active.insert(place);
            let back = &mut self.steps[place].back;
            back.began.get_or_insert(at);
            back.go(Stage::Begun, at);
        }
    }

    fn turn_back(&mut self, place: usize, at: Timestamp) {
        crate::looked();
        let needless = matches!(self.of_plan(place).undo, Undo::Needless);
        let state = &mut self.steps[place];
        // A command forward is still in flight: its result brings the step here again.
        if state.back.waits > 0 || !state.forward.flights.is_empty() || state.released_back {
            return;
        }
        match state.back.stage {
            Stage::Pending if state.forward.doubt && !needless => {
                state.back.go(Stage::Queued, at);
                self.queue.insert(place);
            }
            Stage::Pending => self.end_back(place, Back::Nothing, "", at),
            Stage::Over(_) => self.release_back(place),
            _ => {}
        }
    }

    fn end_back(&mut self, place: usize, how: Back, text: &str, at: Timestamp) {
        let back = &mut self.steps[place].back;
        back.go(Stage::Over(how), at);
        back.text = text.to_string();
        self.active.remove(&place);
        self.queue.remove(&place);
        self.release_back(place);
    }

    fn release_back(&mut self, place: usize) {
        if std::mem::replace(&mut self.steps[place].released_back, true) {
            return;
        }
        self.open_back = self.open_back.saturating_sub(1);
        let graph = Arc::clone(&self.graph);
        for before in &graph.before[place] {
            let waits = &mut self.steps[*before].back.waits;
            *waits = waits.saturating_sub(1);
            if *waits == 0 {
                self.freed.push(*before);
            }
        }
    }

    pub(crate) fn judged_back(&mut self, place: usize, verdict: Verdict, text: String, at: Timestamp) {
        let back = &mut self.steps[place].back;
        match verdict {
            Verdict::Good => self.end_back(place, Back::Undone, &text, at),
            Verdict::Bad => self.end_back(place, Back::Not, &text, at),
            Verdict::Unknown => {
                self.end_back(place, Back::Not, &format!("nobody knows whether it is undone: {text}"), at)
            }
            Verdict::Look(until) => {
                back.text = text;
                back.go(Stage::Looking(until), at);
            }
            Verdict::Pause(until) => {
                back.text = text;
                back.go(Stage::Pausing(until), at);
            }
        }
        self.quiet(place, at);
    }

    pub(crate) fn note_undone(&mut self, step: u32, undone: bool, text: &str, at: Timestamp) {
        let undoing = self.undo_why.is_some();
        let Some((place, state)) = self.step(step) else { return };
        let fits = matches!(state.back.stage, Stage::Begun | Stage::Pausing(_) | Stage::Looking(_) | Stage::Pending);
        if fits && undoing && state.back.flights.is_empty() {
            self.end_back(place, if undone { Back::Undone } else { Back::Not }, text, at);
        }
    }

    /// What the command back does, and how long its effect is waited for, milliseconds.
    pub(crate) fn undo_rule(&self, place: usize) -> (Effect, Option<u64>) {
        let step = self.of_plan(place);
        let looks = matches!(step.undo, Undo::Restore(_)).then(|| self.restore_ms(place));
        match self.way_back(place) {
            Ok(WayBack::Call { call, .. }) => (call.effect, looks),
            _ => (Effect::Once, looks),
        }
    }

    /// How long a restored state is waited for, milliseconds: no shorter than the step's own confirmation.
    pub(crate) fn restore_ms(&self, place: usize) -> u64 {
        let step = self.of_plan(place);
        step.confirm.as_ref().map_or(0, |wanted| wanted.timeout_ms).max(step.timeout_ms)
    }
}
