//! From the keys of entries to writes of the derived families: what appending, checking and rebuilding agree on.

use crate::{
    WitnessError,
    bits::{block_of, change, encode_changes},
    keys::{self, CommandKey, Keys},
    store::{COMMANDS, HASHES, INDEX, Store},
};
use if_schemas::Hash;
use rocksdb::WriteBatch;
use std::collections::HashMap;

/// Bytes of an entry hash in a key of the hash family; the entry decides whether it is the one.
const HASH_KEY_BYTES: usize = 16;

/// Derived writes of many entries. Changes to one block become one merge.
#[derive(Default)]
pub(crate) struct Postings {
    blocks: HashMap<Vec<u8>, Vec<u16>>,
    commands: Vec<(Vec<u8>, Vec<u8>)>,
    hashes: Vec<(Vec<u8>, u64)>,
}

impl Postings {
    pub fn add(&mut self, index: u64, hash: &Hash, keys: Keys) {
        for c in keys.changes {
            let mut key = c.prefix;
            key.extend_from_slice(&block_of(c.row).to_be_bytes());
            self.blocks.entry(key).or_default().push(change(c.row, c.on));
        }
        if let Some(c) = &keys.command {
            self.commands.push((keys::command_key(&c.command, index), command_value(c, hash)));
        }
        self.hashes.push((hash_key(hash), index));
    }

    pub fn write_to(self, store: &Store, write: &mut WriteBatch) -> Result<(), WitnessError> {
        let (index, commands, hashes) = (store.family(INDEX)?, store.family(COMMANDS)?, store.family(HASHES)?);
        for (key, changes) in self.blocks {
            write.merge_cf(index, key, encode_changes(&changes));
        }
        for (key, value) in self.commands {
            write.put_cf(commands, key, value);
        }
        for (key, at) in self.hashes {
            write.put_cf(hashes, key, at.to_be_bytes());
        }
        Ok(())
    }
}

pub(crate) fn hash_key(hash: &Hash) -> Vec<u8> {
    hash.0[..HASH_KEY_BYTES].to_vec()
}

/// `what it is to the command ‖ entry hash ‖ envelope hash (or nothing)`.
pub(crate) fn command_value(command: &CommandKey, entry: &Hash) -> Vec<u8> {
    let envelope: &[u8] = command.envelope.as_ref().map_or(&[], |h| &h.0);
    [&[command.flags.to_byte()], entry.0.as_slice(), envelope].concat()
}
