//! Why the broker stops. Refusals of messages are `Reject`s, not errors.

use if_bus::BusError;
use if_core::ApplyError;
use if_home::HomeError;
use if_schemas::SchemaError;
use if_witness::WitnessError;

#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// Fix the files.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Fix the configuration.
    #[error("{what}\nhint: {hint}")]
    Config { what: String, hint: String },
    /// The log cannot be opened, read or written. After a failed write the process must end: what is on disk is unknown.
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// An entry in the log does not follow from those before it.
    #[error("entry {index} of the log is damaged: {source}\nhint: stop, keep a copy, and see the runbook fsck-failure")]
    Damaged { index: u64, source: ApplyError },
    /// The broker's own decision broke a rule of the log. A defect.
    #[error("refusing to write an entry that breaks a rule: {0}")]
    Invariant(ApplyError),
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error(transparent)]
    Schema(#[from] SchemaError),
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// A part of the broker ended that never should.
    #[error("{0} stopped")]
    Stopped(&'static str),
}

impl BrokerError {
    /// 64 for configuration, 6 for damage, 1 for the rest.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Home(_) | Self::Config { .. } => 64,
            Self::Damaged { .. } => 6,
            _ => 1,
        }
    }
}
