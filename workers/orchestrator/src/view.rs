//! What a run looks like, for display.

use crate::{
    fold::{Back, Course, Progress},
    line::{Line, Stage},
};
use if_schemas::{Money, Timestamp, plan::Ended};
use serde::Serialize;

/// Where a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Viewed {
    /// Others come first, or the run ended before its turn.
    Pending,
    /// For a place, or for the next attempt.
    Waiting,
    AwaitingApproval,
    Running,
    /// Its command is over, its effect is not seen yet.
    Confirming,
    Confirmed,
    Failed,
    Indeterminate,
    Skipped,
    Undoing,
    Undone,
    NotUndone,
}

impl Viewed {
    pub fn as_str(self) -> &'static str {
        match self {
            Viewed::Pending => "pending",
            Viewed::Waiting => "waiting",
            Viewed::AwaitingApproval => "awaiting approval",
            Viewed::Running => "running",
            Viewed::Confirming => "confirming",
            Viewed::Confirmed => "confirmed",
            Viewed::Failed => "failed",
            Viewed::Indeterminate => "indeterminate",
            Viewed::Skipped => "skipped",
            Viewed::Undoing => "undoing",
            Viewed::Undone => "undone",
            Viewed::NotUndone => "not undone",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepView {
    pub id: String,
    pub state: Viewed,
    /// Of the state; none where nothing has happened to it.
    pub since: Option<Timestamp>,
    pub began: Option<Timestamp>,
    /// Microseconds from the start of the run to its beginning, and from there to its end.
    pub began_after_us: Option<i64>,
    pub took_us: Option<i64>,
    /// Commands it sent, those back included.
    pub attempts: u32,
    /// One amount for each currency; none where nothing was spent.
    pub cost: Vec<Money>,
    pub text: String,
}

impl Progress {
    /// One for each step, in the order of the plan.
    pub fn views(&self) -> Vec<StepView> {
        (0..self.steps.len()).map(|place| self.view(place)).collect()
    }

    fn view(&self, place: usize) -> StepView {
        let state = &self.steps[place];
        let (viewed, since, text) = match back(&state.back) {
            Some(viewed) => (viewed, state.back.since, &state.back.text),
            None => (forward(&state.forward), state.forward.since, &state.forward.text),
        };
        let since = (since != Timestamp::default()).then_some(since);
        let began = state.forward.began;
        let over = matches!(state.forward.stage, Stage::Over(_)).then_some(state.forward.since);
        StepView {
            id: self.of_plan(place).id.clone(),
            state: viewed,
            since,
            began,
            began_after_us: began.zip(self.started).map(|(began, started)| began.since_us(started)),
            took_us: began.zip(over).map(|(began, over)| over.since_us(began)),
            attempts: crate::line::number(state.forward.ids.len() + state.back.ids.len()),
            cost: state.cost.clone(),
            text: text.clone(),
        }
    }

    /// When the run started and, where it has ended, when that was.
    pub fn times(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        (self.started, self.closed_at)
    }

    /// What everything together cost so far, one amount for each currency.
    pub fn cost(&self) -> Vec<Money> {
        let mut sum = Vec::new();
        for cost in self.steps.iter().flat_map(|state| &state.cost) {
            crate::settle::add(&mut sum, *cost);
        }
        sum
    }

    /// It waits for the targets it writes to, which another run has.
    pub fn waits_for_targets(&self) -> bool {
        !self.granted && !matches!(self.course, Course::Closed { .. })
    }
}

/// None: there is no way back to be shown.
fn back(line: &Line<Back>) -> Option<Viewed> {
    match line.stage {
        Stage::Pending | Stage::Over(Back::Nothing) => None,
        Stage::Over(Back::Undone) => Some(Viewed::Undone),
        Stage::Over(Back::Not) => Some(Viewed::NotUndone),
        _ => Some(Viewed::Undoing),
    }
}

fn forward(line: &Line<Ended>) -> Viewed {
    match line.stage {
        Stage::Pending => Viewed::Pending,
        Stage::Queued | Stage::Pausing(_) => Viewed::Waiting,
        Stage::Awaiting => Viewed::AwaitingApproval,
        Stage::Begun | Stage::Running => Viewed::Running,
        Stage::Looking(_) => Viewed::Confirming,
        Stage::Over(Ended::Confirmed) => Viewed::Confirmed,
        Stage::Over(Ended::Failed) => Viewed::Failed,
        Stage::Over(Ended::Indeterminate) => Viewed::Indeterminate,
        Stage::Over(Ended::Skipped) => Viewed::Skipped,
    }
}
