//! Simulated peers for tests and demonstrations.

pub mod fabric;
pub mod nats;
#[cfg(unix)]
pub mod obs;
pub mod pager;
pub mod vmix;
