//! The reading side: cheap to clone, usable from any thread, sees only what is durable.

use crate::{
    WitnessError,
    keys::Flags,
    payloads::StoredPayload,
    postings::hash_key,
    store::{COMMANDS, ENTRIES, HASHES, PAYLOADS, SNAPSHOTS, Store},
};
use if_schemas::{CommandId, Entry, Hash, Payload, Salt, SchemaError, Timestamp};
use rocksdb::{DBRawIterator, Direction, IteratorMode, ReadOptions};
use std::sync::Arc;

#[derive(Clone)]
pub struct Reader {
    pub(crate) store: Arc<Store>,
}

/// The newest entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadRecord {
    pub index: u64,
    pub hash: Hash,
    pub at: Timestamp,
}

/// One entry that concerns a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandRecord {
    pub index: u64,
    /// True for what an operator sent (a command, admitted or refused, or a trust change): only these use up an id.
    /// A result, which may name any id, does not.
    pub is_request: bool,
    pub entry_hash: Hash,
    /// Hash of the exact envelope bytes; none where the broker wrote the entry by itself.
    pub envelope_hash: Option<Hash>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub index: u64,
    pub bytes: Vec<u8>,
    pub payload: Option<Payload>,
}

impl Reader {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self { store }
    }

    pub fn head(&self) -> Result<Option<HeadRecord>, WitnessError> {
        let mut last = self.store.db.iterator_cf(self.store.family(ENTRIES)?, IteratorMode::End);
        let Some(item) = last.next() else { return Ok(None) };
        let (key, bytes) = item.map_err(|e| self.store.read_error(&e))?;
        let index = be_u64(&key);
        let entry = Entry::decode(&bytes).map_err(|source| WitnessError::Damaged { index, source })?;
        Ok(Some(HeadRecord { index, hash: Entry::hash_bytes(&bytes), at: entry.at }))
    }

    /// Exact bytes of an entry.
    pub fn entry(&self, index: u64) -> Result<Option<Vec<u8>>, WitnessError> {
        self.store.get(ENTRIES, &index.to_be_bytes())
    }

    /// None if the entry has no payload or it was erased.
    pub fn payload(&self, index: u64) -> Result<Option<Payload>, WitnessError> {
        Ok(self.stored_payload(index)?.and_then(StoredPayload::present))
    }

    pub(crate) fn stored_payload(&self, index: u64) -> Result<Option<StoredPayload>, WitnessError> {
        let bytes = self.store.get(PAYLOADS, &index.to_be_bytes())?;
        bytes.map(|b| stored(index, &b)).transpose()
    }

    /// Consecutive entries `from..=to`, as many as fit into `max_bytes`, at least one if there is one.
    pub fn range(&self, from: u64, to: u64, max_bytes: usize, payloads: bool) -> Result<Vec<Row>, WitnessError> {
        let mut options = ReadOptions::default();
        options.set_readahead_size(2 * 1024 * 1024);
        let start = from.to_be_bytes();
        let mode = IteratorMode::From(&start, Direction::Forward);
        let (mut rows, mut bytes) = (Vec::new(), 0);
        let mut beside = if payloads { Some(self.payloads_from(from)?) } else { None };
        for item in self.store.db.iterator_cf_opt(self.store.family(ENTRIES)?, options, mode) {
            let (key, value) = item.map_err(|e| self.store.read_error(&e))?;
            let index = be_u64(&key);
            if index > to {
                break;
            }
            let payload = beside.as_mut().map(|i| self.payload_at(i, index)).transpose()?.flatten();
            bytes += value.len() + payload.as_ref().map_or(0, |p| p.bytes.len() + Salt::LEN);
            if bytes > max_bytes && !rows.is_empty() {
                break;
            }
            rows.push(Row { index, bytes: value.into_vec(), payload });
        }
        Ok(rows)
    }

    fn payloads_from(&self, from: u64) -> Result<DBRawIterator<'_>, WitnessError> {
        let mut iterator = self.store.db.raw_iterator_cf(self.store.family(PAYLOADS)?);
        iterator.seek(from.to_be_bytes());
        Ok(iterator)
    }

    /// Moves forward to `index`; the payload there.
    fn payload_at(&self, iterator: &mut DBRawIterator<'_>, index: u64) -> Result<Option<Payload>, WitnessError> {
        let wanted = index.to_be_bytes();
        while iterator.key().is_some_and(|k| k < wanted.as_slice()) {
            iterator.next();
        }
        match iterator.item() {
            Some((key, value)) if key == wanted => Ok(stored(index, value)?.present()),
            Some(_) => Ok(None),
            None => iterator.status().map(|()| None).map_err(|e| self.store.read_error(&e)),
        }
    }

    /// All entries that concern a command, oldest first.
    pub fn command_records(&self, command: &CommandId) -> Result<Vec<CommandRecord>, WitnessError> {
        let mut records = Vec::new();
        self.each_record(command, |record, _| {
            records.push(record);
            true
        })?;
        Ok(records)
    }

    /// Calls `each` for the records of a command, oldest first, until it says stop.
    fn each_record(
        &self,
        command: &CommandId,
        mut each: impl FnMut(CommandRecord, Flags) -> bool,
    ) -> Result<(), WitnessError> {
        let mut options = ReadOptions::default();
        options.set_prefix_same_as_start(true);
        let mode = IteratorMode::From(command.as_bytes(), Direction::Forward);
        for item in self.store.db.iterator_cf_opt(self.store.family(COMMANDS)?, options, mode) {
            let (key, value) = item.map_err(|e| self.store.read_error(&e))?;
            if !key.starts_with(command.as_bytes()) {
                break;
            }
            let index = be_u64(&key[command.as_bytes().len()..]);
            let (record, flags) = command_record(index, &value).ok_or_else(|| malformed(index, "command record"))?;
            if !each(record, flags) {
                break;
            }
        }
        Ok(())
    }

    /// The row of a command: the entry that admitted it.
    pub(crate) fn row_of(&self, command: &CommandId) -> Result<Option<u64>, WitnessError> {
        let mut row = None;
        self.each_record(command, |record, flags| {
            row = (flags == Flags::Opens).then_some(record.index);
            row.is_none()
        })?;
        Ok(row)
    }

    /// Up to `limit` different command ids whose hex form (without hyphens) starts with `prefix`.
    pub fn commands_with_prefix(&self, prefix: &str, limit: usize) -> Result<Vec<CommandId>, WitnessError> {
        let usable = !prefix.is_empty() && prefix.len() <= 32 && prefix.bytes().all(|b| b.is_ascii_hexdigit());
        let Some(start) = usable.then(|| hex_floor(prefix)) else { return Ok(Vec::new()) };
        let mut options = ReadOptions::default();
        options.set_total_order_seek(true);
        let mode = IteratorMode::From(&start, Direction::Forward);
        let mut found: Vec<CommandId> = Vec::new();
        for item in self.store.db.iterator_cf_opt(self.store.family(COMMANDS)?, options, mode) {
            let (key, _) = item.map_err(|e| self.store.read_error(&e))?;
            let Some(id) = key.first_chunk::<16>() else { continue };
            let hex: String = id.iter().map(|b| format!("{b:02x}")).collect();
            if !hex.starts_with(prefix) {
                break;
            }
            let id = CommandId::from_bytes(*id);
            if found.last() != Some(&id) {
                found.push(id);
            }
            if found.len() == limit {
                break;
            }
        }
        Ok(found)
    }

    /// Index of the entry with this hash.
    pub fn index_of(&self, wanted: &Hash) -> Result<Option<u64>, WitnessError> {
        let Some(index) = self.store.get(HASHES, &hash_key(wanted))?.map(|b| be_u64(&b)) else { return Ok(None) };
        let bytes = self.entry(index)?;
        Ok(bytes.filter(|b| Entry::hash_bytes(b) == *wanted).map(|_| index))
    }

    /// The newest state snapshot: `(index, bytes)`.
    pub fn latest_snapshot(&self) -> Result<Option<(u64, Vec<u8>)>, WitnessError> {
        match self.snapshot_indexes()?.last() {
            Some(index) => Ok(self.store.get(SNAPSHOTS, &index.to_be_bytes())?.map(|bytes| (*index, bytes))),
            None => Ok(None),
        }
    }

    pub(crate) fn snapshot_indexes(&self) -> Result<Vec<u64>, WitnessError> {
        let all = self.store.db.iterator_cf(self.store.family(SNAPSHOTS)?, IteratorMode::Start);
        all.map(|item| item.map(|(key, _)| be_u64(&key)).map_err(|e| self.store.read_error(&e))).collect()
    }

    /// Time of an entry; none past the head.
    pub(crate) fn time_of(&self, index: u64) -> Result<Option<Timestamp>, WitnessError> {
        let Some(bytes) = self.entry(index)? else { return Ok(None) };
        Entry::decode(&bytes).map(|e| Some(e.at)).map_err(|source| WitnessError::Damaged { index, source })
    }
}

