//! A small whole log, and the tools to build a broken one.
#![allow(clippy::unwrap_used, reason = "a vector that cannot be built must stop the generator")]

use super::fixtures::{
    SECOND, START, alice, arguments, at, bob, bob2, broker, budget, carol, change, command, failed, finance, genesis,
    member, name, node1, quote, result, seal, succeeded, usd,
};
use if_schemas::{
    Body, Code, Command, Currency, Entry, Envelope, FinanceOp, Hash, Head, Money, Payload, Reject, ResultEvent, Role,
    Settlement, SigningKey, Status, Timestamp, TrustOp,
    export::{Header, Writer, is_trust_history},
    finance::{ExchangeRate, PriceOverride},
    price::{Quote, QuoteLine, Rate, Sku, Unit, Usage},
    query::RawEntry,
};
use std::collections::BTreeMap;

#[derive(Clone)]
pub struct Built {
    pub entry: Entry,
    pub raw: RawEntry,
    pub hash: Hash,
}

/// Entries in order, chained as a broker chains them.
#[derive(Clone, Default)]
pub struct Log {
    pub entries: Vec<Built>,
}

impl Log {
    pub fn next(&self) -> u64 {
        self.entries.len() as u64
    }
    pub fn prev(&self) -> Hash {
        self.entries.last().map_or(Hash::ZERO, |e| e.hash)
    }

    /// Appends at the right place; `prev` and index are set here.
    pub fn push(&mut self, at: Timestamp, body: Body, payload: Option<Payload>) -> Hash {
        self.push_entry(Entry::new(self.next(), self.prev(), at, body), payload)
    }

    /// Appends whatever it is given.
    pub fn push_entry(&mut self, entry: Entry, payload: Option<Payload>) -> Hash {
        let bytes = entry.encode().unwrap();
        let hash = Entry::hash_bytes(&bytes);
        self.entries.push(Built { entry, raw: RawEntry { entry: bytes, payload }, hash });
        hash
    }

    pub fn admit(&mut self, command: &Command, key: &SigningKey, reserved: Money, payload: Payload) -> Hash {
        let at = command.issued_at.saturating_add_us(3_000);
        self.push(at, admitted(command, key, "node1", reserved), Some(payload))
    }

    pub fn refuse(&mut self, command: &Command, key: &SigningKey, reject: Reject, payload: Payload) -> Hash {
        let at = command.issued_at.saturating_add_us(3_000);
        self.push(at, Body::Rejected { envelope: seal(command, key), reject }, Some(payload))
    }

    pub fn head(&self, key: &SigningKey) -> Envelope {
        seal(&self.head_body(), key)
    }

    pub fn head_body(&self) -> Head {
        let last = self.entries.last().unwrap();
        Head { log: self.entries[0].hash, index: last.entry.index, hash: last.hash, at: last.entry.at }
    }

    pub fn raw(&self) -> Vec<RawEntry> {
        self.entries.iter().map(|e| e.raw.clone()).collect()
    }

    /// The export file of everything.
    pub fn export(&self) -> Vec<u8> {
        export(self.entries[0].hash, &self.raw(), self.head(&broker()))
    }

    /// The export file of `from..=to`, with a head of entry `to`.
    pub fn export_range(&self, from: usize, to: usize) -> Vec<u8> {
        let header = Header::new(self.entries[0].hash, from as u64, self.entries[from - 1].hash, broker().public());
        let mut writer = Writer::new(Vec::new(), &header).unwrap();
        for built in self.entries[..from].iter().filter(|b| is_trust_history(&b.entry)) {
            writer.trust(&built.raw.entry).unwrap();
        }
        for built in &self.entries[from..=to] {
            writer.entry(built.raw.clone()).unwrap();
        }
        let upto = Log { entries: self.entries[..=to].to_vec() };
        writer.finish(upto.head(&broker())).unwrap()
    }

    /// The first `count` entries.
    pub fn first(&self, count: usize) -> Log {
        Log { entries: self.entries[..count].to_vec() }
    }
}

