//! Index keys, derived from an entry and nothing else.
//!
//! A *row* is the first entry of an operation: an admitted or refused command, a trust change, the genesis.
//! Keys of the index family: `dimension u8 ‖ length u16 BE ‖ value ‖ row index u64 BE`.

use if_schemas::{Body, Command, CommandId, Entry, Envelope, Hash, Kind, ResultEvent, SchemaError, TrustChange};

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

/// What one entry adds to and removes from the derived families.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Keys {
    pub puts: Vec<Vec<u8>>,
    pub deletes: Vec<Vec<u8>>,
    pub command: Option<CommandKey>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CommandKey {
    pub command: CommandId,
    pub envelope: Option<Hash>,
    /// True if this entry opens a row that a settlement will point to.
    pub opens: bool,
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

pub(crate) fn key(dimension: Dimension, value: &[u8], row: u64) -> Vec<u8> {
    let mut key = prefix(dimension, value);
    key.extend_from_slice(&row.to_be_bytes());
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
        Body::Admitted { envelope, .. } => command(&mut keys, index, envelope, PENDING, true)?,
        Body::Trust { envelope } => trust(&mut keys, index, envelope, APPLIED)?,
        Body::Rejected { envelope, .. } => match envelope.kind() {
            Kind::Command => command(&mut keys, index, envelope, REJECTED, false)?,
            Kind::Trust => trust(&mut keys, index, envelope, REJECTED)?,
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
            keys.command = Some(CommandKey { command: *command, envelope: None, opens: false });
        }
    }
    Ok(keys)
}

fn row(keys: &mut Keys, index: u64, operation: &str, envelope: &Envelope, status: &str) {
    keys.puts.push(key(Dimension::Row, &[], index));
    keys.puts.push(key(Dimension::Operation, operation.as_bytes(), index));
    keys.puts.push(key(Dimension::Actor, &envelope.key().0, index));
    keys.puts.push(key(Dimension::Status, status.as_bytes(), index));
}

fn command(keys: &mut Keys, index: u64, envelope: &Envelope, status: &str, opens: bool) -> Result<(), SchemaError> {
    let c: Command = envelope.read_unverified()?;
    row(keys, index, c.operation.as_str(), envelope, status);
    keys.puts.push(key(Dimension::Provider, c.provider.as_str().as_bytes(), index));
    keys.puts.push(key(Dimension::Instance, c.instance.as_str().as_bytes(), index));
    keys.puts.push(key(Dimension::Trace, c.trace.as_bytes(), index));
    keys.command = Some(CommandKey { command: c.id, envelope: Some(envelope.hash()?), opens });
    Ok(())
}

fn trust(keys: &mut Keys, index: u64, envelope: &Envelope, status: &str) -> Result<(), SchemaError> {
    let t: TrustChange = envelope.read_unverified()?;
    row(keys, index, t.op.operation(), envelope, status);
    keys.command = Some(CommandKey { command: t.id, envelope: Some(envelope.hash()?), opens: false });
    Ok(())
}

fn result(keys: &mut Keys, envelope: &Envelope) -> Result<(), SchemaError> {
    let r: ResultEvent = envelope.read_unverified()?;
    keys.command = Some(CommandKey { command: r.command, envelope: Some(envelope.hash()?), opens: false });
    Ok(())
}

fn settle(keys: &mut Keys, row: Option<u64>, status: &str) {
    if let Some(row) = row {
        keys.deletes.push(key(Dimension::Status, PENDING.as_bytes(), row));
        keys.puts.push(key(Dimension::Status, status.as_bytes(), row));
    }
}
