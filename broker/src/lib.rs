//! The broker: verifies, decides, writes the log, hands out work, ingests results, answers questions.
//!
//! `ingress` (bus → verified inputs) → `sequencer` (decide, append, fsync) → `publisher` (receipts, events) and `outbox` (work).
//! Only the sequencer thread writes; nothing leaves the process before it is durable.

pub mod clock;
pub mod error;
mod genesis;
mod ingress;
mod outbox;
mod presence;
mod publisher;
mod query;
mod run;
mod sequencer;
mod service;
mod shared;
mod tariffs;
pub mod telemetry;
mod ticker;
mod windows;

pub use error::BrokerError;
pub use run::{BrokerOptions, run};
