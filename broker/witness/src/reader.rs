//! The reading side: cheap to clone, usable from any thread, sees only what is durable.

use crate::{
    WitnessError,
    store::{COMMANDS, ENTRIES, HASHES, PAYLOADS, SNAPSHOTS, Store},
};
use if_schemas::{CommandId, Entry, Hash, Payload, Salt, Timestamp};
use rocksdb::{Direction, IteratorMode, ReadOptions};
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
        Ok(self.store.get(PAYLOADS, &index.to_be_bytes())?.and_then(|bytes| payload(&bytes)))
    }

    /// Erases a payload for good. The entry and the chain stay as they are.
    pub fn erase_payload(&self, index: u64) -> Result<(), WitnessError> {
        let mut options = rocksdb::WriteOptions::default();
        options.set_sync(true);
        let erased = self.store.db.delete_cf_opt(self.store.family(PAYLOADS)?, index.to_be_bytes(), &options);
        erased.map_err(|e| self.store.write_error(&e))
    }

    /// Consecutive entries `from..=to`, as many as fit into `max_bytes`, at least one if there is one.
    pub fn range(&self, from: u64, to: u64, max_bytes: usize, payloads: bool) -> Result<Vec<Row>, WitnessError> {
        let mut options = ReadOptions::default();
        options.set_readahead_size(2 * 1024 * 1024);
        let start = from.to_be_bytes();
        let mode = IteratorMode::From(&start, Direction::Forward);
        let (mut rows, mut bytes) = (Vec::new(), 0);
        for item in self.store.db.iterator_cf_opt(self.store.family(ENTRIES)?, options, mode) {
            let (key, value) = item.map_err(|e| self.store.read_error(&e))?;
            let index = be_u64(&key);
            if index > to {
                break;
            }
            let payload = if payloads { self.payload(index)? } else { None };
            bytes += value.len() + payload.as_ref().map_or(0, |p| p.bytes.len() + Salt::LEN);
            if bytes > max_bytes && !rows.is_empty() {
                break;
            }
            rows.push(Row { index, bytes: value.into_vec(), payload });
        }
        Ok(rows)
    }

    /// All entries that concern a command, oldest first.
    pub fn command_records(&self, command: &CommandId) -> Result<Vec<CommandRecord>, WitnessError> {
        let mut options = ReadOptions::default();
        options.set_prefix_same_as_start(true);
        let mode = IteratorMode::From(command.as_bytes(), Direction::Forward);
        let mut records = Vec::new();
        for item in self.store.db.iterator_cf_opt(self.store.family(COMMANDS)?, options, mode) {
            let (key, value) = item.map_err(|e| self.store.read_error(&e))?;
            if !key.starts_with(command.as_bytes()) {
                break;
            }
            records.push(CommandRecord {
                index: be_u64(&key[16..]),
                entry_hash: hash(&value).unwrap_or(Hash::ZERO),
                envelope_hash: value.get(Hash::LEN..).and_then(hash),
            });
        }
        Ok(records)
    }

    /// The row of a command: its first entry.
    pub(crate) fn row_of(&self, command: &CommandId) -> Result<Option<u64>, WitnessError> {
        Ok(self.command_records(command)?.first().map(|r| r.index))
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
        let Some(index) = self.store.get(HASHES, &wanted.0[..16])?.map(|b| be_u64(&b)) else { return Ok(None) };
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

fn hash(bytes: &[u8]) -> Option<Hash> {
    bytes.first_chunk::<32>().map(|b| Hash(*b))
}

fn payload(bytes: &[u8]) -> Option<Payload> {
    let (salt, bytes) = bytes.split_first_chunk::<16>()?;
    Some(Payload { salt: Salt(*salt), bytes: bytes.to_vec() })
}

/// The smallest 16 bytes whose hex form starts with `prefix` (hex digits only).
fn hex_floor(prefix: &str) -> Vec<u8> {
    let padded = format!("{prefix:0<32}");
    (0..16).map(|i| u8::from_str_radix(&padded[2 * i..2 * i + 2], 16).unwrap_or(0)).collect()
}
