//! The brain of a run. Pure: no IO, no clock, no randomness, no async.
//!
//! [`Progress`] folds what the log says about one run; [`Progress::next`] says what to do now. A [`Doing`] is given again
//! until a [`Fact`] shows it, under the same id: whoever drives a run may be killed between any two calls.
//!
//! # What the driver does
//! - Facts come in the order of the log, none is left out. All of them are folded before `next` is asked.
//! - It submits what [`Doing`] names and asks again when a fact comes, a watched value changes or the time is there. What
//!   is submitted and not yet answered is not submitted a second time: [`Doing::id`] tells. No note on a step is made while
//!   a command of that step is on its way, and none on the run while any is: [`Doing::step`]. A submission that fails or
//!   times out is made again, later, under the same id.
//! - `now` is the broker's time as well as it is known: every pause and time limit begins at the time of a log entry.
//!
//! # What the core does
//! It refuses
//! - a `once` command after one that succeeded or may have, and a command of a step that has one in flight;
//! - a command whose guardians have not agreed, or whose votes no longer count;
//! - a command of a step after the note that the step is over, or back that it is undone;
//! - a command forward after [`Cancel`](if_schemas::RunOp::Cancel) or [`Undoing`](if_schemas::run::Note::Undoing), and
//!   anything after [`Closed`](if_schemas::run::Note::Closed);
//! - `Closed` and `Undoing` while a command of the run is in flight;
//! - a note issued before the run was last resumed or asked to be undone, and `Closed` and `Undoing` issued before it was
//!   last cancelled, taken over or began to be undone.
//!
//! # Rules
//! - A step begins when all it comes after are over: `needs`, and the steps its conditions and arguments look at. A step
//!   that was skipped, or failed with `on_failure: continue`, is over like one that was done. A failure with `stop` or
//!   `rollback` ends the run: what is in flight is waited for, nothing begins.
//! - A step holds one of the places (`concurrency`) from its beginning to its end, pauses between attempts included, but not
//!   while it waits for guardians. In a rollback the same number of undos go on at once.
//! - A state that must hold may be seen late: it counts as long as nobody has noted that it was not seen in time.
//! - A command whose result nobody knows is looked at, where the step says what must be seen, and repeated where repeating
//!   is harmless. A `once` command that may have happened is never sent again, whoever asks.
//! - What must be restored is recorded before the step; what nobody knows cannot be, and the step fails before it acts.

mod course;
mod doing;
mod draw;
mod fact;
mod fold;
mod graph;
mod history;
mod ids;
mod line;
mod next;
mod report;
mod resolve;
mod seen;
mod settle;
mod undo;
mod view;
mod votes;

pub use doing::{Doing, Given};
pub use draw::{mermaid, svg};
pub use fact::{Fact, What, order_of};
pub use fold::Progress;
pub use history::{History, HistoryError, Read, open};
pub use ids::command_id;
pub use report::Report;
pub use seen::{Seen, watched};
pub use view::{StepView, Viewed};

/// Counts steps that are looked at, for the tests that bound the work.
#[cfg(test)]
fn looked() {
    tests::LOOKED.with(|count| count.set(count.get() + 1));
}

#[cfg(not(test))]
fn looked() {}

#[cfg(test)]
mod tests;
