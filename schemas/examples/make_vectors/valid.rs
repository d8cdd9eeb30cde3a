//! Vectors every reader must accept and every writer must reproduce.
#![allow(clippy::unwrap_used, reason = "a vector that cannot be built must stop the generator")]

use super::{
    fixtures::{
        Vector, alice, arguments, at, bob, bob2, broker, budget, carol, change, command, failed, finance, genesis,
        member, name, node1, operation, quote, result, seal, succeeded, usd,
    },
    log::{Built, Log, begin, settle, whole},
    raw,
};
use if_schemas::{
    Body, Code, Currency, Draft, Effect, Entry, Envelope, FinanceOp, Hash, Head, Leg, Money, Payload, Reject,
    ResultEvent, Role, Route, RouteMode, Salt, Settlement, Signed, SigningKey, Status, Timestamp, TrustOp, codec,
    finance::{BudgetLeft, Estimate, Mode},
    head::{Receipt, Verdict},
    outcome::Progress,
    presence::{Announcement, InstancePresence, InstanceState, ProviderPresence},
    price::{Meter, MeterLine, PriceTable, Quantity, Rate, Sku, SkuName, Unit},
    state::StateReport,
    tariff::{Tariff, TariffDocument},
    wire::{Committed, Message, Submission},
};
use serde::Serialize;
use serde_json::{Value, json};

pub fn vectors() -> Vec<Vector> {
    let log = whole();
    let mut out = envelopes(&log);
    out.extend(shared_signature(&log));
    out.extend(payloads());
    out.extend(log.entries.iter().map(entry));
    out.push(extreme_entry());
    out.extend(messages(&log));
    out.extend(exports(&log));
    out
}

pub fn envelope<T: Signed + Serialize>(name: &str, description: &str, body: &T, key: &SigningKey) -> Vector {
    sealed(name, description, body, seal(body, key), key)
}

fn sealed<T: Signed>(name: &str, description: &str, body: &T, envelope: Envelope, key: &SigningKey) -> Vector {
    let body_bytes = raw::body_of(&envelope);
    let (message, sig) = envelope.signed_parts().unwrap();
    let expect = json!({
        "kind": T::KIND.as_str(),
        "key_id": key.id(),
        "public_key": key.public(),
        "body_hex": hex::encode(body_bytes),
        "signed_message_hex": hex::encode(message),
        "sig": sig,
        "envelope_hash": envelope.hash().unwrap(),
        "body": body,
    });
    Vector::valid(&format!("envelope-{name}"), "envelope", description, envelope.encode().unwrap(), expect)
}

