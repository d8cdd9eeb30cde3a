//! A step that holds a place, on its way back.

use super::{BEHIND_US, Todo, number};
use crate::{
    line::{Stage, us},
    resolve::WayBack,
};
use if_schemas::{
    Effect, StateMatch, Timestamp,
    limits::RUN_TEXT_MAX_BYTES,
    plan::{Phase, Undo},
    run::Note,
};

impl Todo<'_> {
    pub(super) fn back(&mut self, place: usize) {
        let line = &self.progress.steps[place].back;
        match line.stage {
            Stage::Begun => self.begin_back(place, line.since),
            Stage::Pausing(until) if self.past(until) => self.begin_back(place, line.since),
            Stage::Looking(until) => self.look_back(place, until, true),
            _ => {}
        }
    }

    fn begin_back(&mut self, place: usize, since: Timestamp) {
        let progress = self.progress;
        let state = &progress.steps[place];
        let (way, call) = match progress.way_back(place) {
            Ok(WayBack::Call { way, call }) => (way, call),
            Ok(WayBack::Wait) => {
                let by = since.saturating_add_us(us(progress.restore_ms(place)));
                return self.look_back(place, by, false);
            }
            Err(why) => return self.undone(place, false, &why),
        };
        // What must not happen twice is not set off where it may not be needed.
        let careful = call.effect == Effect::Once && (!state.forward.sure || state.back.doubt);
        if careful && !self.record(place).is_empty() && self.differs(place).is_none() {
            if self.past(since.saturating_add_us(BEHIND_US)) {
                self.undone(place, true, "it is as it was");
            }
            return;
        }
        if call.effect == Effect::Once && state.back.doubt {
            return self.undone(place, false, "its way back may have happened already and must not happen twice");
        }
        match progress.arguments(place, call) {
            Ok(args) => self.send(place, Phase::Undo, way, args),
            Err(why) => self.undone(place, false, &why),
        }
    }

    /// Is the recorded state there again?
    fn look_back(&mut self, place: usize, until: Timestamp, sent: bool) {
        let progress = self.progress;
        let line = &progress.steps[place].back;
        let Some(differs) = self.differs(place) else {
            if line.sure || self.past(line.since.saturating_add_us(BEHIND_US)) {
                self.undone(place, true, "it is seen to be as it was");
            }
            return;
        };
        let record = self.record(place).to_vec();
        for state in &record {
            self.watch(place, state);
        }
        if !self.past(until) {
            return;
        }
        let rule = progress.rule_back(place);
        if sent && rule.repeats(line.tries, line.doubt) {
            if self.past(until.saturating_add_us(rule.pause_us(line.tries))) {
                self.begin_back(place, line.since);
            }
            return;
        }
        self.undone(place, false, &differs);
    }

    fn record(&self, place: usize) -> &[StateMatch] {
        match &self.progress.of_plan(place).undo {
            Undo::Restore(restore) => &restore.record,
            _ => &[],
        }
    }

    fn differs(&self, place: usize) -> Option<String> {
        let recorded = self.progress.steps[place].recorded.as_ref();
        recorded.and_then(|recorded| self.seen.differs(self.record(place), recorded))
    }

    fn undone(&mut self, place: usize, undone: bool, text: &str) {
        let step = number(place);
        let text = crate::report::cut(text, RUN_TEXT_MAX_BYTES);
        self.note("undone", step, Note::Undone { step, undone, text }, None);
    }
}
