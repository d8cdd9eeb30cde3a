//! Blocks of the index: which of 4,096 consecutive entries have a value.
//!
//! Sets instead of one key per row: a filter over a million entries is at most some hundred "and"s whatever it asks for,
//! and setting a bit is a blind merge of two bytes. Three encodings of a stored value, told apart by the first byte:
//! - `0`: changes in order, two bytes each: bit 15 means "remove", the low 12 bits are the place in the block;
//! - `1`: changes whose start is unknown: 512 bytes of bits added, then 512 bytes of bits removed;
//! - `2`: the whole set: 512 bytes of bits.

use rocksdb::MergeOperands;

/// Entries per block.
pub(crate) const BLOCK_ENTRIES: u64 = 4_096;
const WORDS: usize = (BLOCK_ENTRIES / 64) as usize;
const DENSE_BYTES: usize = WORDS * 8;
/// Beyond this many changes, bits are shorter than a list.
const LIST_MAX: usize = DENSE_BYTES / 2;
const REMOVE: u16 = 1 << 15;

const CHANGES: u8 = 0;
const BOTH: u8 = 1;
const SET: u8 = 2;

type Words = [u64; WORDS];

/// What was added, and what was removed from whatever an older value holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    set: Words,
    removed: Words,
}

impl Default for Block {
    fn default() -> Self {
        Self { set: [0; WORDS], removed: [0; WORDS] }
    }
}

/// Number of the block that holds entry `index`.
pub(crate) fn block_of(index: u64) -> u64 {
    index / BLOCK_ENTRIES
}

/// One change in two bytes.
pub(crate) fn change(index: u64, on: bool) -> u16 {
    let place = (index % BLOCK_ENTRIES) as u16;
    if on { place } else { place | REMOVE }
}

/// Encodes changes to one block, in order.
pub(crate) fn encode_changes(changes: &[u16]) -> Vec<u8> {
    if changes.len() > LIST_MAX {
        let mut block = Block::default();
        changes.iter().for_each(|c| block.change(*c));
        return block.encode_partial();
    }
    let mut out = Vec::with_capacity(1 + changes.len() * 2);
    out.push(CHANGES);
    changes.iter().for_each(|c| out.extend_from_slice(&c.to_be_bytes()));
    out
}

impl Block {
    /// The members of a stored value; none if it is not one.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut block = Self::default();
        block.apply(bytes).then_some(block)
    }

    pub fn and(&mut self, other: &Block) {
        self.set.iter_mut().zip(&other.set).for_each(|(a, b)| *a &= b);
    }

    /// Places of the members, highest first.
    pub fn descending(&self) -> impl Iterator<Item = u64> + '_ {
        (0..WORDS).rev().flat_map(|w| {
            let mut word = self.set[w];
            std::iter::from_fn(move || {
                let bit = 63u32.checked_sub(word.leading_zeros())?;
                word &= !(1 << bit);
                Some(w as u64 * 64 + u64::from(bit))
            })
        })
    }

    fn change(&mut self, change: u16) {
        let place = usize::from(change & !REMOVE) % (WORDS * 64);
        let (word, bit) = (place / 64, 1u64 << (place % 64));
        let adds = change & REMOVE == 0;
        let (to, from) = if adds { (&mut self.set, &mut self.removed) } else { (&mut self.removed, &mut self.set) };
        to[word] |= bit;
        from[word] &= !bit;
    }

    /// Applies a newer value on top. False if it is not one.
    fn apply(&mut self, bytes: &[u8]) -> bool {
        match bytes.split_first() {
            Some((&CHANGES, rest)) if rest.len() % 2 == 0 => {
                rest.chunks_exact(2).for_each(|c| self.change(u16::from_be_bytes([c[0], c[1]])));
                true
            }
            Some((&BOTH, rest)) if rest.len() == 2 * DENSE_BYTES => {
                let (added, removed) = (words(&rest[..DENSE_BYTES]), words(&rest[DENSE_BYTES..]));
                for w in 0..WORDS {
                    self.set[w] = (self.set[w] & !removed[w]) | added[w];
                    self.removed[w] = (self.removed[w] & !added[w]) | removed[w];
                }
                true
            }
            Some((&SET, rest)) if rest.len() == DENSE_BYTES => {
                *self = Self { set: words(rest), removed: [0; WORDS] };
                true
            }
            _ => false,
        }
    }

    /// With nothing older beneath, removals mean nothing.
    fn encode_full(&self) -> Vec<u8> {
        if count(&self.set) <= LIST_MAX {
            return encode_changes(&places(&self.set, 0));
        }
        dense(SET, &[&self.set])
    }

    fn encode_partial(&self) -> Vec<u8> {
        if count(&self.set) + count(&self.removed) <= LIST_MAX {
            let mut changes = places(&self.removed, REMOVE);
            changes.extend(places(&self.set, 0));
            return encode_changes(&changes);
        }
        dense(BOTH, &[&self.set, &self.removed])
    }
}

fn count(words: &Words) -> usize {
    words.iter().map(|w| w.count_ones() as usize).sum()
}

fn places(words: &Words, flag: u16) -> Vec<u16> {
    let all = (0..(WORDS * 64) as u16).filter(|p| (words[usize::from(*p) / 64] >> (p % 64)) & 1 == 1);
    all.map(|p| p | flag).collect()
}

fn dense(tag: u8, sets: &[&Words]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + sets.len() * DENSE_BYTES);
    out.push(tag);
    sets.iter().flat_map(|s| s.iter()).for_each(|w| out.extend_from_slice(&w.to_be_bytes()));
    out
}

/// `bytes` are `DENSE_BYTES` long: the caller checked.
fn words(bytes: &[u8]) -> Words {
    let mut out = [0; WORDS];
    for (word, chunk) in out.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = chunk.iter().fold(0, |w, b| (w << 8) | u64::from(*b));
    }
    out
}

/// RocksDB's merge with the oldest value at hand. None fails the read or compaction as corruption.
pub(crate) fn full_merge(_key: &[u8], oldest: Option<&[u8]>, operands: &MergeOperands) -> Option<Vec<u8>> {
    merged(oldest.into_iter().chain(operands.iter())).map(|b| b.encode_full())
}

/// RocksDB's merge of neighbours; what lies beneath is unknown.
pub(crate) fn partial_merge(_key: &[u8], oldest: Option<&[u8]>, operands: &MergeOperands) -> Option<Vec<u8>> {
    merged(oldest.into_iter().chain(operands.iter())).map(|b| b.encode_partial())
}

fn merged<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Option<Block> {
    values.try_fold(Block::default(), |mut block, value| block.apply(value).then_some(block))
}

#[cfg(test)]
mod tests;
