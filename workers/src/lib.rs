//! A worker node: the runtime around adapters. Takes signed work from the queue, checks it against its own view of who
//! is trusted, executes it at most once, and reports a signed result until the broker has it. What an adapter cannot
//! forget, because it never does it: deadlines, journaling, results, costs, presence.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod attempt;
mod catalog;
pub mod clock;
mod events;
pub mod execute;
pub mod inbox;
pub mod instances;
pub mod intake;
mod job;
pub mod manifests;
mod metrics;
mod node;
mod presence;
mod queue;
mod registry;
mod report;
pub mod route;
mod run;
mod runs;
pub mod secrets;
pub mod session;
mod state;
mod stats;
mod submit;
pub mod tariff;
mod triggers;
pub mod trust;

pub use run::{WorkerError, WorkerOptions, check, run};
