//! What every provider implements and what the runtime gives it. The only crate linking the HTTP client.

pub mod adapter;
pub mod auth;
pub mod config;
pub mod hosts;
pub mod http;
pub mod metered;
pub mod secret;
pub mod transport;

pub use adapter::{Adapter, AdapterError, Call, Discovered, Execution, Peer, ProgressSink, Provider};
pub use auth::{AuthError, Authenticator};
pub use config::InstanceConfig;
pub use metered::Metered;
pub use secret::Secret;
pub use transport::{Incoming, Outgoing, Phase, Transport, TransportError};
