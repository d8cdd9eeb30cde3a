//! OBS Studio 28 and later, through obs-websocket 5.
//!
//! One websocket session per instance. Every change is confirmed twice: by the event OBS sends once it has
//! happened, and by reading the state back. OBS answers a request before it acts on it, so its answer proves nothing.
//!
//! Identifiers of scenes are their names: obs-websocket before 5.4 sends no UUIDs.

mod adapter;
mod auth;
mod confirm;
mod connect;
mod documents;
mod lanes;
mod limits;
mod mirror;
mod operations;
mod protocol;
mod session;
mod wanted;

pub use adapter::{ObsAdapter, ObsProvider};
pub use limits::Limits;