pub(crate) fn be_u64(bytes: &[u8]) -> u64 {
    bytes.first_chunk::<8>().map_or(0, |b| u64::from_be_bytes(*b))
}

fn malformed(index: u64, what: &'static str) -> WitnessError {
    WitnessError::Damaged { index, source: SchemaError::Malformed { what, why: "unknown layout".into() } }
}

fn stored(index: u64, bytes: &[u8]) -> Result<StoredPayload, WitnessError> {
    StoredPayload::decode(bytes).ok_or_else(|| malformed(index, "payload record"))
}

/// Reads what [`crate::postings::command_value`] wrote.
fn command_record(index: u64, value: &[u8]) -> Option<(CommandRecord, Flags)> {
    let (&flags, rest) = value.split_first()?;
    let flags = Flags::from_byte(flags)?;
    let (entry, rest) = rest.split_first_chunk::<32>()?;
    let envelope_hash = match rest {
        [] => None,
        hash => Some(Hash(hash.try_into().ok()?)),
    };
    let is_request = flags != Flags::Other;
    Some((CommandRecord { index, is_request, entry_hash: Hash(*entry), envelope_hash }, flags))
}

/// The smallest 16 bytes whose hex form starts with `prefix` (hex digits only).
fn hex_floor(prefix: &str) -> Vec<u8> {
    let padded = format!("{prefix:0<32}");
    (0..16).map(|i| u8::from_str_radix(&padded[2 * i..2 * i + 2], 16).unwrap_or(0)).collect()
}
