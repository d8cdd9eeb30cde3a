//! When a rule fires: at the moment something becomes true, never because it was so when the looking began.

use serde_json::Value;
use std::{collections::VecDeque, time::Duration};
use tokio::time::Instant;

/// More firings than this within [`RUNAWAY_WINDOW`] are not meant.
pub const RUNAWAY_FIRINGS: usize = 20;
pub const RUNAWAY_WINDOW: Duration = Duration::from_secs(10);

/// What a rule sees at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Sight {
    pub value: Value,
    /// Whether the test holds; none where every change counts.
    pub holds: Option<bool>,
}

/// Something came true.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub now: Value,
    pub before: Value,
}

/// What to do next.
#[derive(Debug, Default, PartialEq)]
pub struct Step {
    pub fire: Option<Change>,
    /// When to look again even if nothing changes.
    pub wake: Option<Instant>,
}

/// One rule's memory.
#[derive(Debug)]
pub struct Edge {
    debounce: Duration,
    cooldown: Duration,
    /// None while nobody knows: what comes after that is where the looking begins anew.
    known: Option<Sight>,
    due: Option<(Instant, Change)>,
    /// Times of the newest firings.
    fired: VecDeque<Instant>,
}

impl Edge {
    pub fn new(debounce: Duration, cooldown: Duration) -> Self {
        Self { debounce, cooldown, known: None, due: None, fired: VecDeque::new() }
    }

    /// `seen` is none while the instance is not connected or its values are old.
    pub fn look(&mut self, now: Instant, seen: Option<Sight>) -> Step {
        match (self.known.take(), &seen) {
            (None, _) | (_, None) => self.due = None,
            (Some(before), Some(sight)) => {
                let turned = match sight.holds {
                    Some(holds) => before.holds != Some(holds),
                    None => before.value != sight.value,
                };
                let change = || Change { now: sight.value.clone(), before: before.value.clone() };
                match (turned, sight.holds) {
                    (true, Some(false)) => self.due = None,
                    (true, _) => self.due = Some((now + self.debounce, change())),
                    (false, _) => {}
                }
            }
        }
        self.known = seen;
        self.step(now)
    }

    /// Something happened that has no state to stay in.
    pub fn strike(&mut self, now: Instant, change: Change) -> Step {
        self.due = Some((now + self.debounce, change));
        self.step(now)
    }

    /// The time has come, or not.
    pub fn step(&mut self, now: Instant) -> Step {
        match self.due.take() {
            Some((at, change)) if at <= now => {
                let resting = self.fired.back().is_some_and(|last| now < *last + self.cooldown);
                if resting {
                    return Step::default();
                }
                self.fired.push_back(now);
                while self.fired.len() > RUNAWAY_FIRINGS + 1 {
                    self.fired.pop_front();
                }
                Step { fire: Some(change), wake: None }
            }
            due => {
                let wake = due.as_ref().map(|(at, _)| *at);
                self.due = due;
                Step { fire: None, wake }
            }
        }
    }

    /// It has seen something that what comes next can be compared with.
    pub fn knows(&self) -> bool {
        self.known.is_some()
    }

    /// It fires more often than anybody can mean.
    pub fn is_runaway(&self, now: Instant) -> bool {
        self.fired.len() > RUNAWAY_FIRINGS && self.fired.front().is_some_and(|first| *first + RUNAWAY_WINDOW > now)
    }
}

#[cfg(test)]
#[path = "edge_tests.rs"]
mod tests;
