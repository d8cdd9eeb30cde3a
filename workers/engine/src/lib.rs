//! What every provider implements and what the runtime gives it. The only crate linking the HTTP client.

pub mod adapter;
pub mod auth;
pub mod config;
pub mod hosts;
pub mod http;
pub mod live;
mod metered;
pub mod secret;
pub mod source;
pub mod transport;
mod whole_file;

pub use adapter::{Adapter, AdapterError, Call, Discovered, Executed, Execution, Peer, Prices, ProgressSink, Provider};
pub use auth::{AuthError, Authenticator};
pub use config::InstanceConfig;
pub use http::HttpProvider;
pub use live::LiveState;
pub use metered::Metered;
pub use secret::Secret;
pub use source::{Scan, Source};
pub use transport::{Incoming, Outgoing, Phase, Transport, TransportError};
pub use whole_file::WholeFile;
