//! Are the derived families exactly what the entries make? Every fact is hashed under a key drawn for this run; per
//! entry, the sum of what is expected must equal the sum of what is stored. Eight bytes per entry and family.

use crate::{
    WitnessError,
    bits::{BLOCK_ENTRIES, Block},
    keys::{self, Keys},
    postings::{command_value, hash_key},
    reader::be_u64,
    store::{COMMANDS, HASHES, INDEX, Store},
};
use if_schemas::Hash;
use rocksdb::{DBRawIterator, ReadOptions};
use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
};

/// Differences handed out; more would help nobody.
const DIFFERENCES_MAX: usize = 100;
/// Read ahead while walking a family, bytes.
const READAHEAD_BYTES: usize = 1024 * 1024;

/// Expected minus stored, by entry.
#[derive(Default)]
struct Sums(Vec<u64>);

impl Sums {
    fn add(&mut self, index: u64, fact: u64) {
        let at = index as usize;
        if self.0.len() <= at {
            self.0.resize(at + 1, 0);
        }
        self.0[at] = self.0[at].wrapping_add(fact);
    }

    /// False if the entry does not exist.
    fn remove(&mut self, index: u64, fact: u64) -> bool {
        let sum = usize::try_from(index).ok().and_then(|at| self.0.get_mut(at));
        sum.map(|s| *s = s.wrapping_sub(fact)).is_some()
    }
}

#[derive(Default)]
pub(crate) struct Tally {
    random: RandomState,
    index: Sums,
    commands: Sums,
    hashes: Sums,
}

type Difference = (Option<u64>, String);

impl Tally {
    fn fact(&self, parts: &[&[u8]]) -> u64 {
        let mut hasher = self.random.build_hasher();
        for part in parts {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        hasher.finish()
    }

    /// Notes what the entry at `index` makes.
    pub fn expect(&mut self, index: u64, hash: &Hash, keys: &Keys) {
        for c in &keys.changes {
            let fact = self.fact(&[&c.prefix]);
            self.index.add(c.row, if c.on { fact } else { fact.wrapping_neg() });
        }
        if let Some(c) = &keys.command {
            let fact = self.fact(&[&keys::command_key(&c.command, index), &command_value(c, hash)]);
            self.commands.add(index, fact);
        }
        let fact = self.fact(&[&hash_key(hash)]);
        self.hashes.add(index, fact);
        // So that every entry has a place, whatever it makes.
        self.index.add(index, 0);
        self.commands.add(index, 0);
    }

    /// Walks the families and names the entries whose facts differ.
    pub fn differences(&mut self, store: &Store, entries: u64) -> Result<Vec<Difference>, WitnessError> {
        let mut strays = Vec::new();
        self.walk_index(store, &mut strays)?;
        self.walk_plain(store, COMMANDS, &mut strays)?;
        self.walk_plain(store, HASHES, &mut strays)?;
        let named = [
            (&self.index, "its index keys are"),
            (&self.commands, "its command record is"),
            (&self.hashes, "its hash record is"),
        ];
        let wrong = named.into_iter().flat_map(|(sums, what)| {
            let differ = (0..entries).zip(&sums.0).filter(|(_, sum)| **sum != 0);
            differ.map(move |(index, _)| (Some(index), what.to_string()))
        });
        Ok(strays.into_iter().chain(wrong).take(DIFFERENCES_MAX).collect())
    }

    fn walk_index(&mut self, store: &Store, strays: &mut Vec<Difference>) -> Result<(), WitnessError> {
        each(store, INDEX, |key, value| {
            let (prefix, block) = key.split_at(key.len().saturating_sub(8));
            let fact = self.fact(&[prefix]);
            let Some(members) = Block::decode(value).filter(|_| block.len() == 8) else {
                return stray(strays, format!("the value of index key {key:02x?} is"));
            };
            for place in members.descending() {
                let row = be_u64(block).saturating_mul(BLOCK_ENTRIES).saturating_add(place);
                if !self.index.remove(row, fact) {
                    stray(strays, format!("the index names entry {row}, which does not exist: it is"));
                }
            }
        })
    }

    /// Families with one key per entry: the index ends the key, or is the value.
    fn walk_plain(
        &mut self,
        store: &Store,
        family: &'static str,
        strays: &mut Vec<Difference>,
    ) -> Result<(), WitnessError> {
        each(store, family, |key, value| {
            let known = if family == COMMANDS {
                let fact = self.fact(&[key, value]);
                key.last_chunk::<8>().is_some_and(|i| self.commands.remove(u64::from_be_bytes(*i), fact))
            } else {
                let fact = self.fact(&[key]);
                value.len() == 8 && self.hashes.remove(be_u64(value), fact)
            };
            if !known {
                stray(strays, format!("the key {key:02x?} of the family {family} is"));
            }
        })
    }
}

fn stray(strays: &mut Vec<Difference>, what: String) {
    if strays.len() < DIFFERENCES_MAX {
        strays.push((None, what));
    }
}

fn each(store: &Store, family: &'static str, mut visit: impl FnMut(&[u8], &[u8])) -> Result<(), WitnessError> {
    let mut options = ReadOptions::default();
    options.set_total_order_seek(true);
    options.set_readahead_size(READAHEAD_BYTES);
    options.fill_cache(false);
    let mut iterator: DBRawIterator<'_> = store.db.raw_iterator_cf_opt(store.family(family)?, options);
    iterator.seek_to_first();
    while let Some((key, value)) = iterator.item() {
        visit(key, value);
        iterator.next();
    }
    iterator.status().map_err(|e| store.read_error(&e))
}
