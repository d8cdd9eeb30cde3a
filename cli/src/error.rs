//! Failures of the command line: what happened, what to do next, and the exit code of DESIGN §6.

use if_bus::BusError;
use if_home::HomeError;
use if_schemas::{Reject, SchemaError};
use std::process::ExitCode;

/// Why a process ends with a code other than 0. The numbers are part of the command-line contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The provider failed, or something on this machine did.
    Failed = 1,
    Usage = 2,
    /// Refused by policy, budget, signature or because it expired.
    Rejected = 3,
    /// Indeterminate, or no result before the deadline.
    NoResult = 4,
    /// The fabric is not reachable.
    Unreachable = 5,
    /// Verification failed: tampering or damage.
    Damaged = 6,
    /// Bad configuration.
    Config = 64,
}

impl Exit {
    pub fn code(self) -> u8 {
        self as u8
    }
    /// What `error.code` says where nothing more exact is known.
    fn default_code(self) -> &'static str {
        match self {
            Exit::Failed => "failed",
            Exit::Usage => "usage",
            Exit::Rejected => "rejected",
            Exit::NoResult => "no_result",
            Exit::Unreachable => "unreachable",
            Exit::Damaged => "verification_failed",
            Exit::Config => "bad_configuration",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}

/// A failed command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CliError {
    pub exit: Exit,
    /// Stable snake_case code, as in `--json`.
    pub code: String,
    pub message: String,
    pub hint: Option<String>,
    /// The command has printed its own JSON document already.
    pub printed: bool,
}

impl CliError {
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, code: exit.default_code().into(), message: message.into(), hint: None, printed: false }
    }
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message).hint(hint)
    }
    pub fn config(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Exit::Config, message).hint(hint)
    }
    /// Something that must be signed, hashed or chained in one way is not.
    pub fn damaged(message: impl Into<String>) -> Self {
        Self::new(Exit::Damaged, message)
    }
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
    #[must_use]
    pub fn hint_opt(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = code.into();
        self
    }
    #[must_use]
    pub fn printed(mut self) -> Self {
        self.printed = true;
        self
    }
    /// An operating-system error while doing `what`.
    pub fn io(what: impl std::fmt::Display, error: &std::io::Error) -> Self {
        Self::failed(format!("{what}: {error}"))
    }
}

impl From<HomeError> for CliError {
    fn from(e: HomeError) -> Self {
        Self::new(Exit::Config, e.message()).hint_opt(e.hint())
    }
}

impl From<BusError> for CliError {
    fn from(e: BusError) -> Self {
        let error = Self::new(Exit::Unreachable, e.to_string());
        match e {
            BusError::Down { .. } => error.hint("start it with `ifctl up`, or name the server with --nats or IF_NATS"),
            BusError::NoResponders { .. } => {
                Self::new(Exit::Unreachable, "NATS answers, but no broker is running").hint("start it with `ifctl up`")
            }
            BusError::Refused { .. } => error.hint("use the nkey of this fabric: HOME/nats/operator.nk"),
            BusError::Timeout { .. } => error.hint("the broker may be overloaded or stopping: see `ifctl status`"),
            BusError::Unsupported { .. } | BusError::Other { .. } => error,
        }
    }
}

/// Bytes from the fabric that are not what the contract says.
impl From<SchemaError> for CliError {
    fn from(e: SchemaError) -> Self {
        let exit = match e {
            SchemaError::BadSignature | SchemaError::WrongKey { .. } | SchemaError::HashMismatch { .. } => {
                Exit::Damaged
            }
            _ => Exit::Failed,
        };
        Self::new(exit, e.to_string()).code(e.name())
    }
}

impl From<Reject> for CliError {
    fn from(r: Reject) -> Self {
        Self::new(Exit::Rejected, r.to_string()).code(r.code.as_str()).hint_opt(r.hint)
    }
}

impl From<if_core::Damage> for CliError {
    fn from(d: if_core::Damage) -> Self {
        Self::damaged(d.to_string()).hint("keep a copy as evidence; the runbook fsck-failure says what to do")
    }
}
