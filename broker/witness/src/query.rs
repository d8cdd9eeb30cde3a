//! Filters over rows: the sorted index lists of all conditions, walked together from the newest row down.

use crate::{
    Reader, WitnessError,
    keys::{Dimension, prefix},
    reader::be_u64,
    store::INDEX,
};
use if_schemas::{KeyId, Timestamp, TraceId};
use rocksdb::DBRawIterator;

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

struct List<'a> {
    prefix: Vec<u8>,
    iterator: DBRawIterator<'a>,
}

impl List<'_> {
    /// The largest row of this list that is at most `row`.
    fn at_most(&mut self, row: u64) -> Option<u64> {
        let mut key = self.prefix.clone();
        key.extend_from_slice(&row.to_be_bytes());
        self.iterator.seek_for_prev(&key);
        let found = self.iterator.key()?;
        let rest = found.strip_prefix(self.prefix.as_slice())?;
        (rest.len() == 8).then(|| be_u64(rest))
    }
}

impl Reader {
    /// Rows that match, newest first, and whether there are more.
    pub fn query(&self, filter: &Filter) -> Result<(Vec<u64>, bool), WitnessError> {
        let Some(head) = self.head()? else { return Ok((Vec::new(), false)) };
        let first = match filter.since {
            Some(since) => self.first_at(head.index, |at| at >= since)?,
            None => 0,
        };
        let end = match filter.until {
            Some(until) => self.first_at(head.index, |at| at > until)?,
            None => head.index + 1,
        };
        let family = self.store.family(INDEX)?;
        let open = |prefix| List { prefix, iterator: self.store.db.raw_iterator_cf(family) };
        let mut lists: Vec<List<'_>> = filter.prefixes().into_iter().map(open).collect();
        let mut rows = Vec::new();
        let mut below = end;
        while let Some(row) = below.checked_sub(1).and_then(|top| agree(&mut lists, top)).filter(|r| *r >= first) {
            if rows.len() == filter.limit {
                return Ok((rows, true));
            }
            rows.push(row);
            below = row;
        }
        for list in &lists {
            list.iterator.status().map_err(|e| self.store.read_error(&e))?;
        }
        Ok((rows, false))
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

/// The largest row at most `top` that is in every list.
fn agree(lists: &mut [List<'_>], top: u64) -> Option<u64> {
    let mut candidate = top;
    loop {
        let before = candidate;
        for list in lists.iter_mut() {
            candidate = list.at_most(candidate)?;
        }
        if candidate == before {
            return Some(candidate);
        }
    }
}
