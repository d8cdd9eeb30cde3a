//! Home Assistant 2022.4 and later, through its websocket API; REST for camera pictures alone.
//!
//! One websocket session per instance mirrors every state from pushes. A change is a service call, confirmed twice: by the
//! `state_changed` event that shows it, and by reading the entity back. Home Assistant answers "success" for entities that
//! do not exist, so its answer proves nothing, and entities are looked up before anything is sent.

mod adapter;
mod claims;
mod confirm;
mod connect;
mod limits;
mod mirror;
mod mjpeg;
mod operations;
mod protocol;
mod rest;
mod services;
mod session;
mod target;
mod wanted;

pub use adapter::{HomeAssistantAdapter, HomeAssistantProvider};
pub use limits::Limits;
