//! A fabric inside one process, on a real nats-server: for tests and benches that need to see or send exact bytes.

pub mod client;
pub mod fabric;
pub mod noop;
pub mod processes;
pub mod replay;
pub mod runs;
pub mod world;

pub use client::Client;
pub use fabric::InProcess;
pub use world::Keys;