fn envelopes(log: &Log) -> Vec<Vector> {
    let args = arguments(0x11, 2);
    let cut = command(1, 10, "vmix.cut", "studio1", &args);
    let admitted = &log.entries[1];
    let head = Head { log: log.entries[0].hash, index: 1, hash: admitted.hash, at: admitted.entry.at };
    let done = result(&cut, admitted.hash, Status::Succeeded, usd(120_000), &succeeded(0x12));
    let free = result(&cut, admitted.hash, Status::Expired, usd(0), &failed(0x18));
    let routed = ResultEvent {
        route: Some(routed()),
        ..result(&cut, admitted.hash, Status::Succeeded, usd(0), &succeeded(0x12))
    };
    let add =
        change(2, 20, TrustOp::Add(member("carol", &carol(), Role::Operator, &["vmix.cut@vmix", "vmix.fade@vmix"])));
    let receipt = |verdict, head| Receipt { command: Some(cut.id), head, verdict };
    let reject = Reject::new(Code::NoWorker, "no live worker serves vmix/studio1").hint("start a worker");
    let progress = |data| Progress { command: cut.id, sequence: 0, at: at(10), message: "sent".into(), data };
    let set = FinanceOp::SetBudget(budget(2_000_000));
    vec![
        envelope("command", "a command", &cut, &bob()),
        envelope("trust-add", "an admin adds a member", &add, &alice()),
        envelope("trust-revoke", "an admin revokes a key", &change(5, 40, TrustOp::Revoke(carol().id())), &alice()),
        envelope("trust-rotate", "a member replaces its key", &change(7, 60, TrustOp::Rotate(bob2().public())), &bob()),
        envelope("trust-pin", "an admin pins a plugin", &change(11, 90, pin(0x31)), &alice()),
        envelope("trust-unpin", "an admin ends that", &change(12, 91, unpin()), &alice()),
        envelope("genesis", "the body of entry 0", &genesis(), &alice()),
        envelope("result", "a worker's result with a cost", &done, &node1()),
        envelope("result-free", "a result without a price table", &free, &node1()),
        envelope("result-route", "a result of the backup of the instance", &routed, &node1()),
        envelope("progress", "a progress event with data", &progress(Some(json!({"percent": 50}))), &node1()),
        envelope("progress-plain", "a progress event without data", &progress(None), &node1()),
        envelope("head", "the broker's head of entry 1", &head, &broker()),
        envelope("receipt-accepted", "admitted", &receipt(Verdict::Accepted, Some(head)), &broker()),
        envelope(
            "receipt-would-accept",
            "a dry run",
            &receipt(Verdict::WouldAccept { estimate: None }, None),
            &broker(),
        ),
        envelope("receipt-estimate", "a dry run of a paid command", &receipt(estimate(), None), &broker()),
        envelope("receipt-rejected", "refused", &receipt(Verdict::Rejected(reject), Some(head)), &broker()),
        envelope("presence", "a worker's announcement", &announcement(), &node1()),
        envelope("tariff", "what a worker's operations cost", &tariff(), &node1()),
        envelope("state", "a value of live state", &state(Some(json!(3))), &node1()),
        envelope("state-gone", "a value that is there no more", &state(None), &node1()),
        envelope("finance-budget", "an admin sets a budget", &finance(11, 90, set), &alice()),
    ]
}

fn state(value: Option<Value>) -> StateReport {
    StateReport {
        node: name("node1"),
        provider: name("vmix"),
        instance: name("studio1"),
        path: "tally.program".into(),
        at: at(10),
        sequence: 7,
        value,
    }
}

fn estimate() -> Verdict {
    let quote = quote(usd(500_000)).unwrap();
    let left = BudgetLeft {
        key: budget(0).key,
        mode: Mode::Hard,
        limit: usd(2_000_000),
        available: usd(1_500_000),
        needs: usd(500_000),
        resets_at: at(16_200),
    };
    Verdict::WouldAccept { estimate: Some(Box::new(Estimate { reserved: usd(500_000), quote, budgets: vec![left] })) }
}

fn tariff() -> Tariff {
    Tariff { node: name("node1"), provider: name("vmix"), at: at(5), sequence: 299, document: document().hash() }
}

fn document() -> Payload {
    let lines = vec![MeterLine { unit: Unit::Call, most: Quantity::Argument("times".into()) }];
    let meter = Meter { sku: SkuName::Fixed("switch".into()), lines };
    let rate = Rate { unit: Unit::Call, amount_micros: 10_000, per: 1 };
    let sku = Sku { rates: vec![rate], limits: [(Unit::Call, 100)].into() };
    let table =
        PriceTable { version: "2026-11".into(), currency: Currency::USD, skus: [("switch".into(), sku)].into() };
    let defaults = json!({"times": 3}).as_object().unwrap().clone();
    let document = TariffDocument {
        operations: [(operation("vmix.cut"), Some(meter)), (operation("vmix.status"), None)].into(),
        table: Some(table),
        defaults: [(name("studio1"), [(operation("vmix.cut"), defaults)].into())].into(),
    };
    document.to_payload().unwrap()
}

fn pin(byte: u8) -> TrustOp {
    TrustOp::Pin { plugin: name("pager"), hash: Hash([byte; 32]) }
}

fn unpin() -> TrustOp {
    TrustOp::Unpin { plugin: name("pager") }
}

/// A plugin pinned, pinned anew after it changed, unpinned, and pinned again.
fn pinned() -> Log {
    let (mut log, _) = begin();
    for (n, op) in (0x31..).zip([pin(0x31), pin(0x32), unpin(), pin(0x33)]) {
        let seconds = i64::from(n);
        log.push(at(seconds), Body::Trust { envelope: seal(&change(n, seconds, op), &alice()) }, None);
    }
    log
}

