//! Index keys, derived from an entry and nothing else.
//!
//! A *row* is the first entry of an operation: an admitted or refused command, a change of trust or finance, the genesis.
//! Keys of the index family: `dimension u8 ‖ length u16 BE ‖ value ‖ block u64 BE`, see [`crate::bits`].

use if_schemas::{
    Body, Command, CommandId, Entry, Envelope, FinanceChange, Hash, Kind, ResultEvent, RunChange, SchemaError,
    TrustChange,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Dimension {
    Row = 0,
    Operation = 1,
    Provider = 2,
    Instance = 3,
    Actor = 4,
    Trace = 5,
    Status = 6,
}

pub(crate) const PENDING: &str = "pending";
const REJECTED: &str = "rejected";
const APPLIED: &str = "applied";

/// What one entry makes of the derived families.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Keys {
    pub changes: Vec<Change>,
    pub command: Option<CommandKey>,
    /// The payload hash its envelope commits to.
    pub payload: Option<Hash>,
}

/// "Row `row` has, or no longer has, this value."
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub prefix: Vec<u8>,
    pub row: u64,
    pub on: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CommandKey {
    pub command: CommandId,
    pub envelope: Option<Hash>,
    pub flags: Flags,
}

/// What the entry is to its command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flags {
    /// Admitted: a settlement will point to its row.
    Opens,
    /// A refused command, or a change of trust or finance: uses up the id.
    Request,
    /// A result or settlement, whoever sent it.
    Other,
}

impl Flags {
    pub fn to_byte(self) -> u8 {
        self as u8
    }
    pub fn from_byte(byte: u8) -> Option<Self> {
        [Self::Opens, Self::Request, Self::Other].into_iter().find(|f| f.to_byte() == byte)
    }
}

/// `dimension ‖ length ‖ value`.
pub(crate) fn prefix(dimension: Dimension, value: &[u8]) -> Vec<u8> {
    // Values are names, ids and statuses of this contract, all far below 64 KiB.
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    let mut key = vec![dimension as u8];
    key.extend_from_slice(&length.to_be_bytes());
    key.extend_from_slice(value);
    key
}

pub(crate) fn command_key(command: &CommandId, index: u64) -> Vec<u8> {
    let mut key = command.as_bytes().to_vec();
    key.extend_from_slice(&index.to_be_bytes());
    key
}

/// Keys of `entry`. `row_of` finds the row of a command admitted earlier.
pub(crate) fn derive(entry: &Entry, row_of: impl FnOnce(&CommandId) -> Option<u64>) -> Result<Keys, SchemaError> {
    let index = entry.index;
    let mut keys = Keys::default();
    match &entry.body {
        Body::Genesis { envelope } => row(&mut keys, index, "genesis", envelope, APPLIED),
        Body::Admitted { envelope, .. } => command(&mut keys, index, envelope, PENDING, Flags::Opens)?,
        Body::Trust { envelope } => trust(&mut keys, index, envelope, APPLIED)?,
        Body::Finance { envelope } => finance(&mut keys, index, envelope, APPLIED)?,
        Body::Run { envelope, .. } => run(&mut keys, index, envelope, APPLIED)?,
        Body::Lease { run } | Body::RunOver { run, .. } => {
            keys.command = Some(CommandKey { command: *run, envelope: None, flags: Flags::Other });
        }
        // Housekeeping of the broker: nobody's operation.
        Body::Period { .. } => {}
        Body::Rejected { envelope, .. } => match envelope.kind() {
            Kind::Command => command(&mut keys, index, envelope, REJECTED, Flags::Request)?,
            Kind::Trust => trust(&mut keys, index, envelope, REJECTED)?,
            Kind::Finance => finance(&mut keys, index, envelope, REJECTED)?,
            Kind::Run => run(&mut keys, index, envelope, REJECTED)?,
            _ => result(&mut keys, envelope)?,
        },
        Body::Late { envelope } => result(&mut keys, envelope)?,
        Body::Completed { envelope, .. } => {
            let r: ResultEvent = envelope.read_unverified()?;
            settle(&mut keys, row_of(&r.command), r.status.as_str());
            result(&mut keys, envelope)?;
        }
        Body::Unresolved { command, status, .. } => {
            settle(&mut keys, row_of(command), status.as_str());
            keys.command = Some(CommandKey { command: *command, envelope: None, flags: Flags::Other });
        }
    }
    Ok(keys)
}

fn put(keys: &mut Keys, dimension: Dimension, value: &[u8], row: u64) {
    keys.changes.push(Change { prefix: prefix(dimension, value), row, on: true });
}

fn row(keys: &mut Keys, index: u64, operation: &str, envelope: &Envelope, status: &str) {
    put(keys, Dimension::Row, &[], index);
    put(keys, Dimension::Operation, operation.as_bytes(), index);
    put(keys, Dimension::Actor, &envelope.key().0, index);
    put(keys, Dimension::Status, status.as_bytes(), index);
}

fn command(keys: &mut Keys, index: u64, envelope: &Envelope, status: &str, flags: Flags) -> Result<(), SchemaError> {
    let c: Command = envelope.read_unverified()?;
    row(keys, index, c.operation.as_str(), envelope, status);
    put(keys, Dimension::Provider, c.provider.as_str().as_bytes(), index);
    put(keys, Dimension::Instance, c.instance.as_str().as_bytes(), index);
    put(keys, Dimension::Trace, c.trace.as_bytes(), index);
    keys.command = Some(CommandKey { command: c.id, envelope: Some(envelope.hash()?), flags });
    keys.payload = Some(c.payload);
    Ok(())
}

fn trust(keys: &mut Keys, index: u64, envelope: &Envelope, status: &str) -> Result<(), SchemaError> {
    let t: TrustChange = envelope.read_unverified()?;
    change(keys, index, (t.id, t.op.operation()), envelope, status)
}

fn finance(keys: &mut Keys, index: u64, envelope: &Envelope, status: &str) -> Result<(), SchemaError> {
    let f: FinanceChange = envelope.read_unverified()?;
    change(keys, index, (f.id, f.op.operation()), envelope, status)
}

fn run(keys: &mut Keys, index: u64, envelope: &Envelope, status: &str) -> Result<(), SchemaError> {
    let r: RunChange = envelope.read_unverified()?;
    change(keys, index, (r.id, r.op.operation()), envelope, status)?;
    put(keys, Dimension::Trace, r.trace.as_bytes(), index);
    keys.payload = r.payload;
    Ok(())
}

fn change(
    keys: &mut Keys,
    index: u64,
    (command, operation): (CommandId, &str),
    envelope: &Envelope,
    status: &str,
) -> Result<(), SchemaError> {
    row(keys, index, operation, envelope, status);
    keys.command = Some(CommandKey { command, envelope: Some(envelope.hash()?), flags: Flags::Request });
    Ok(())
}

fn result(keys: &mut Keys, envelope: &Envelope) -> Result<(), SchemaError> {
    let r: ResultEvent = envelope.read_unverified()?;
    keys.command = Some(CommandKey { command: r.command, envelope: Some(envelope.hash()?), flags: Flags::Other });
    keys.payload = Some(r.payload);
    Ok(())
}

fn settle(keys: &mut Keys, row: Option<u64>, status: &str) {
    if let Some(row) = row {
        keys.changes.push(Change { prefix: prefix(Dimension::Status, PENDING.as_bytes()), row, on: false });
        put(keys, Dimension::Status, status.as_bytes(), row);
    }
}