pub fn admitted(command: &Command, key: &SigningKey, worker: &str, reserved: Money) -> Body {
    Body::Admitted { envelope: seal(command, key), worker: name(worker), reserved, quote: quote(reserved) }
}

/// An export file from index 0 with any entries and any head.
pub fn export(log: Hash, entries: &[RawEntry], head: Envelope) -> Vec<u8> {
    let header = Header::new(log, 0, Hash::ZERO, broker().public());
    let mut writer = Writer::new(Vec::new(), &header).unwrap();
    for raw in entries {
        writer.entry(raw.clone()).unwrap();
    }
    writer.finish(head).unwrap()
}

pub fn settle(posted: i64, voided: i64) -> Settlement {
    Settlement { posted: usd(posted), voided: usd(voided) }
}

/// Genesis, and one command admitted and completed: entries 0 to 2.
pub fn begin() -> (Log, Command) {
    let mut log = Log::default();
    log.push(at(0), Body::Genesis { envelope: seal(&genesis(), &alice()) }, None);
    let args = arguments(0x11, 2);
    let cut = command(1, 10, "vmix.cut", "studio1", &args);
    let admitted = log.admit(&cut, &bob(), usd(500_000), args);
    let outcome = succeeded(0x12);
    let done = result(&cut, admitted, Status::Succeeded, usd(120_000), &outcome);
    let body = Body::Completed { envelope: seal(&done, &node1()), settlement: settle(120_000, 380_000) };
    log.push(at(11), body, Some(outcome));
    (log, cut)
}

/// Twenty-four entries with every kind of body.
pub fn whole() -> Log {
    let (mut log, _) = begin();
    add_carol(&mut log);
    unresolved_and_late(&mut log);
    revoke_and_rotate(&mut log);
    spend(&mut log);
    log
}

fn add_carol(log: &mut Log) {
    let add =
        change(2, 20, TrustOp::Add(member("carol", &carol(), Role::Operator, &["vmix.cut@vmix", "vmix.fade@vmix"])));
    log.push(at(20), Body::Trust { envelope: seal(&add, &alice()) }, None);
}

fn unresolved_and_late(log: &mut Log) {
    let args = arguments(0x13, 3);
    let fade = command(3, 30, "vmix.fade", "studio2", &args);
    let admitted = log.admit(&fade, &carol(), usd(250_000), args);
    let args = arguments(0x14, 1);
    let foreign = command(4, 31, "vmix.cut", "studio2", &args);
    let reject = Reject::new(Code::NotAllowed, "bob (operator) may not vmix.cut on vmix/studio2")
        .hint("an admin grants it with `--allow 'vmix.cut@vmix/studio2'`");
    log.refuse(&foreign, &bob(), reject, args);
    let body = Body::Unresolved {
        command: fade.id,
        status: Status::Indeterminate,
        reason: "no result came before the deadline".into(),
        settlement: settle(250_000, 0),
    };
    log.push(at(38), body, None);
    let outcome = succeeded(0x15);
    let late = result(&fade, admitted, Status::Succeeded, usd(0), &outcome);
    log.push(at(39), Body::Late { envelope: seal(&late, &node1()) }, Some(outcome));
}

fn revoke_and_rotate(log: &mut Log) {
    let revoke = change(5, 40, TrustOp::Revoke(carol().id()));
    log.push(at(40), Body::Trust { envelope: seal(&revoke, &alice()) }, None);
    let args = arguments(0x16, 1);
    let refused = command(6, 50, "vmix.cut", "studio1", &args);
    let reject = Reject::new(Code::KeyRevoked, "the key of carol was revoked by entry 8")
        .hint("use the current key, or ask an admin");
    log.refuse(&refused, &carol(), reject, args);
    let rotate = change(7, 60, TrustOp::Rotate(bob2().public()));
    log.push(at(60), Body::Trust { envelope: seal(&rotate, &bob()) }, None);

    let args = arguments(0x17, 4);
    let preview = command(8, 70, "vmix.preview", "studio1", &args);
    let admitted = log.admit(&preview, &bob2(), usd(0), args);
    let outcome = failed(0x18);
    let done = result(&preview, admitted, Status::Failed, usd(0), &outcome);
    // Erased: the entry commits to a payload nobody has any more.
    let body = Body::Completed { envelope: seal(&done, &node1()), settlement: settle(0, 0) };
    log.push(at(71), body, None);

    let args = arguments(0x19, 2);
    let pending = command(10, 80, "vmix.cut", "studio1", &args);
    log.admit(&pending, &bob2(), usd(100_000), args);
}

