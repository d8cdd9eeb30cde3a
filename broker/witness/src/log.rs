//! The writing side: one owner, one batch at a time, closed for ever after a failed write.

use crate::{
    Options, Reader, WitnessError,
    keys::{self, Flags},
    payloads::StoredPayload,
    postings::Postings,
    reader::HeadRecord,
    rebuild,
    store::{ENTRIES, PAYLOADS, SNAPSHOTS, Store},
};
use if_schemas::{CommandId, Entry, Hash, Payload};
use rocksdb::{BottommostLevelCompaction, CompactOptions, FlushOptions, WriteBatch, WriteOptions};
use std::{collections::HashMap, path::Path, sync::Arc};

/// Snapshots kept: the newest, and one to fall back to.
const SNAPSHOTS_KEPT: usize = 2;

/// An entry to append, in its exact bytes.
#[derive(Debug, Clone)]
pub struct NewEntry {
    pub entry: Entry,
    pub bytes: Vec<u8>,
    pub hash: Hash,
    pub payload: Option<Payload>,
}

/// Entries that become durable together.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    pub entries: Vec<NewEntry>,
    /// State after entry `.0`, which must be the last of this batch or the head if it is empty.
    pub snapshot: Option<(u64, Vec<u8>)>,
}

/// Failures a test can ask for: what a disk may do to one write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The write fails and nothing reached the disk.
    NotPersisted,
    /// The write reports failure although everything reached the disk.
    Persisted,
}

/// The only writer of a log.
pub struct Log {
    store: Arc<Store>,
    head: Option<HeadRecord>,
    latched: bool,
    fault: Option<Fault>,
}

impl Log {
    /// Opens or creates. The newest entry is read back and its hash computed from its bytes; a rebuild of the indexes
    /// that was cut short is done again.
    pub fn open(path: &Path, options: Options) -> Result<Self, WitnessError> {
        let store = Arc::new(Store::open(path, &options)?);
        let reader = Reader::new(store.clone());
        if store.is_rebuilding()? {
            tracing::warn!(path = %path.display(), "an index rebuild was cut short: doing it again");
            rebuild::run(&reader)?;
        }
        let head = reader.head()?;
        Ok(Self { store, head, latched: false, fault: None })
    }

    pub fn reader(&self) -> Reader {
        Reader::new(self.store.clone())
    }

    pub fn head(&self) -> Option<&HeadRecord> {
        self.head.as_ref()
    }

    /// Makes the next write fail, for tests of what follows.
    #[doc(hidden)]
    pub fn fail_next_write(&mut self, fault: Fault) {
        self.fault = Some(fault);
    }

    /// Makes `batch` durable, or closes the log.
    pub fn append(&mut self, batch: Batch) -> Result<(), WitnessError> {
        self.or_latch(|log| {
            // 1. Nothing but the direct continuation is written. A crash here changes nothing.
            let head = log.check_next(&batch)?;
            let write = log.build(&batch)?;
            // 2. One write of all families with one fsync of the write-ahead log: after a crash either the whole batch
            //    is there or none of it. Readers see it only once it is durable.
            log.write(write)?;
            // 3. Memory follows the disk. A crash here changes nothing: opening reads the head back.
            log.head = head;
            Ok(())
        })
    }

    /// Erases a payload for good, from the files too; the entry and the chain stay as they are. False if there is none.
    /// Rewrites the files that held it, which takes long in a large log.
    pub fn erase_payload(&mut self, index: u64) -> Result<bool, WitnessError> {
        if self.reader().payload(index)?.is_none() {
            return Ok(false);
        }
        self.or_latch(|log| {
            let key = index.to_be_bytes();
            let mut write = WriteBatch::default();
            write.put_cf(log.store.family(PAYLOADS)?, key, StoredPayload::Erased.encode());
            log.write(write)?;
            log.scrub_payload(key)
        })?;
        Ok(true)
    }

    /// Gets rid of older versions: out of the buffers, out of the write-ahead log (dropped once all are flushed), out of
    /// the tables.
    fn scrub_payload(&self, key: [u8; 8]) -> Result<(), WitnessError> {
        let mut wait = FlushOptions::default();
        wait.set_wait(true);
        for family in crate::store::FAMILIES {
            let flushed = self.store.db.flush_cf_opt(self.store.family(family)?, &wait);
            flushed.map_err(|e| self.store.write_error(&e))?;
        }
        self.store.db.flush_opt(&wait).map_err(|e| self.store.write_error(&e))?;
        let mut force = CompactOptions::default();
        force.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        self.store.db.compact_range_cf_opt(self.store.family(PAYLOADS)?, Some(key), Some(key), &force);
        Ok(())
    }

