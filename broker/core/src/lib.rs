//! The broker's heart: a pure state machine over the log.
//!
//! `Verified*` types prove a signature, [`decide`] says what an input becomes, [`State::apply`] folds an entry.
//! Time, presence, prices and what the log already holds arrive in [`Input`]; nothing here has IO, a clock or randomness.

mod admission;
pub mod audit;
mod book;
pub mod budget;
mod decide;
mod finance;
mod guards;
mod ledger;
mod pricing;
mod runs;
mod settlement;
mod state;
pub mod verify;

pub use audit::{Auditor, Damage, SignatureBatch};
pub use book::{Book, SetPrice};
pub use budget::{Account, Budgets, Stale, Window};
pub use decide::{Action, Asked, Decision, Input, Prior, Served, decide};
pub use ledger::{Ledger, LedgerError};
pub use pricing::{Metered, Pricing};
pub use runs::{Cast, Mark, Run, Runs, Standing};
pub use state::{ApplyError, Counts, InFlight, State};
pub use verify::{VerifiedChange, VerifiedCommand, VerifiedFinance, VerifiedResult, VerifiedRun};
