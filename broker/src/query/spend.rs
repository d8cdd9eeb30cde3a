//! What was spent on what, from the settlements in the log: the same figures as the ledger's.

use super::{NoAnswer, Queries};
use crate::windows;
use if_schemas::{
    Body, Command, CommandId, Currency, Entry, KeyId, Money, ResultEvent, Timestamp,
    price::Quote,
    query::{GroupBy, SpendAnswer, SpendQuery, SpendRow},
};
use if_witness::Filter;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// Most entries one answer is made from.
const ENTRIES_MAX: u64 = 1_000_000;
/// Most groups of one answer.
const GROUPS_MAX: usize = 10_000;
/// Most commands in flight that are looked at: all there can be.
const PENDING_MAX: usize = 50_000;
/// Entries read at once, bytes.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// A paid command as it was admitted.
struct Paid {
    command: Command,
    actor: KeyId,
    quote: Quote,
    reserved: Money,
}

/// Sums of one group.
#[derive(Default)]
struct Sums {
    count: u64,
    posted: BTreeMap<Currency, i64>,
    pending: u64,
    reserved: BTreeMap<Currency, i64>,
}

impl Sums {
    fn into_row(self, group: Vec<String>) -> SpendRow {
        let list = |sums: BTreeMap<Currency, i64>| {
            sums.into_iter().map(|(currency, amount_micros)| Money { amount_micros, currency }).collect()
        };
        let (posted, reserved) = (list(self.posted), list(self.reserved));
        SpendRow { group, count: self.count, posted, pending: self.pending, reserved }
    }
}

fn add(sums: &mut BTreeMap<Currency, i64>, money: Money) {
    let sum = sums.entry(money.currency).or_default();
    // The ledger has the same sum and was checked when the entry was written.
    *sum = sum.saturating_add(money.amount_micros);
}

/// A question with its names resolved.
struct Asked<'a> {
    query: &'a SpendQuery,
    operator: Option<KeyId>,
    zone: TimeZone,
    groups: BTreeMap<Vec<String>, Sums>,
    total: Sums,
}

impl Queries {
    pub(super) fn spend(&self, q: &SpendQuery) -> Result<SpendAnswer, NoAnswer> {
        let view = self.shared.view.load_full();
        let zone = match &q.zone {
            None => TimeZone::UTC,
            Some(name) => windows::zone(name).ok_or_else(|| {
                NoAnswer::new(format!("no time zone is called {name:?}"), "use an IANA name like Europe/Berlin")
            })?,
        };
        let operator = q.operator.as_deref().map(|o| self.actor(o)).transpose()?;
        let mut asked = Asked { query: q, operator, zone, groups: BTreeMap::new(), total: Sums::default() };
        if let Some((first, last)) = self.reader.between(q.since, q.until)? {
            self.add_settled(&mut asked, first, last.min(view.head.index))?;
        }
        if q.until.is_none_or(|until| until >= view.head.at) {
            self.add_pending(&mut asked, view.head.at)?;
        }
        let rows = asked.groups.into_iter().map(|(group, sums)| sums.into_row(group)).collect();
        let (reporting, head) = (view.money.book.reporting(), view.head.index);
        Ok(SpendAnswer { reporting, rows, total: asked.total.into_row(Vec::new()), head })
    }

    fn add_settled(&self, asked: &mut Asked<'_>, first: u64, last: u64) -> Result<(), NoAnswer> {
        if last.saturating_sub(first) >= ENTRIES_MAX {
            let text =
                format!("the log has {} entries in that time, {ENTRIES_MAX} are counted at once", last - first + 1);
            return Err(NoAnswer::new(text, "ask for a shorter time with --since and --until"));
        }
        let mut next = first;
        while next <= last {
            let rows = self.reader.range(next, last, CHUNK_BYTES, false)?;
            let Some(end) = rows.last() else { return Ok(()) };
            next = end.index + 1;
            for row in &rows {
                let entry = Entry::decode(&row.bytes)?;
                let (command, settlement) = match &entry.body {
                    Body::Completed { envelope, settlement } => {
                        (envelope.read_unverified::<ResultEvent>()?.command, settlement)
                    }
                    Body::Unresolved { command, settlement, .. } => (*command, settlement),
                    _ => continue,
                };
                let Some(paid) = self.paid(&command)? else { continue };
                let posted = settlement.posted;
                self.count(asked, &paid, entry.at, |sums| {
                    sums.count += 1;
                    add(&mut sums.posted, posted);
                })?;
            }
        }
        Ok(())
    }

