//! Checking and mending a log. Entries are never changed; derived families can be made again.

use crate::{
    Log, Options, Reader, WitnessError,
    payloads::StoredPayload,
    rebuild,
    store::{ENTRIES, SNAPSHOTS, Store},
    tally::Tally,
};
use if_schemas::{CommandId, Entry, Hash, Timestamp};
use std::{collections::HashMap, fmt, path::Path, sync::Arc};

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
    /// Payloads there, each matching its commitment or named among the problems.
    pub payloads: u64,
    /// Payloads erased on request.
    pub erased: u64,
    /// At most [`PROBLEMS_MAX`].
    pub problems: Vec<Problem>,
}

/// Checks the log at `path` without changing a byte of it. With a broker at work, checks what was there at the start.
/// `progress(done, total)` is called now and then.
pub fn fsck(path: &Path, progress: impl FnMut(u64, u64)) -> Result<FsckReport, WitnessError> {
    let strict = Store::open_read_only(path, &Options::default(), true);
    match strict {
        Ok(store) => check(&Reader::new(Arc::new(store)), progress),
        Err(error @ WitnessError::Open { .. }) => {
            // Files that do not add up: look at what can still be read, so that the entries lost have names.
            let Ok(store) = Store::open_read_only(path, &Options::default(), false) else { return Err(error) };
            let mut report = check(&Reader::new(Arc::new(store)), progress)?;
            report.problems.insert(0, Problem { index: None, what: error.to_string() });
            Ok(report)
        }
        Err(error) => Err(error),
    }
}

/// Makes the derived families again from the entries, then checks. Nobody else may have the log open.
pub fn rebuild(path: &Path) -> Result<FsckReport, WitnessError> {
    // Refuses a directory without a log rather than making one.
    drop(Store::open_read_only(path, &Options::default(), false)?);
    let log = Log::open(path, Options::default())?;
    rebuild::run(&log.reader())?;
    check(&log.reader(), |_, _| {})
}

/// Checks a log that is already open.
pub fn check(reader: &Reader, mut progress: impl FnMut(u64, u64)) -> Result<FsckReport, WitnessError> {
    let total = last_index(reader)?.map_or(0, |last| last + 1);
    let mut checker = Checker::new(reader);
    while checker.report.entries < total {
        match reader.range(checker.report.entries, u64::MAX, CHUNK_BYTES, false) {
            Ok(rows) if rows.is_empty() => break,
            Ok(rows) => {
                for row in rows {
                    checker.entry(row.index, &row.bytes);
                }
            }
            Err(_) => checker.past_the_damage(total),
        }
        progress(checker.report.entries.min(total), total);
    }
    checker.finish()
}

/// Index of the last entry, even if that one cannot be read.
fn last_index(reader: &Reader) -> Result<Option<u64>, WitnessError> {
    let store = &reader.store;
    let mut iterator = store.db.raw_iterator_cf(store.family(ENTRIES)?);
    iterator.seek_to_last();
    if let Some(key) = iterator.key() {
        return Ok(Some(crate::reader::be_u64(key)));
    }
    if iterator.status().is_ok() {
        return Ok(None);
    }
    let files = store.db.live_files().map_err(|e| store.read_error(&e))?;
    let ends = files.into_iter().filter(|f| f.column_family_name == ENTRIES).filter_map(|f| f.end_key);
    Ok(ends.max().map(|key| crate::reader::be_u64(&key)))
}

/// Walks the entries in order.
struct Checker<'a> {
    reader: &'a Reader,
    report: FsckReport,
    /// Hash of the entry before; none if it could not be read.
    prev: Option<Hash>,
    at: Timestamp,
    rows_of: HashMap<CommandId, u64>,
    tally: Tally,
    /// Entries the tally knows nothing of, so that comparing it would only make noise.
    unknown: u64,
}

impl<'a> Checker<'a> {
    fn new(reader: &'a Reader) -> Self {
        Self {
            reader,
            report: FsckReport::default(),
            prev: Some(Hash::ZERO),
            at: Timestamp(i64::MIN),
            rows_of: HashMap::new(),
            tally: Tally::default(),
            unknown: 0,
        }
    }

    fn problem(&mut self, index: Option<u64>, what: impl Into<String>) {
        if self.report.problems.len() < PROBLEMS_MAX {
            self.report.problems.push(Problem { index, what: what.into() });
        }
    }

