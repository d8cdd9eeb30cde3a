//! The log on disk. The only crate linking RocksDB; it knows bytes, hashes and index keys, never policy.
//!
//! One [`Log`] writes, any number of [`Reader`]s read. Every index is derived from the entries by [`keys::derive`],
//! for appending, checking and rebuilding alike.

mod bits;
mod error;
pub mod fsck;
mod keys;
mod log;
mod options;
mod payloads;
mod postings;
mod query;
mod reader;
mod rebuild;
mod store;
mod tally;

pub use error::WitnessError;
pub use fsck::{FsckReport, Problem};
pub use log::{Batch, Fault, Log, NewEntry};
pub use options::Options;
pub use query::Filter;
pub use reader::{CommandRecord, HeadRecord, Reader, Row};
