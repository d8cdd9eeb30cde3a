//! NATS as transport. The only crate linking async-nats; it knows subjects and bytes, never what they mean.

mod connect;
mod error;
mod message;
mod state;
mod work;

pub use connect::{Bus, BusRole, CONNECT_TIMEOUT, ConnectOptions, Link};
pub use error::BusError;
pub use message::{Message, Subscription};
pub use state::{STATE_INFLIGHT, STATE_MAX_AGE, StateMessage, StateWatch};
pub use work::{Delivery, Sent, WORK_ACK_WAIT, WORK_PENDING_MAX, WorkQueue};
pub mod nkey;
pub mod service;
