//! Executable plugins: a folder with a `plugin.yaml` and a program in any language that speaks JSON lines on its standard
//! input and output. `docs/plugins.md` is the protocol.
//!
//! A plugin is not trusted: it runs only while the hash of its files is pinned, in a process of its own with a scrubbed
//! environment and limits, gets secrets only after it proved to be the plugin it says, and neither logs nor prices.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod adapter;
mod lines;
mod outcome;
mod process;
mod protocol;
mod provider;
mod redact;
mod sandbox;
mod seal;
mod source;
mod stderr;

pub use protocol::{Described, PROTOCOL_VERSION};
pub use provider::{CheckError, Pins, PluginProvider, check};
pub use source::PluginSource;