fn announcement() -> Announcement {
    Announcement {
        node: name("node1"),
        version: "0.1.0".into(),
        at: at(5),
        sequence: 300,
        leaving: false,
        instances: vec![InstancePresence {
            provider: name("vmix"),
            instance: name("studio1"),
            state: InstanceState::AuthenticationFailure,
            detail: Some("the password was refused".into()),
            since: at(4),
            simulated: true,
        }],
        providers: vec![ProviderPresence {
            provider: name("vmix"),
            operations: vec![(operation("vmix.cut"), Effect::Idempotent), (operation("vmix.status"), Effect::Read)],
            tariff: Some(document().hash()),
        }],
    }
}

fn payload(name: &str, description: &str, payload: &Payload) -> Vector {
    let expect = json!({
        "salt": payload.salt,
        "document_hex": hex::encode(&payload.bytes),
        "hash": payload.hash(),
        "document": payload.read::<Value>().unwrap(),
    });
    let bytes = codec::encode("payload", payload).unwrap();
    Vector::valid(&format!("payload-{name}"), "payload", description, bytes, expect)
}

/// Five statements of the broker under one signature: two levels above a pair, and one that moves up twice.
fn shared_signature(log: &Log) -> Vec<Vector> {
    let receipts: Vec<Receipt> = (1..=4)
        .map(|n| Receipt {
            command: Some(super::fixtures::id(n, 10)),
            head: Some(log.first(usize::from(n) + 1).head_body()),
            verdict: Verdict::Accepted,
        })
        .collect();
    let head = log.head_body();
    let mut drafts: Vec<Draft> = receipts.iter().map(|r| Draft::of(r).unwrap()).collect();
    drafts.push(Draft::of(&head).unwrap());
    let all = Envelope::seal_all(drafts, &broker()).unwrap();
    let receipt = |n: usize, name, text| sealed(name, text, &receipts[n], all[n].clone(), &broker());
    vec![
        receipt(0, "receipt-batch-first", "first of five under one signature: neighbours on the right"),
        receipt(3, "receipt-batch-fourth", "fourth of five: neighbours on the left, then on the right"),
        sealed("head-batch-last", "last of five: no neighbour until the top", &head, all[4].clone(), &broker()),
    ]
}

fn payloads() -> Vec<Vector> {
    let many = json!({
        "empty": {}, "false": false, "float": 0.5, "int": -129, "list": [1, 127, 128, 255, 256, 65_535, 65_536],
        "null": null, "text": "d\u{e9}j\u{e0} vu \u{2713}", "wide": 4_294_967_296u64,
    });
    vec![
        payload("arguments", "arguments of a command", &arguments(0x11, 2)),
        payload("result", "the document of a success", &succeeded(0x12)),
        payload("error", "the document of a failure", &failed(0x18)),
        payload("tariff", "the document of a tariff", &document()),
        payload("types", "every type a document may hold", &Payload::new(&many, Salt([0x20; 16])).unwrap()),
    ]
}

fn entry(built: &Built) -> Vector {
    let name = format!("entry-{:02}-{}", built.entry.index, built.entry.body.name());
    entry_vector(&name, "an entry of the exported log", &built.entry)
}

fn entry_vector(name: &str, description: &str, entry: &Entry) -> Vector {
    let bytes = entry.encode().unwrap();
    let expect = json!({
        "hash": Entry::hash_bytes(&bytes),
        "index": entry.index,
        "prev": entry.prev,
        "at": entry.at,
        "at_us": entry.at.0,
        "body": entry.body.name(),
    });
    Vector::valid(name, "entry", description, bytes, expect)
}

