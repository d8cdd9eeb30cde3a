//! Filters over rows: the index blocks of all conditions, intersected from the newest block down. A rare condition leaps
//! over whole blocks; conditions that are common but never meet cost one "and" per 4,096 entries.

use crate::{
    Reader, WitnessError,
    bits::{BLOCK_ENTRIES, Block, block_of},
    keys::{Dimension, prefix},
    reader::be_u64,
    store::INDEX,
};
use if_schemas::{KeyId, Timestamp, TraceId};
use rocksdb::{DBRawIterator, ReadOptions};

/// Conditions joined by "and".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub operation: Option<String>,
    pub provider: Option<String>,
    pub instance: Option<String>,
    pub actor: Option<KeyId>,
    pub trace: Option<TraceId>,
    pub status: Option<String>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// Rows wanted, newest first.
    pub limit: usize,
}

impl Filter {
    fn prefixes(&self) -> Vec<Vec<u8>> {
        let text = |d, v: &Option<String>| v.as_ref().map(|v| prefix(d, v.as_bytes()));
        let conditions = [
            text(Dimension::Operation, &self.operation),
            text(Dimension::Provider, &self.provider),
            text(Dimension::Instance, &self.instance),
            self.actor.map(|k| prefix(Dimension::Actor, &k.0)),
            self.trace.map(|t| prefix(Dimension::Trace, t.as_bytes())),
            text(Dimension::Status, &self.status),
        ];
        let mut prefixes: Vec<_> = conditions.into_iter().flatten().collect();
        if prefixes.is_empty() {
            prefixes.push(prefix(Dimension::Row, &[]));
        }
        prefixes
    }
}

/// The blocks of one value, walked downwards.
struct List<'a> {
    prefix: Vec<u8>,
    iterator: DBRawIterator<'a>,
}

impl List<'_> {
    /// The highest block of this list that is at most `block`.
    fn at_most(&mut self, block: u64) -> Option<u64> {
        let mut key = self.prefix.clone();
        key.extend_from_slice(&block.to_be_bytes());
        // Mostly it is the next one down.
        if self.iterator.valid() {
            self.iterator.prev();
        }
        if self.iterator.key().is_none_or(|k| k > key.as_slice()) {
            self.iterator.seek_for_prev(&key);
        }
        let rest = self.iterator.key()?.strip_prefix(self.prefix.as_slice())?;
        (rest.len() == 8).then(|| be_u64(rest))
    }
}

impl Reader {
    /// Rows that match, newest first, and whether there are more.
    pub fn query(&self, filter: &Filter) -> Result<(Vec<u64>, bool), WitnessError> {
        let Some((first, last)) = self.between(filter.since, filter.until)? else { return Ok((Vec::new(), false)) };
        // One moment for all lists: a command that settles meanwhile is either pending or settled, not neither.
        let snapshot = self.store.db.snapshot();
        let family = self.store.family(INDEX)?;
        let open = |prefix: Vec<u8>| {
            let mut options = ReadOptions::default();
            options.set_snapshot(&snapshot);
            options.set_iterate_lower_bound(prefix.clone());
            List { prefix, iterator: self.store.db.raw_iterator_cf_opt(family, options) }
        };
        let mut lists: Vec<List<'_>> = filter.prefixes().into_iter().map(open).collect();
        let found = self.collect(&mut lists, first, last, filter.limit)?;
        for list in &lists {
            list.iterator.status().map_err(|e| self.store.read_error(&e))?;
        }
        Ok(found)
    }

    /// First and last entry of that time, both inclusive; none if there is none.
    pub fn between(
        &self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Option<(u64, u64)>, WitnessError> {
        let Some(head) = self.head()? else { return Ok(None) };
        let first = match since {
            Some(since) => self.first_at(head.index, |at| at >= since)?,
            None => 0,
        };
        let end = match until {
            Some(until) => self.first_at(head.index, |at| at > until)?,
            None => head.index + 1,
        };
        Ok(end.checked_sub(1).filter(|last| first <= *last).map(|last| (first, last)))
    }

    /// Rows `first..=last` that are in every list.
    fn collect(
        &self,
        lists: &mut [List<'_>],
        first: u64,
        last: u64,
        limit: usize,
    ) -> Result<(Vec<u64>, bool), WitnessError> {
        let mut rows = Vec::new();
        let mut below = block_of(last) + 1;
        while let Some(block) = below.checked_sub(1).and_then(|top| agree(lists, top)).filter(|b| *b >= block_of(first))
        {
            for place in self.common(lists)?.descending() {
                let row = block * BLOCK_ENTRIES + place;
                if row > last || row < first {
                    continue;
                }
                if rows.len() == limit {
                    return Ok((rows, true));
                }
                rows.push(row);
            }
            below = block;
        }
        Ok((rows, false))
    }

    /// What the blocks the lists stand on have in common.
    fn common(&self, lists: &[List<'_>]) -> Result<Block, WitnessError> {
        let bad = || WitnessError::Read {
            path: self.store.path.clone(),
            why: "a block of the index is damaged; `if-broker fsck --rebuild` makes it again".into(),
        };
        let block = |list: &List<'_>| list.iterator.value().and_then(Block::decode).ok_or_else(bad);
        let mut common: Option<Block> = None;
        for list in lists {
            let next = block(list)?;
            match &mut common {
                Some(common) => common.and(&next),
                None => common = Some(next),
            }
        }
        Ok(common.unwrap_or_default())
    }

    /// The first entry whose time satisfies `from`, which once true stays true; head + 1 if none does.
    fn first_at(&self, head: u64, from: impl Fn(Timestamp) -> bool) -> Result<u64, WitnessError> {
        let (mut low, mut high) = (0, head + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.time_of(middle)? {
                Some(at) if !from(at) => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }
}

/// The highest block at most `top` that every list has; all lists stand on it then.
fn agree(lists: &mut [List<'_>], top: u64) -> Option<u64> {
    let mut at: Vec<Option<u64>> = vec![None; lists.len()];
    let mut candidate = top;
    while at.iter().any(|a| *a != Some(candidate)) {
        for (list, at) in lists.iter_mut().zip(&mut at) {
            if *at != Some(candidate) {
                candidate = list.at_most(candidate)?;
                *at = Some(candidate);
            }
        }
    }
    Some(candidate)
}
