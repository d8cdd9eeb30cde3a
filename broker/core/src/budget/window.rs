//! Windows of budgets. Where they begin and end depends on time zones, whose rules change from machine to machine: the
//! broker computes them outside, the log records them, and only their plausibility is checked here.

use if_schemas::{Timestamp, finance::Period};
use serde::{Deserialize, Serialize};

/// From `start` to before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    pub start: Timestamp,
    pub end: Timestamp,
}

impl Window {
    pub fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }

    /// May it follow `last` at `at`?
    pub(super) fn check(&self, period: Period, last: Option<Window>, at: Timestamp) -> Result<(), &'static str> {
        if !self.contains(at) {
            return Err("a window of a budget does not contain its beginning's time");
        }
        if self.end.since_us(self.start) > period.max_us() {
            return Err("a window of a budget is longer than its period");
        }
        if last.is_some_and(|last| self.start < last.end) {
            return Err("a window of a budget begins before the last one ended");
        }
        Ok(())
    }
}
