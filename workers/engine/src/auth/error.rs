//! Why a request could not be made to prove who sends it. In every case the request itself was not sent.

use super::StoreError;
use crate::{AdapterError, TransportError, hosts::HostError};
use if_manifest::plan::TemplateError;
use if_schemas::presence::InstanceState;

/// Never holds a secret: what a server says is cleaned of them first.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The settings can never work; says which and why.
    #[error("{0}")]
    Settings(String),
    #[error(transparent)]
    Template(#[from] TemplateError),
    #[error(transparent)]
    Host(#[from] HostError),
    /// Whoever gives out tokens or sessions knows these credentials are wrong.
    #[error("{host} refused the credentials: {said}")]
    Refused { host: String, said: String },
    #[error("not authenticated: {0}")]
    Transport(#[from] TransportError),
    /// Busy or broken for the moment.
    #[error("not authenticated: {host} cannot do it for the moment: {said}")]
    Unavailable { host: String, said: String },
    /// Not the answer the manifest describes.
    #[error("not authenticated: the answer of {host} cannot be used: {why}")]
    Unusable { host: String, why: String },
    #[error("not authenticated: the deadline of the command passed before {host} had answered")]
    Deadline { host: String },
    #[error("not authenticated: the new refresh token could not be kept: {0}")]
    Store(#[from] StoreError),
}

impl AuthError {
    /// The state the instance is in because of it; never `ok`.
    pub fn state(&self) -> InstanceState {
        match self {
            Self::Settings(_) | Self::Template(_) | Self::Host(_) => InstanceState::BadConfig,
            Self::Refused { .. } => InstanceState::AuthenticationFailure,
            Self::Transport(_) | Self::Unavailable { .. } | Self::Deadline { .. } => InstanceState::Disconnected,
            Self::Unusable { .. } | Self::Store(_) => InstanceState::UnknownError,
        }
    }

    /// May the same attempt succeed a little later?
    pub fn is_transient(&self) -> bool {
        self.state() == InstanceState::Disconnected
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Settings(_) | Self::Template(_) => "correct the setting in the instance file of the worker",
            Self::Host(_) => {
                "correct the URL; the manifest's allowed_hosts and settings of format uri say where requests may go"
            }
            Self::Refused { .. } => {
                "check the credentials of the instance; a refresh token that was revoked has to be granted anew"
            }
            Self::Transport(_) | Self::Unavailable { .. } => "try again in a moment",
            Self::Deadline { .. } => "a longer --deadline",
            Self::Unusable { .. } => "check the token URL or login steps against the provider's documentation",
            Self::Store(_) => {
                "make room on, or mend, the worker's disk; the new token is held in memory until it is kept"
            }
        }
    }
}

impl From<AuthError> for AdapterError {
    fn from(e: AuthError) -> Self {
        AdapterError::new(e.state(), e.to_string()).hint(e.hint())
    }
}