    /// Reads one by one until something is readable again behind something that is not.
    fn past_the_damage(&mut self, total: u64) {
        let mut seen_damage = false;
        while self.report.entries < total {
            let index = self.report.entries;
            match self.reader.entry(index) {
                Ok(Some(bytes)) => {
                    self.entry(index, &bytes);
                    if seen_damage {
                        return;
                    }
                }
                Ok(None) => {
                    self.lost(index, "missing");
                    seen_damage = true;
                }
                Err(e) => {
                    self.lost(index, format!("it cannot be read: {e}"));
                    seen_damage = true;
                }
            }
        }
    }

    /// An entry that is not there to be checked.
    fn lost(&mut self, index: u64, what: impl Into<String>) {
        self.problem(Some(index), what);
        self.report.entries = index + 1;
        self.prev = None;
        self.unknown += 1;
    }

    fn entry(&mut self, key: u64, bytes: &[u8]) {
        let due = self.report.entries;
        if key != due {
            self.problem(Some(due), format!("missing; the next one stored is {key}"));
            self.unknown += key - due;
        }
        self.report.entries = key + 1;
        let hash = Entry::hash_bytes(bytes);
        let prev = self.prev.replace(hash);
        let entry = match Entry::decode(bytes) {
            Ok(entry) => entry,
            Err(e) => {
                self.problem(Some(key), e.to_string());
                self.unknown += 1;
                return;
            }
        };
        if entry.index != key {
            self.problem(Some(key), format!("it says it is entry {}", entry.index));
            self.unknown += 1;
            return;
        }
        if let Some(prev) = prev.filter(|p| *p != entry.prev) {
            self.problem(Some(key), format!("prev is {}, the entry before has hash {prev}", entry.prev));
        }
        if entry.at < self.at {
            self.problem(Some(key), format!("its time {} is before the previous entry's {}", entry.at, self.at));
        }
        self.at = entry.at;
        match rebuild::derive(&entry, &mut self.rows_of) {
            Ok(keys) => {
                self.payload(key, keys.payload);
                self.tally.expect(key, &hash, &keys);
            }
            Err(e) => {
                self.problem(Some(key), e.to_string());
                self.unknown += 1;
            }
        }
    }

    fn payload(&mut self, index: u64, committed: Option<Hash>) {
        let stored = match self.reader.stored_payload(index) {
            Ok(stored) => stored,
            Err(e) => return self.problem(Some(index), format!("its payload cannot be read: {e}")),
        };
        match (committed, stored) {
            (None, None) | (Some(_), Some(StoredPayload::NotGiven)) => {}
            (Some(_), Some(StoredPayload::Erased)) => self.report.erased += 1,
            (Some(hash), Some(StoredPayload::Present(payload))) => {
                self.report.payloads += 1;
                if let Err(e) = payload.check(&hash) {
                    self.problem(Some(index), e.to_string());
                }
            }
            (Some(_), None) => self.problem(Some(index), "its payload is lost: neither there nor erased on request"),
            (None, Some(_)) => self.problem(Some(index), "it commits to no payload, but one is stored"),
        }
    }

    fn finish(mut self) -> Result<FsckReport, WitnessError> {
        if self.reader.store.is_rebuilding()? {
            self.problem(
                None,
                "a rebuild of the indexes was cut short; opening the log, or `if-broker fsck --rebuild`, finishes it",
            );
        } else if self.unknown > 0 {
            let what = format!("the indexes were not compared: {} entries cannot be read", self.unknown);
            self.problem(None, what);
        } else {
            for (index, what) in self.tally.differences(&self.reader.store, self.report.entries)? {
                let what = format!("{what} not what the entries make; `if-broker fsck --rebuild` makes it again");
                self.problem(index, what);
            }
        }
        for index in self.snapshots()? {
            if index >= self.report.entries {
                self.problem(None, format!("there is a snapshot of entry {index}, which does not exist"));
            }
        }
        Ok(self.report)
    }

    fn snapshots(&mut self) -> Result<Vec<u64>, WitnessError> {
        match self.reader.snapshot_indexes() {
            Ok(indexes) => Ok(indexes),
            Err(e) => {
                self.problem(None, format!("the family {SNAPSHOTS} cannot be read: {e}"));
                Ok(Vec::new())
            }
        }
    }
}
