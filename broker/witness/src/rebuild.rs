//! Making the derived families again from the entries. A crash anywhere leaves the marker, and the next opening of the
//! log starts over: without complete command records, a command could be admitted twice.

use crate::{
    Reader, WitnessError, keys,
    keys::{Flags, Keys},
    postings::Postings,
    store::{DERIVED, REBUILDING_KEY, Store},
};
use if_schemas::{CommandId, Entry, SchemaError};
use rocksdb::{BottommostLevelCompaction, CompactOptions, WriteBatch, WriteOptions};
use std::collections::HashMap;

/// Entries read and written at once, bytes.
const CHUNK_BYTES: usize = 2 * 1024 * 1024;
/// Above every key of these families.
const ABOVE_ALL: [u8; 128] = [0xff; 128];

pub(crate) fn run(reader: &Reader) -> Result<(), WitnessError> {
    let store = &reader.store;
    let mut clear = WriteBatch::default();
    clear.put(REBUILDING_KEY, []);
    for family in DERIVED {
        clear.delete_range_cf(store.family(family)?, &[][..], &ABOVE_ALL[..]);
    }
    write(store, clear)?;
    let mut rows_of = HashMap::new();
    let mut next = 0;
    loop {
        let rows = reader.range(next, u64::MAX, CHUNK_BYTES, false)?;
        let Some(last) = rows.last() else { break };
        next = last.index + 1;
        let mut postings = Postings::default();
        for row in &rows {
            let damaged = |source| WitnessError::Damaged { index: row.index, source };
            let entry = Entry::decode(&row.bytes).map_err(damaged)?;
            let keys = derive(&entry, &mut rows_of).map_err(damaged)?;
            postings.add(row.index, &Entry::hash_bytes(&row.bytes), keys);
        }
        let mut batch = WriteBatch::default();
        postings.write_to(store, &mut batch)?;
        write(store, batch)?;
    }
    let mut done = WriteBatch::default();
    done.delete(REBUILDING_KEY);
    write(store, done)?;
    // What was cleared goes from the disk too, and merges become plain values.
    let mut force = CompactOptions::default();
    force.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
    for family in DERIVED {
        store.db.compact_range_cf_opt(store.family(family)?, None::<&[u8]>, None::<&[u8]>, &force);
    }
    Ok(())
}

fn write(store: &Store, batch: WriteBatch) -> Result<(), WitnessError> {
    let mut options = WriteOptions::default();
    options.set_sync(true);
    store.db.write_opt(batch, &options).map_err(|e| store.write_error(&e))
}

/// Derives with the rows of commands still open held in memory: the families may be what is broken.
pub(crate) fn derive(entry: &Entry, rows_of: &mut HashMap<CommandId, u64>) -> Result<Keys, SchemaError> {
    let keys = keys::derive(entry, |id| rows_of.get(id).copied())?;
    if let Some(command) = &keys.command {
        if command.flags == Flags::Opens {
            rows_of.insert(command.command, entry.index);
        }
        if keys.changes.iter().any(|c| !c.on) {
            rows_of.remove(&command.command);
        }
    }
    Ok(keys)
}
