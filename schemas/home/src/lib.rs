//! The files of the home directory (`IF_HOME`, default `~/.if`): keys, configuration, instances and the running fabric.
//!
//! Everything here is small, read whole and checked whole. An error names file, line and column, and what to do next;
//! it never holds a secret. Files with secrets are refused where other users of the machine can read them.

pub mod config;
mod entries;
pub mod error;
pub mod fabric;
pub mod home;
pub mod instances;
pub mod keys;
pub mod plans;
pub mod plugins;
pub mod private;
pub mod secret_ref;
pub mod triggers;
mod yaml;

pub use config::Config;
pub use error::{HomeError, Place};
pub use fabric::FabricFile;
pub use home::Home;
pub use instances::Instance;
pub use secret_ref::SecretRef;
pub use triggers::Trigger;

#[cfg(test)]
mod tests;