    fn add_pending(&self, asked: &mut Asked<'_>, now: Timestamp) -> Result<(), NoAnswer> {
        let q = asked.query;
        let filter = Filter {
            status: Some("pending".into()),
            provider: q.provider.as_ref().map(ToString::to_string),
            instance: q.instance.as_ref().map(ToString::to_string),
            operation: q.operation.clone(),
            limit: PENDING_MAX,
            ..Filter::default()
        };
        for index in self.reader.query(&filter)?.0 {
            let Some(paid) = paid_of(self.entry(index)?.1)? else { continue };
            let reserved = paid.reserved;
            self.count(asked, &paid, now, |sums| {
                sums.pending += 1;
                add(&mut sums.reserved, reserved);
            })?;
        }
        Ok(())
    }

    /// Adds to the group of a command and to the total, if the command is asked for.
    fn count(
        &self,
        asked: &mut Asked<'_>,
        paid: &Paid,
        at: Timestamp,
        add: impl Fn(&mut Sums),
    ) -> Result<(), NoAnswer> {
        let (q, c) = (asked.query, &paid.command);
        let wanted = q.provider.as_ref().is_none_or(|p| *p == c.provider)
            && q.instance.as_ref().is_none_or(|i| *i == c.instance)
            && q.operation.as_ref().is_none_or(|o| o == c.operation.as_str())
            && q.session.as_ref().is_none_or(|s| Some(s) == c.session.as_ref())
            && asked.operator.is_none_or(|key| self.is_same_member(&key, &paid.actor));
        if !wanted {
            return Ok(());
        }
        let group: Vec<String> = q.group_by.iter().map(|by| self.group(*by, paid, at, &asked.zone)).collect();
        if asked.groups.len() >= GROUPS_MAX && !asked.groups.contains_key(&group) {
            let text = format!("the answer has more than {GROUPS_MAX} rows");
            return Err(NoAnswer::new(text, "group by less, or ask for a shorter time"));
        }
        add(asked.groups.entry(group).or_default());
        add(&mut asked.total);
        Ok(())
    }

    /// Keys that a member has rotated through are all that member's.
    fn is_same_member(&self, one: &KeyId, other: &KeyId) -> bool {
        one == other || self.name(one).is_some_and(|name| self.name(other) == Some(name))
    }

    fn group(&self, by: GroupBy, paid: &Paid, at: Timestamp, zone: &TimeZone) -> String {
        let c = &paid.command;
        match by {
            GroupBy::Provider => c.provider.to_string(),
            GroupBy::Instance => format!("{}/{}", c.provider, c.instance),
            GroupBy::Operation => c.operation.to_string(),
            GroupBy::Model => paid.quote.sku.clone(),
            GroupBy::Day => windows::day(at, zone),
            GroupBy::Operator => self.name(&paid.actor).map_or_else(|| paid.actor.to_string(), |n| n.to_string()),
            GroupBy::Session => c.session.as_ref().map(ToString::to_string).unwrap_or_default(),
        }
    }

    /// The admission of a command; none if it is free.
    fn paid(&self, command: &CommandId) -> Result<Option<Paid>, NoAnswer> {
        for record in self.reader.command_records(command)? {
            let (_, entry) = self.entry(record.index)?;
            if matches!(entry.body, Body::Admitted { .. }) {
                return paid_of(entry);
            }
        }
        Ok(None)
    }
}

fn paid_of(entry: Entry) -> Result<Option<Paid>, NoAnswer> {
    let Body::Admitted { envelope, reserved, quote: Some(quote), .. } = entry.body else { return Ok(None) };
    Ok(Some(Paid { command: envelope.read_unverified()?, actor: envelope.key(), quote, reserved }))
}
