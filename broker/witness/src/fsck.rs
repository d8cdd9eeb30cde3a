//! Checking and mending a log while nobody writes it. Entries are never changed; derived families can be made again.

use crate::{
    Options, Reader, WitnessError,
    keys::{self, Keys, PENDING},
    log::put_keys,
    store::{COMMANDS, DERIVED, HASHES, INDEX, Store},
};
use if_schemas::{Body, CommandId, Entry, Hash, Payload, SchemaError, Timestamp};
use rocksdb::{IteratorMode, WriteBatch};
use std::{
    collections::{HashMap, HashSet},
    fmt,
    path::Path,
    sync::Arc,
};

/// Entries read at once, bytes.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;
/// Problems listed; beyond that only counting would help nobody.
const PROBLEMS_MAX: usize = 100;

/// What is wrong, at which entry if it is one entry's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub index: Option<u64>,
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "entry {index}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FsckReport {
    pub entries: u64,
    pub payloads: u64,
    /// At most [`PROBLEMS_MAX`].
    pub problems: Vec<Problem>,
}

/// Opens the log at `path` (nobody else may have it open) and checks everything in it.
/// `progress(done, total)` is called now and then.
pub fn fsck(path: &Path, progress: impl FnMut(u64, u64)) -> Result<FsckReport, WitnessError> {
    let store = Arc::new(Store::open(path, &Options::default())?);
    check(&Reader::new(store), progress)
}

/// Checks a log that is already open.
pub fn check(reader: &Reader, mut progress: impl FnMut(u64, u64)) -> Result<FsckReport, WitnessError> {
    let total = reader.head()?.map_or(0, |h| h.index + 1);
    let mut checker = Checker { reader, report: FsckReport::default(), prev: Hash::ZERO, at: Timestamp(i64::MIN), derived: Derived::default() };
    loop {
        let rows = reader.range(checker.report.entries, u64::MAX, CHUNK_BYTES, true)?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            checker.entry(row.index, &row.bytes, row.payload.as_ref())?;
        }
        progress(checker.report.entries, total);
    }
    checker.finish()
}

/// Makes the derived families again from the entries, then checks.
pub fn rebuild(path: &Path) -> Result<FsckReport, WitnessError> {
    let store = Arc::new(Store::open(path, &Options::default())?);
    for family in DERIVED {
        let all = store.db.delete_range_cf(store.family(family)?, vec![], vec![0xff; 128]);
        all.map_err(|e| store.write_error(&e))?;
    }
    let reader = Reader::new(store.clone());
    let mut rows_of = HashMap::new();
    let mut next = 0;
    loop {
        let rows = reader.range(next, u64::MAX, CHUNK_BYTES, false)?;
        let Some(last) = rows.last() else { break };
        next = last.index + 1;
        let mut write = WriteBatch::default();
        for row in &rows {
            let entry = Entry::decode(&row.bytes).map_err(|source| WitnessError::Damaged { index: row.index, source })?;
            let keys = derive(&entry, &mut rows_of)?;
            put_keys(&store, &mut write, &keys, row.index, &Entry::hash_bytes(&row.bytes))?;
        }
        store.db.write(write).map_err(|e| store.write_error(&e))?;
    }
    check(&reader, |_, _| {})
}

/// Derives with the rows of commands still open held in memory: the families may be what is broken.
fn derive(entry: &Entry, rows_of: &mut HashMap<CommandId, u64>) -> Result<Keys, SchemaError> {
    let keys = keys::derive(entry, |id| rows_of.get(id).copied())?;
    if let Some(command) = &keys.command {
        if command.opens {
            rows_of.insert(command.command, entry.index);
        }
        if !keys.deletes.is_empty() {
            rows_of.remove(&command.command);
        }
    }
    Ok(keys)
}

/// What the derived families must hold, counted while walking.
#[derive(Default)]
struct Derived {
    index_keys: u64,
    command_keys: u64,
    pending: HashSet<Vec<u8>>,
    rows_of: HashMap<CommandId, u64>,
}

struct Checker<'a> {
    reader: &'a Reader,
    report: FsckReport,
    prev: Hash,
    at: Timestamp,
    derived: Derived,
}