    /// Any failure closes the log: what reached the disk, or what the caller believes, is no longer known. Only a
    /// restart, which reads what is on disk, opens it again.
    fn or_latch<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, WitnessError>) -> Result<T, WitnessError> {
        if self.latched {
            return Err(WitnessError::Latched { path: self.store.path.clone() });
        }
        work(self).inspect_err(|_| self.latched = true)
    }

    fn check_next(&self, batch: &Batch) -> Result<Option<HeadRecord>, WitnessError> {
        let mut head = self.head;
        for new in &batch.entries {
            let (index, prev) = head.map_or((0, Hash::ZERO), |h| (h.index + 1, h.hash));
            let is_next =
                new.entry.index == index && new.entry.prev == prev && new.hash == Entry::hash_bytes(&new.bytes);
            if !is_next {
                let head = head.map_or("none".into(), |h| h.index.to_string());
                return Err(WitnessError::NotNext { head, found: new.entry.index });
            }
            if let Some(before) = head.filter(|h| new.entry.at < h.at) {
                let why = format!("its time {} is before {}, that of the entry before", new.entry.at, before.at);
                return Err(WitnessError::BadEntry { index, why });
            }
            debug_assert_eq!(Entry::decode(&new.bytes).as_ref(), Ok(&new.entry), "bytes and entry differ");
            head = Some(HeadRecord { index, hash: new.hash, at: new.entry.at });
        }
        Ok(head)
    }

    fn build(&self, batch: &Batch) -> Result<WriteBatch, WitnessError> {
        let reader = self.reader();
        let mut write = WriteBatch::default();
        let mut postings = Postings::default();
        let mut opened: HashMap<CommandId, u64> = HashMap::new();
        for new in &batch.entries {
            let key = new.entry.index.to_be_bytes();
            write.put_cf(self.store.family(ENTRIES)?, key, &new.bytes);
            let mut failed = None;
            let row_of = |id: &CommandId| {
                opened.get(id).copied().or_else(|| {
                    reader.row_of(id).unwrap_or_else(|e| {
                        failed = Some(e);
                        None
                    })
                })
            };
            let keys = keys::derive(&new.entry, row_of)?;
            if let Some(error) = failed {
                return Err(error);
            }
            if let Some(command) = keys.command.as_ref().filter(|c| c.flags == Flags::Opens) {
                opened.insert(command.command, new.entry.index);
            }
            if let Some(payload) = payload_record(new, keys.payload)? {
                write.put_cf(self.store.family(PAYLOADS)?, key, payload.encode());
            }
            postings.add(new.entry.index, &new.hash, keys);
        }
        postings.write_to(&self.store, &mut write)?;
        if let Some((index, state)) = &batch.snapshot {
            self.put_snapshot(&mut write, *index, state)?;
        }
        Ok(write)
    }

    fn put_snapshot(&self, write: &mut WriteBatch, index: u64, state: &[u8]) -> Result<(), WitnessError> {
        let family = self.store.family(SNAPSHOTS)?;
        write.put_cf(family, index.to_be_bytes(), state);
        let kept = self.reader().snapshot_indexes()?;
        // The one at the same index is replaced, not one more.
        for old in kept.iter().rev().filter(|old| **old != index).skip(SNAPSHOTS_KEPT - 1) {
            write.delete_cf(family, old.to_be_bytes());
        }
        Ok(())
    }

    fn write(&mut self, batch: WriteBatch) -> Result<(), WitnessError> {
        let mut options = WriteOptions::default();
        options.set_sync(true);
        let fault = self.fault.take();
        if fault != Some(Fault::NotPersisted) {
            self.store.db.write_opt(batch, &options).map_err(|e| self.store.write_error(&e))?;
        }
        match fault {
            None => Ok(()),
            Some(_) => {
                Err(WitnessError::Write { path: self.store.path.clone(), why: "a failure asked for by a test".into() })
            }
        }
    }
}

/// What to store beside an entry whose envelope commits to `committed`.
fn payload_record(new: &NewEntry, committed: Option<Hash>) -> Result<Option<StoredPayload>, WitnessError> {
    let bad = |why: String| WitnessError::BadEntry { index: new.entry.index, why };
    match (committed, &new.payload) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(bad("it commits to no payload but comes with one".into())),
        (Some(_), None) => Ok(Some(StoredPayload::NotGiven)),
        (Some(hash), Some(payload)) => {
            payload.check(&hash).map_err(|e| bad(e.to_string()))?;
            Ok(Some(StoredPayload::Present(payload.clone())))
        }
    }
}
