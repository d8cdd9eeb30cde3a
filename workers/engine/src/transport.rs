//! One HTTP exchange, whoever carries it: the real client, or the canned answers of a provider's cases.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use reqwest::header::HeaderName;
/// What a request is made of, for native adapters: only this crate links the HTTP client.
pub use reqwest::{
    Method, Url,
    header::{self, HeaderMap, HeaderValue},
};
use tokio::time::Instant;

/// A request as it leaves: complete, authenticated, in memory.
#[derive(Debug, Clone)]
pub struct Outgoing {
    pub method: Method,
    pub url: Url,
    /// Values that are secrets are marked sensitive.
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// An answer whose head has come; the body comes in pieces.
pub struct Incoming {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: BoxStream<'static, Result<Bytes, TransportError>>,
}

/// Why there is no (whole) answer. Never holds a URL with secrets, a header or a body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No byte of the request left: it cannot have had an effect.
    #[error("{host} could not be reached: {why}")]
    NotSent { host: String, why: String },
    /// The request left, in part at least, and no whole answer came: it may have had its effect.
    #[error("the connection to {host} was lost: {why}")]
    Lost { host: String, why: String },
    /// The answer breaks a limit or is no HTTP.
    #[error("the answer of {host} cannot be used: {why}")]
    Unusable { host: String, why: String },
    #[error("{host} did not answer in time: {phase}")]
    TimedOut { host: String, phase: Phase },
}

/// What the time ran out in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing was sent yet.
    Connect,
    FirstByte,
    /// Silence inside the body.
    Idle,
    /// The command's deadline.
    Deadline,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Phase::Connect => "while connecting",
            Phase::FirstByte => "no answer to the request",
            Phase::Idle => "the answer stopped half-way",
            Phase::Deadline => "the deadline of the command",
        })
    }
}

impl TransportError {
    /// May the request have had an effect?
    pub fn may_have_acted(&self) -> bool {
        !matches!(self, Self::NotSent { .. } | Self::TimedOut { phase: Phase::Connect, .. })
    }
}

/// Sends one request. Follows no redirect: whoever calls decides that.
#[async_trait]
pub trait Transport: Send + Sync {
    async fn send(&self, request: Outgoing, deadline: Instant) -> Result<Incoming, TransportError>;
}

/// Marks header values that must never be shown.
pub fn sensitive(headers: &mut HeaderMap, name: &HeaderName) {
    if let Some(value) = headers.get_mut(name) {
        value.set_sensitive(true);
    }
}