/// The widest integers and another currency.
fn extreme_entry() -> Vector {
    let currency: Currency = "EUR".parse().unwrap();
    let money = |amount_micros| Money { amount_micros, currency };
    let body = Body::Unresolved {
        command: super::fixtures::id(0xff, 0),
        status: Status::Indeterminate,
        reason: String::new(),
        settlement: Settlement { posted: money(i64::MAX), voided: money(i64::MIN) },
    };
    let entry = Entry::new(u64::MAX, Hash([0xff; 32]), Timestamp(-1), body);
    entry_vector("entry-extreme", "integers at their limits; decodes, though no log may hold it", &entry)
}

fn messages(log: &Log) -> Vec<Vector> {
    let admitted = &log.entries[1];
    let envelope = admitted.entry.body.envelope().unwrap().clone();
    let submission = Submission { envelope: envelope.clone(), payload: admitted.raw.payload.clone() };
    let committed = Committed {
        entry: admitted.raw.entry.clone(),
        head: log.first(2).head(&broker()),
        payload: admitted.raw.payload.clone(),
        signer: Some(bob().public()),
        order: None,
    };
    let word = Receipt {
        command: Some(super::fixtures::id(1, 10)),
        head: Some(log.first(2).head_body()),
        verdict: Verdict::Accepted,
    };
    let by_receipt = Committed { head: seal(&word, &broker()), ..committed.clone() };
    let genesis = Committed {
        entry: log.entries[0].raw.entry.clone(),
        head: log.first(1).head(&broker()),
        payload: None,
        signer: None,
        order: None,
    };
    let expect = |e: &Envelope| json!({"key_id": e.key(), "envelope_hash": e.hash().unwrap()});
    let entry_of = |c: &Committed| json!({"hash": Entry::hash_bytes(&c.entry), "broker": broker().public()});
    let (work, first) = (entry_of(&committed), entry_of(&genesis));
    vec![
        Vector::valid(
            "submission-command",
            "submission",
            "a command with its arguments",
            submission.to_message().unwrap(),
            expect(&envelope),
        ),
        Vector::valid("committed-work", "committed", "a work item", committed.to_message().unwrap(), work.clone()),
        Vector::valid(
            "committed-work-receipt",
            "committed",
            "the same with the receipt as its head",
            by_receipt.to_message().unwrap(),
            work,
        ),
        Vector::valid(
            "committed-bare",
            "committed",
            "an entry without payload and signer",
            genesis.to_message().unwrap(),
            first,
        ),
    ]
}

/// What a file of the entries from `from` on holds.
pub fn expect(log: &Log, from: usize, trust: usize) -> Value {
    let entries = &log.entries[from..];
    json!({
        "log": log.entries[0].hash,
        "broker": broker().public(),
        "from": from,
        "to": log.entries.len() - 1,
        "trust_records": trust,
        "entries": entries.iter().map(|e| json!({"index": e.entry.index, "hash": e.hash, "body": e.entry.body.name()})).collect::<Vec<_>>(),
        "payloads": entries.iter().filter(|e| e.raw.payload.is_some()).count(),
    })
}

fn exports(log: &Log) -> Vec<Vector> {
    let mut whole = expect(log, 0, 0);
    whole["posted_micros"] = json!({"EUR": 30_000, "USD": 370_000});
    whole["reserved_micros"] = json!({"EUR": 0, "USD": 100_000});
    whole["in_flight"] = json!(1);
    let mut pins = expect(&pinned(), 0, 0);
    pins["pins"] = json!({"pager": {"hash": Hash([0x33; 32]), "index": 6}});
    assert_eq!(settle(120_000 + 250_000, 0).posted, usd(370_000));
    vec![
        Vector::valid("export-pins", "export", "plugins pinned and unpinned", pinned().export(), pins),
        Vector::valid("export-whole", "export", "a whole log with every kind of entry", log.export(), whole),
        Vector::valid(
            "export-range",
            "export",
            "entries 4 to 9, with the trust entries before them",
            log.export_range(4, 9),
            expect(&log.first(10), 4, 2),
        ),
    ]
}

fn routed() -> Route {
    let main = Leg { instance: name("studio"), status: None, code: Some("disconnected".into()) };
    let backup = Leg { instance: name("studio2"), status: Some(Status::Succeeded), code: None };
    Route { mode: RouteMode::Failover, main, backup }
}
