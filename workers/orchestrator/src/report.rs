//! What was done and what was not, for people.

use crate::{
    fold::{Back, Progress},
    line::Stage,
};
use if_schemas::{
    plan::{Ended, Undo},
    run::Outcome,
};

/// Of a reason inside a list, bytes.
const REASON_MAX_BYTES: usize = 200;
/// Kept free for the end of a list that did not fit, bytes.
const MORE_BYTES: usize = 24;

/// Steps by what became of them, by id and in the order of the plan; reasons where there are some.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Done, and still so.
    pub done: Vec<String>,
    pub failed: Vec<(String, String)>,
    /// Nobody knows whether they happened.
    pub indeterminate: Vec<(String, String)>,
    pub skipped: Vec<(String, String)>,
    pub not_begun: Vec<String>,
    /// Begun and not over.
    pub under_way: Vec<String>,
    pub undone: Vec<String>,
    pub not_undone: Vec<(String, String)>,
}

impl Report {
    pub fn of(progress: &Progress) -> Self {
        let mut report = Self::default();
        for (step, state) in progress.plan.steps.iter().zip(&progress.steps) {
            let id = || step.id.clone();
            let with = || (step.id.clone(), state.forward.text.clone());
            let happened = state.forward.doubt && !matches!(step.undo, Undo::Needless);
            let undone = state.back.stage == Stage::Over(Back::Undone);
            let not_undone = !undone && happened && progress.is_to_be_undone();
            match state.forward.stage {
                Stage::Pending | Stage::Queued | Stage::Awaiting => report.not_begun.push(id()),
                // It has a place, and nothing of it was sent.
                Stage::Begun if step.call().is_some() && state.forward.tries == 0 => report.not_begun.push(id()),
                Stage::Begun | Stage::Running | Stage::Pausing(_) | Stage::Looking(_) => report.under_way.push(id()),
                Stage::Over(Ended::Confirmed) if undone || not_undone => {}
                Stage::Over(Ended::Confirmed) => report.done.push(id()),
                Stage::Over(Ended::Failed) => report.failed.push(with()),
                Stage::Over(Ended::Indeterminate) => report.indeterminate.push(with()),
                Stage::Over(Ended::Skipped) => report.skipped.push(with()),
            }
            if undone {
                report.undone.push(id());
            }
            if not_undone {
                report.not_undone.push((id(), state.back.text.clone()));
            }
        }
        report
    }

    /// One text of at most `limit` bytes. What went wrong comes first.
    pub fn text(&self, outcome: Outcome, why: &str, limit: usize) -> String {
        let mut text = Text { out: String::new(), limit };
        text.add(match outcome {
            Outcome::Succeeded => "everything that was to be done is done",
            Outcome::Failed => "it stopped, what was done stays",
            Outcome::Cancelled => "cancelled, what was done stays",
            Outcome::RolledBack => "undone",
            Outcome::RollbackIncomplete => "not everything is undone",
            Outcome::Expired => "its time was over, what was done stays",
            Outcome::Preempted => "taken over, what was done stays",
        });
        let reason = !matches!(outcome, Outcome::Succeeded | Outcome::Cancelled) && !why.is_empty();
        if reason {
            text.add(&format!(", because {}", cut(why, REASON_MAX_BYTES)));
        }
        text.list("not undone", self.not_undone.iter().map(|(id, why)| with_reason(id, why)));
        text.list("failed", self.failed.iter().map(|(id, why)| with_reason(id, why)));
        text.list("may have happened", self.indeterminate.iter().map(|(id, why)| with_reason(id, why)));
        text.list("undone", self.undone.iter().cloned());
        text.list("under way", self.under_way.iter().cloned());
        text.list("done", self.done.iter().cloned());
        text.list("skipped", self.skipped.iter().map(|(id, _)| id.clone()));
        text.list("not begun", self.not_begun.iter().cloned());
        text.out
    }
}

fn with_reason(id: &str, why: &str) -> String {
    if why.is_empty() { id.to_string() } else { format!("{id} ({})", cut(why, REASON_MAX_BYTES)) }
}

struct Text {
    out: String,
    limit: usize,
}

impl Text {
    fn add(&mut self, text: &str) {
        let room = self.limit.saturating_sub(self.out.len());
        self.out.push_str(&cut(text, room));
    }

    /// `; head: a, b and 3 more`. How many there are is said even where the room is not enough for all.
    fn list(&mut self, head: &str, items: impl ExactSizeIterator<Item = String>) {
        let count = items.len();
        if count == 0 {
            return;
        }
        let room = self.limit.saturating_sub(MORE_BYTES);
        let begin = format!("; {head}: ");
        if self.out.len() + begin.len() > room {
            return self.add(&format!("; {head}: {count}"));
        }
        self.out.push_str(&begin);
        for (number, item) in items.enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            if self.out.len() + comma.len() + item.len() > room {
                let and = if number == 0 { "" } else { " and " };
                return self.add(&format!("{and}{} more", count - number));
            }
            self.out.push_str(comma);
            self.out.push_str(&item);
        }
    }
}

/// At most `limit` bytes of `text`, with a sign where some are missing.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    const SIGN: &str = "…";
    if text.len() <= limit {
        return text.to_string();
    }
    let mut end = limit.saturating_sub(SIGN.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let sign = if limit < SIGN.len() { "" } else { SIGN };
    format!("{}{sign}", &text[..end])
}
