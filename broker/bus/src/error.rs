//! What can go wrong on the bus, by what to do about it.

use std::time::Duration;

#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// Nothing answers at the address, or the connection is down right now. Retry, or start the server.
    #[error("NATS at {url} is not reachable: {why}")]
    Down { url: String, why: String },
    /// The server refused the credentials. Fix them.
    #[error("NATS at {url} refused the credentials: {why}")]
    Refused { url: String, why: String },
    /// Nobody subscribes to the subject: the other side is not running.
    #[error("nobody listens on {subject}")]
    NoResponders { subject: String },
    /// Somebody may have received it, no answer came in time.
    #[error("no answer on {subject} within {} ms", .after.as_millis())]
    Timeout { subject: String, after: Duration },
    /// The server is too old or set up without what the fabric needs.
    #[error("NATS at {url} cannot be used: {why}")]
    Unsupported { url: String, why: String },
    /// Any other answer of the server or the client library.
    #[error("NATS: {what}: {why}")]
    Other { what: &'static str, why: String },
}

impl BusError {
    pub(crate) fn other(what: &'static str, why: impl ToString) -> Self {
        Self::Other { what, why: why.to_string() }
    }
    /// True if trying again later can help without anybody changing anything.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Down { .. } | Self::NoResponders { .. } | Self::Timeout { .. } | Self::Other { .. })
    }
}
