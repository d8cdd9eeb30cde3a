//! The writing side: one owner, one batch at a time, closed for ever after a failed write.

use crate::{
    Options, Reader, WitnessError,
    keys::{self, Keys},
    reader::HeadRecord,
    store::{COMMANDS, ENTRIES, HASHES, INDEX, PAYLOADS, SNAPSHOTS, Store},
};
use if_schemas::{CommandId, Entry, Hash, Payload};
use rocksdb::{WriteBatch, WriteOptions};
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
    /// Opens or creates. The newest entry is read back and its hash computed from its bytes.
    pub fn open(path: &Path, options: Options) -> Result<Self, WitnessError> {
        let store = Arc::new(Store::open(path, &options)?);
        let head = Reader::new(store.clone()).head()?;
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
        if self.latched {
            return Err(WitnessError::Latched { path: self.store.path.clone() });
        }
        // 1. Nothing but the direct continuation is written. A crash here changes nothing.
        let head = self.check_next(&batch)?;
        let write = self.build(&batch)?;
        // 2. One write of all families with one fsync of the write-ahead log: after a crash either the whole batch
        //    is there or none of it. Readers see it only once it is durable.
        if let Err(error) = self.write(write) {
            // 3. What reached the disk is unknown: refuse everything until a restart has read it.
            self.latched = true;
            return Err(error);
        }
        self.head = head;
        Ok(())
    }

    fn check_next(&self, batch: &Batch) -> Result<Option<HeadRecord>, WitnessError> {
        let mut head = self.head;
        for new in &batch.entries {
            let (index, prev) = head.map_or((0, Hash::ZERO), |h| (h.index + 1, h.hash));
            let is_next = new.entry.index == index && new.entry.prev == prev && new.hash == Entry::hash_bytes(&new.bytes);
            if !is_next {
                let head = head.map_or("none".into(), |h| h.index.to_string());
                return Err(WitnessError::NotNext { head, found: new.entry.index });
            }
            head = Some(HeadRecord { index, hash: new.hash, at: new.entry.at });
        }
        Ok(head)
    }

    fn build(&self, batch: &Batch) -> Result<WriteBatch, WitnessError> {
        let reader = self.reader();
        let mut write = WriteBatch::default();
        let mut opened: HashMap<CommandId, u64> = HashMap::new();
        for new in &batch.entries {
            let key = new.entry.index.to_be_bytes();
            write.put_cf(self.store.family(ENTRIES)?, key, &new.bytes);
            if let Some(payload) = &new.payload {
                write.put_cf(self.store.family(PAYLOADS)?, key, [payload.salt.0.as_slice(), &payload.bytes].concat());
            }
            let mut failed = None;
            let row_of = |id: &CommandId| {
                opened.get(id).copied().or_else(|| reader.row_of(id).unwrap_or_else(|e| {
                    failed = Some(e);
                    None
                }))
            };
            let keys = keys::derive(&new.entry, row_of)?;
            if let Some(error) = failed {
                return Err(error);
            }
            if let Some(command) = keys.command.as_ref().filter(|c| c.opens) {
                opened.insert(command.command, new.entry.index);
            }
            put_keys(&self.store, &mut write, &keys, new.entry.index, &new.hash)?;
        }
        if let Some((index, state)) = &batch.snapshot {
            self.put_snapshot(&mut write, *index, state)?;
        }
        Ok(write)
    }

    fn put_snapshot(&self, write: &mut WriteBatch, index: u64, state: &[u8]) -> Result<(), WitnessError> {
        let family = self.store.family(SNAPSHOTS)?;
        write.put_cf(family, index.to_be_bytes(), state);
        let kept = self.reader().snapshot_indexes()?;
        for old in kept.iter().rev().skip(SNAPSHOTS_KEPT - 1) {
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
            Some(_) => Err(WitnessError::Write { path: self.store.path.clone(), why: "a failure asked for by a test".into() }),
        }
    }
}

/// Adds the derived keys of one entry.
pub(crate) fn put_keys(store: &Store, write: &mut WriteBatch, keys: &Keys, index: u64, hash: &Hash) -> Result<(), WitnessError> {
    let family = store.family(INDEX)?;
    for key in &keys.deletes {
        write.delete_cf(family, key);
    }
    for key in &keys.puts {
        write.put_cf(family, key, []);
    }
    if let Some(c) = &keys.command {
        let envelope: &[u8] = c.envelope.as_ref().map_or(&[], |h| &h.0);
        write.put_cf(store.family(COMMANDS)?, keys::command_key(&c.command, index), [hash.0.as_slice(), envelope].concat());
    }
    write.put_cf(store.family(HASHES)?, &hash.0[..16], index.to_be_bytes());
    Ok(())
}
