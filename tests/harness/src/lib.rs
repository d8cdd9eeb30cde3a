//! Simulated peers for tests and demonstrations.

pub mod fabric;
#[cfg(unix)]
pub mod home_assistant;
pub mod nats;
#[cfg(unix)]
pub mod obs;
pub mod pager;
#[cfg(unix)]
pub mod peers;
#[cfg(unix)]
pub mod process;
#[cfg(unix)]
mod relay;
pub mod secrets;
pub mod vmix;
