//! Rules one by one, runs at random, bounds of work, pictures.

mod drawing;
mod facts;
mod failing;
mod forward;
mod guards;
mod kit;
mod rollback;
mod scale;
mod sim;
mod turns;

use std::cell::Cell;

thread_local! {
    /// Steps that were looked at on this thread.
    pub(crate) static LOOKED: Cell<u64> = const { Cell::new(0) };
}
