//! What worker nodes announce: the instances they serve and how these are.

use crate::{Effect, Hash, Kind, Name, OperationId, Signed, Timestamp};
use serde::{Deserialize, Serialize};

/// Live state of one instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceState {
    Ok,
    Connecting,
    Disconnected,
    AuthenticationFailure,
    BadConfig,
    UnknownError,
}

impl InstanceState {
    pub fn as_str(self) -> &'static str {
        match self {
            InstanceState::Ok => "ok",
            InstanceState::Connecting => "connecting",
            InstanceState::Disconnected => "disconnected",
            InstanceState::AuthenticationFailure => "authentication_failure",
            InstanceState::BadConfig => "bad_config",
            InstanceState::UnknownError => "unknown_error",
        }
    }
}

/// Signed by the worker, sent every [`ANNOUNCE_INTERVAL_MS`] and on every change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Announcement {
    pub node: Name,
    pub version: String,
    pub at: Timestamp,
    /// Counts up while the process lives: an older announcement never replaces a newer one.
    pub sequence: u64,
    /// The node is stopping: forget it now.
    pub leaving: bool,
    pub instances: Vec<InstancePresence>,
    /// Operations by provider, once per provider rather than per instance.
    pub providers: Vec<ProviderPresence>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstancePresence {
    pub provider: Name,
    pub instance: Name,
    pub state: InstanceState,
    /// Why the state is not ok, or who the peer is (`OBS Studio 29.0.2`).
    pub detail: Option<String>,
    pub since: Timestamp,
    pub simulated: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderPresence {
    pub provider: Name,
    pub operations: Vec<(OperationId, Effect)>,
    /// What they cost: hash of the document of the newest [`crate::tariff::Tariff`].
    pub tariff: Option<Hash>,
}

impl Signed for Announcement {
    const KIND: Kind = Kind::Presence;
}

/// How often a node announces itself, milliseconds.
pub const ANNOUNCE_INTERVAL_MS: u64 = 1_000;
/// Silence after which a node counts as gone, milliseconds.
pub const NODE_TTL_MS: u64 = 3_500;
