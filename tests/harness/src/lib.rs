//! Simulated peers for tests and demonstrations.

pub mod fabric;
pub mod nats;
#[cfg(unix)]
pub mod obs;
pub mod pager;
#[cfg(unix)]
pub mod peers;
#[cfg(unix)]
pub mod process;
pub mod vmix;
