//! What every provider implements and what the runtime gives it. The only crate linking the HTTP client.

pub mod adapter;
pub mod config;
pub mod http;
pub mod secret;
pub mod source;
pub mod transport;

pub use adapter::{Adapter, AdapterError, Call, Discovered, Execution, Peer, ProgressSink, Provider};
pub use config::InstanceConfig;
pub use secret::Secret;
pub use source::Source;
pub use transport::{Incoming, Outgoing, Phase, Transport, TransportError};