/// A budget, its window, a price and a rate, and one command that is held in the budget and settled.
fn spend(log: &mut Log) {
    set_budget(log, 2_000_000);
    let from = "EUR".parse().unwrap();
    let rate = ExchangeRate {
        from,
        to: Currency::USD,
        rate_micros: 1_080_000,
        as_of: "2026-11-22".into(),
        source: "ECB reference rate".into(),
    };
    finance_entry(log, 12, 91, FinanceOp::SetRate(rate));
    let prices = Sku { rates: vec![Rate { unit: Unit::Call, amount_micros: 30_000, per: 1 }], limits: BTreeMap::new() };
    let price = PriceOverride {
        provider: name("vmix"),
        sku: "switch".into(),
        prices,
        currency: from,
        source: "invoice".into(),
    };
    finance_entry(log, 13, 92, FinanceOp::SetPrice(price.clone()));
    let priced = log.next() - 1;

    let args = arguments(0x1a, 2);
    let cut = command(14, 93, "vmix.cut", "studio1", &args);
    let line = QuoteLine { rate: price.prices.rates[0], most: 10 };
    let quote = Quote { table: format!("log#{priced}"), sku: "switch".into(), currency: from, lines: vec![line] };
    let euro = |amount_micros| Money { amount_micros, currency: from };
    let body = Body::Admitted {
        envelope: seal(&cut, &bob2()),
        worker: name("node1"),
        reserved: euro(300_000),
        quote: Some(quote.clone()),
    };
    let admitted = log.push(at(93), body, Some(args));
    let outcome = succeeded(0x1b);
    let done = ResultEvent {
        cost: euro(30_000),
        price_table: Some(quote.table),
        usage: Some(Usage::from([(Unit::Call, 1)])),
        ..result(&cut, admitted, Status::Succeeded, usd(0), &outcome)
    };
    let settlement = Settlement { posted: euro(30_000), voided: euro(270_000) };
    log.push(at(94), Body::Completed { envelope: seal(&done, &node1()), settlement }, Some(outcome));

    finance_entry(log, 15, 95, FinanceOp::RemovePrice { provider: name("vmix"), sku: "switch".into() });
    finance_entry(log, 16, 96, FinanceOp::RemoveRate { from, to: Currency::USD });
    finance_entry(log, 17, 97, FinanceOp::SetReporting(from));
    finance_entry(log, 18, 98, FinanceOp::RemoveBudget(budget(0).key));
}

/// A global budget per day and its first window, from 00:00 to 24:00 in Berlin.
pub fn set_budget(log: &mut Log, amount_micros: i64) {
    finance_entry(log, 11, 90, FinanceOp::SetBudget(budget(amount_micros)));
    log.push(at(90), window(0), None);
}

/// The day of the vectors in Berlin, or one later.
pub fn window(days: i64) -> Body {
    // 2026-11-22T23:00:00Z is midnight there.
    let midnight = START + 4 * HOUR + HOUR / 2 + days * 24 * HOUR;
    Body::Period { budget: budget(0).key, start: Timestamp(midnight - 24 * HOUR), end: Timestamp(midnight) }
}

const HOUR: i64 = 3_600 * SECOND;

pub fn finance_entry(log: &mut Log, n: u8, seconds: i64, op: FinanceOp) {
    log.push(at(seconds), Body::Finance { envelope: seal(&finance(n, seconds, op), &alice()) }, None);
}
