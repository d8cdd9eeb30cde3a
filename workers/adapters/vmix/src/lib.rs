//! vMix: TCP 8099 for functions, tally and pushes, HTTP 8088 for the XML state.
//!
//! vMix answers `FUNCTION OK` to functions it does not have and takes effect after it has answered, so an answer proves
//! nothing: every change is confirmed by reading the state back, over HTTP where the TCP session was lost meanwhile.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod adapter;
mod aspect;
mod change;
mod effect;
mod endpoint;
mod frame;
mod function;
mod mirror;
mod plan;
mod provider;
mod query;
mod resolve;
mod session;
mod state;

pub use provider::VmixProvider;