impl Checker<'_> {
    fn problem(&mut self, index: Option<u64>, what: impl Into<String>) {
        if self.report.problems.len() < PROBLEMS_MAX {
            self.report.problems.push(Problem { index, what: what.into() });
        }
    }

    fn entry(&mut self, key: u64, bytes: &[u8], payload: Option<&Payload>) -> Result<(), WitnessError> {
        let due = self.report.entries;
        if key != due {
            self.problem(Some(due), format!("missing; the next one stored is {key}"));
        }
        self.report.entries = key + 1;
        let hash = Entry::hash_bytes(bytes);
        let prev = std::mem::replace(&mut self.prev, hash);
        let entry = match Entry::decode(bytes) {
            Ok(entry) => entry,
            Err(e) => {
                self.problem(Some(key), e.to_string());
                return Ok(());
            }
        };
        if entry.index != key {
            self.problem(Some(key), format!("it says it is entry {}", entry.index));
        }
        if entry.prev != prev {
            self.problem(Some(key), format!("prev is {}, the entry before has hash {prev}", entry.prev));
        }
        if entry.at < self.at {
            self.problem(Some(key), format!("its time {} is before the previous entry's {}", entry.at, self.at));
        }
        self.at = entry.at;
        if let Some(payload) = payload {
            self.report.payloads += 1;
            if let Err(e) = check_payload(&entry.body, payload) {
                self.problem(Some(key), e.to_string());
            }
        }
        self.derived_of(&entry, &hash)
    }

    fn derived_of(&mut self, entry: &Entry, hash: &Hash) -> Result<(), WitnessError> {
        let index = entry.index;
        let keys = match derive(entry, &mut self.derived.rows_of) {
            Ok(keys) => keys,
            Err(e) => {
                self.problem(Some(index), e.to_string());
                return Ok(());
            }
        };
        for key in &keys.deletes {
            self.derived.pending.remove(key);
            self.derived.index_keys -= 1;
        }
        let pending = keys::prefix(keys::Dimension::Status, PENDING.as_bytes());
        for key in keys.puts {
            self.derived.index_keys += 1;
            if key.starts_with(&pending) {
                self.derived.pending.insert(key);
            } else if self.reader.store.get(INDEX, &key)?.is_none() {
                self.problem(Some(index), "an index key is missing; `if-broker fsck --rebuild` makes it again");
            }
        }
        if let Some(command) = keys.command {
            self.derived.command_keys += 1;
            if self.reader.store.get(COMMANDS, &keys::command_key(&command.command, index))?.is_none() {
                self.problem(Some(index), "its command record is missing; `if-broker fsck --rebuild` makes it again");
            }
        }
        if self.reader.store.get(HASHES, &hash.0[..16])?.is_none() {
            self.problem(Some(index), "its hash record is missing; `if-broker fsck --rebuild` makes it again");
        }
        Ok(())
    }

    fn finish(mut self) -> Result<FsckReport, WitnessError> {
        for key in std::mem::take(&mut self.derived.pending) {
            if self.reader.store.get(INDEX, &key)?.is_none() {
                self.problem(None, "an index key of a pending command is missing");
            }
        }
        let expected = [(INDEX, self.derived.index_keys), (COMMANDS, self.derived.command_keys), (HASHES, self.report.entries)];
        for (family, expected) in expected {
            let found = self.count(family)?;
            if found != expected {
                self.problem(None, format!("{family} holds {found} keys, the entries make {expected}"));
            }
        }
        for index in self.reader.snapshot_indexes()? {
            if index >= self.report.entries {
                self.problem(None, format!("there is a snapshot of entry {index}, which does not exist"));
            }
        }
        Ok(self.report)
    }

    fn count(&self, family: &'static str) -> Result<u64, WitnessError> {
        let store = &self.reader.store;
        let mut options = rocksdb::ReadOptions::default();
        options.set_total_order_seek(true);
        let mut keys = 0;
        for item in store.db.iterator_cf_opt(store.family(family)?, options, IteratorMode::Start) {
            item.map_err(|e| store.read_error(&e))?;
            keys += 1;
        }
        Ok(keys)
    }
}

fn check_payload(body: &Body, payload: &Payload) -> Result<(), SchemaError> {
    match body.committed_payload()? {
        Some(hash) => payload.check(&hash),
        None => Err(SchemaError::HashMismatch { what: "payload" }),
    }
}
