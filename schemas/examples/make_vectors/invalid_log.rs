//! Export files of logs that break one rule each. All but the one rule is right: hashes are chained and the head is
//! the broker's, unless that is the rule.
#![allow(clippy::unwrap_used, reason = "a vector that cannot be built must stop the generator")]

use super::{
    fixtures::{
        Vector, alice, arguments, at, bob, broker, carol, change, command, genesis, mallory, member, node1, result,
        seal, succeeded, usd,
    },
    log::{Log, begin, export, settle, whole},
    raw,
};
use if_schemas::{
    Body, Command, Entry, Envelope, Hash, PublicKey, Reject, Role, SigningKey, Status, TrustOp, codec,
    export::{MAGIC, RECORD_MAX_BYTES},
    limits,
};
use serde_json::json;

pub fn vectors() -> Vec<Vector> {
    let mut out = files();
    out.extend(chains());
    out.extend(signatures());
    out.extend(rights());
    out.extend(trust());
    out.extend(settlements());
    out
}

/// `index`: the entry where a verifier must stop.
fn log(name: &str, description: &str, bytes: Vec<u8>, error: &str, index: u64) -> Vector {
    Vector::invalid(&format!("export-{name}"), "export", description, bytes, error, json!({"index": index}))
}

fn file(name: &str, description: &str, bytes: Vec<u8>, error: &str) -> Vector {
    Vector::invalid(&format!("export-{name}"), "export", description, bytes, error, json!({}))
}

fn files() -> Vec<Vector> {
    let good = begin().0.export();
    let after_magic = MAGIC.len();
    let first = u32::from_be_bytes(good[after_magic..after_magic + 4].try_into().unwrap()) as usize;
    let header_end = after_magic + 4 + first;
    let footer_start = last_record(&good);
    let huge = u32::try_from(RECORD_MAX_BYTES + 1).unwrap().to_be_bytes();
    let header = &good[after_magic + 4..header_end];
    assert_eq!(header[9..12], [0xa1, b'v', 1]);
    let mut version = good.clone();
    version[after_magic + 4 + 11] = 2;
    vec![
        file("magic", "another first line", [b"infrafabric export v2\n", &good[after_magic..]].concat(), "magic"),
        file("empty", "no bytes", Vec::new(), "magic"),
        file("version-2", "a header of a later version", version, "version"),
        file("truncated", "cut in the middle of a record", good[..good.len() - 7].to_vec(), "truncated"),
        file("no-footer", "cut between two records", good[..footer_start].to_vec(), "truncated"),
        file(
            "no-entries",
            "a footer right after the header",
            [&good[..header_end], &good[footer_start..]].concat(),
            "order",
        ),
        file("no-header", "entries without a header", [&good[..after_magic], &good[header_end..]].concat(), "order"),
        file(
            "trailing-bytes",
            "a record after the footer",
            [&good[..], &good[footer_start..]].concat(),
            "trailing_bytes",
        ),
        file(
            "oversize-record",
            "a record longer than any may be",
            [&good[..header_end], &huge, &[0; 64]].concat(),
            "too_large",
        ),
        file(
            "record-garbage",
            "a record that is no MessagePack",
            [&good[..header_end], &[0, 0, 0, 2, 0xc1, 0xc1]].concat(),
            "malformed",
        ),
    ]
}

/// Where the last record of an export file starts.
fn last_record(file: &[u8]) -> usize {
    let (mut start, mut next) = (0, MAGIC.len());
    while next < file.len() {
        start = next;
        next += 4 + u32::from_be_bytes(file[next..next + 4].try_into().unwrap()) as usize;
    }
    start
}

fn chains() -> Vec<Vector> {
    let whole = whole();
    let head = || whole.head(&broker());
    let id = whole.entries[0].hash;
    let mut altered = whole.raw();
    let reserved = 500_000u32.to_be_bytes();
    let place = altered[1].entry.windows(4).rposition(|w| w == reserved).unwrap();
    altered[1].entry[place + 3] ^= 1;
    let mut removed = whole.raw();
    removed.remove(5);
    let mut swapped = whole.raw();
    swapped.swap(5, 6);
    let mut cut = whole.raw();
    cut.pop();
    let mut forged = whole.raw();
    forged[13] = whole.entries[12].raw.clone();
    let wrong_prev = {
        let (mut log, _) = begin();
        let body = add_carol();
        log.push_entry(Entry::new(3, log.entries[1].hash, at(20), body), None);
        log.export()
    };
    let gap = {
        let (mut log, _) = begin();
        log.push_entry(Entry::new(4, log.prev(), at(20), add_carol()), None);
        log.export()
    };
    let backwards = {
        let (mut log, _) = begin();
        log.push(at(9), add_carol(), None);
        log.export()
    };
    let first_prev = {
        let mut log = Log::default();
        log.push_entry(
            Entry::new(0, Hash([1; 32]), at(0), Body::Genesis { envelope: seal(&genesis(), &alice()) }),
            None,
        );
        log.export()
    };
    vec![
        log("broken-chain", "entry 1 was changed after entry 2 was written", export(id, &altered, head()), "prev", 2),
        log("removed-entry", "entry 5 was taken out", export(id, &removed, head()), "index", 5),
        log("swapped-entries", "entries 5 and 6 changed places", export(id, &swapped, head()), "index", 5),
        log("repeated-entry", "entry 12 stands in the place of entry 13", export(id, &forged, head()), "index", 13),
        log("cut-log", "the last entry was taken out, the head kept", export(id, &cut, head()), "head", 12),
        log("wrong-prev", "entry 3 names the hash of entry 1", wrong_prev, "prev", 3),
        log("index-gap", "index 4 follows index 2", gap, "index", 3),
        log("time-backwards", "entry 3 is older than entry 2", backwards, "time", 3),
        log("first-prev", "entry 0 has a previous entry", first_prev, "prev", 0),
        log("other-log", "the header names another log", export(Hash([3; 32]), &whole.raw(), head()), "log", 0),
    ]
}

fn add_carol() -> Body {
    let op = TrustOp::Add(member("carol", &carol(), Role::Operator, &["vmix.cut@vmix"]));
    Body::Trust { envelope: seal(&change(2, 20, op), &alice()) }
}

fn signatures() -> Vec<Vector> {
    let whole = whole();
    let id = whole.entries[0].hash;
    let mut payload = whole.raw();
    payload[1].payload.as_mut().unwrap().bytes[0] ^= 1;
    let mut stray = whole.raw();
    stray[3].payload = stray[1].payload.clone();
    let bad = |index: usize| {
        let mut log = whole.first(index);
        let mut entry = whole.entries[index].entry.clone();
        if let Body::Admitted { envelope, .. } | Body::Completed { envelope, .. } | Body::Trust { envelope } =
            &mut entry.body
        {
            *envelope = flipped(envelope);
        }
        log.push_entry(entry, whole.entries[index].raw.payload.clone());
        log.export()
    };
    let mut other_broker = whole.export();
    let key = broker().public().0;
    let place = other_broker.windows(32).position(|w| w == key).unwrap();
    other_broker[place..place + 32].copy_from_slice(&mallory().public().0);
    let foreign_head = export(id, &whole.raw(), whole.head(&alice()));
    let unknown_head = export(id, &whole.raw(), whole.head(&mallory()));
    let mut head = whole.head(&broker());
    head = flipped(&head);
    vec![
        log("other-broker", "the header names another broker than the one that signed", other_broker, "wrong_key", 13),
        log(
            "payload-mismatch",
            "the payload of entry 1 was changed",
            export(id, &payload, whole.head(&broker())),
            "hash_mismatch",
            1,
        ),
        log(
            "stray-payload",
            "a payload beside an entry that commits to none",
            export(id, &stray, whole.head(&broker())),
            "hash_mismatch",
            3,
        ),
        log(
            "bad-signature-command",
            "the signature in entry 1 is wrong, the chain is right",
            bad(1),
            "bad_signature",
            1,
        ),
        log(
            "bad-signature-result",
            "the signature in entry 2 is wrong, the chain is right",
            bad(2),
            "bad_signature",
            2,
        ),
        log("bad-signature-trust", "the signature in entry 3 is wrong, the chain is right", bad(3), "bad_signature", 3),
        log("head-not-broker", "the head is signed by an admin", foreign_head, "wrong_key", 13),
        log("head-unknown-key", "the head is signed by nobody known", unknown_head, "wrong_key", 13),
        log(
            "head-bad-signature",
            "the signature of the head is wrong",
            export(id, &whole.raw(), head),
            "bad_signature",
            13,
        ),
    ]
}

fn flipped(envelope: &Envelope) -> Envelope {
    let bytes = envelope.encode().unwrap();
    let mut sig = raw::binary(&raw::field(&bytes, "sig"));
    sig[40] ^= 1;
    Envelope::decode(&raw::with(&bytes, "sig", rmpv::Value::Binary(sig))).unwrap()
}

/// Entries 0 to 2, then one more admission.
fn admitted(command: &Command, key: &SigningKey) -> Vec<u8> {
    let (mut log, _) = begin();
    log.admit(command, key, usd(0), arguments(0x21, 1));
    log.export()
}

fn rights() -> Vec<Vector> {
    let args = arguments(0x21, 1);
    let fine = || command(0x21, 20, "vmix.cut", "studio1", &args);
    let dry = Command { dry_run: true, ..fine() };
    let late = Command { deadline: fine().issued_at.saturating_add_us(1_000), ..fine() };
    let again = {
        let (mut log, cut) = begin();
        log.push(at(12), Body::Admitted { envelope: seal(&cut, &bob()), reserved: usd(0) }, None);
        log.export()
    };
    let after_revoke = {
        let whole = whole();
        let mut log = whole.first(9);
        log.admit(&command(0x22, 50, "vmix.cut", "studio1", &args), &carol(), usd(0), args.clone());
        log.export()
    };
    let after_rotate = {
        let mut log = whole().first(11);
        log.admit(&command(0x24, 70, "vmix.cut", "studio1", &args), &bob(), usd(0), args.clone());
        log.export()
    };
    let rejected = {
        let (mut log, _) = begin();
        log.refuse(&fine(), &mallory(), Reject::new(if_schemas::Code::UnknownKey, "no such member"), args.clone());
        log.export()
    };
    let rejected_head = {
        let (mut log, _) = begin();
        let envelope = log.head(&broker());
        log.push(at(12), Body::Rejected { envelope, reject: Reject::new(if_schemas::Code::Malformed, "a head") }, None);
        log.export()
    };
    vec![
        log("rejected-head", "a head was logged as a refused message", rejected_head, "kind", 3),
        log(
            "not-allowed",
            "bob was admitted on an instance he has no grant for",
            admitted(&command(0x21, 20, "vmix.cut", "studio2", &args), &bob()),
            "not_allowed",
            3,
        ),
        log("worker-command", "a worker's command was admitted", admitted(&fine(), &node1()), "not_allowed", 3),
        log("unknown-key", "a command of nobody known was admitted", admitted(&fine(), &mallory()), "unknown_key", 3),
        log("rotated-key", "bob's command was admitted under the key he had replaced", after_rotate, "key_revoked", 11),
        log("revoked-key", "carol's command was admitted after her key was revoked", after_revoke, "key_revoked", 9),
        log("rejected-unknown-key", "a refusal of a message whose sender nobody can check", rejected, "unknown_key", 3),
        log("repeated-command", "the same command was admitted twice", again, "duplicate", 3),
        log("dry-run", "a dry run was admitted", admitted(&dry, &bob()), "rule", 3),
        log("after-deadline", "a command was admitted after its deadline", admitted(&late, &bob()), "rule", 3),
        log(
            "negative-reservation",
            "less than nothing was reserved",
            {
                let (mut log, _) = begin();
                log.admit(&fine(), &bob(), usd(-1), args.clone());
                log.export()
            },
            "settlement",
            3,
        ),
    ]
}

fn trust() -> Vec<Vector> {
    let one = |body: Body| {
        let (mut log, _) = begin();
        log.push(at(20), body, None);
        log.export()
    };
    let changed = |op, key: &SigningKey| one(Body::Trust { envelope: seal(&change(2, 20, op), key) });
    let born = |genesis: &if_schemas::member::Genesis, key: &SigningKey| {
        let mut log = Log::default();
        log.push(at(0), Body::Genesis { envelope: seal(genesis, key) }, None);
        log.export()
    };
    let after_revoke = |op, key: &SigningKey| {
        let mut log = whole().first(9);
        log.push(at(50), Body::Trust { envelope: seal(&change(0x23, 50, op), key) }, None);
        log.export()
    };
    let rotated_late = after_revoke(TrustOp::Rotate(mallory().public()), &carol());
    let revoked_twice = after_revoke(TrustOp::Revoke(carol().id()), &alice());
    let dave = member("dave", &mallory(), Role::Admin, &[]);
    let mut two_brokers = genesis();
    two_brokers.members.push(member("broker2", &mallory(), Role::Broker, &[]));
    let mut twins = genesis();
    twins.members.push(member("bob", &mallory(), Role::Operator, &[]));
    let no_genesis = {
        let mut log = Log::default();
        log.push(at(0), add_carol(), None);
        log.export()
    };
    vec![
        log(
            "trust-not-admin",
            "an operator added an admin",
            changed(TrustOp::Add(dave.clone()), &bob()),
            "not_allowed",
            3,
        ),
        log("trust-stranger", "a stranger added itself", changed(TrustOp::Add(dave), &mallory()), "unknown_key", 3),
        log(
            "trust-last-admin",
            "the last admin was revoked",
            changed(TrustOp::Revoke(alice().id()), &alice()),
            "bad_trust_change",
            3,
        ),
        log(
            "trust-broker-revoked",
            "the broker was revoked",
            changed(TrustOp::Revoke(broker().id()), &alice()),
            "bad_trust_change",
            3,
        ),
        log(
            "trust-name-taken",
            "a second bob",
            changed(TrustOp::Add(member("bob", &mallory(), Role::Operator, &[])), &alice()),
            "bad_trust_change",
            3,
        ),
        log(
            "trust-key-reused",
            "bob's key under another name",
            changed(TrustOp::Add(member("dave", &bob(), Role::Operator, &[])), &alice()),
            "bad_trust_change",
            3,
        ),
        log(
            "trust-second-broker",
            "a second broker",
            changed(TrustOp::Add(member("b2", &mallory(), Role::Broker, &[])), &alice()),
            "bad_trust_change",
            3,
        ),
        log(
            "trust-rotate-reused",
            "bob rotated to the worker's key",
            changed(TrustOp::Rotate(node1().public()), &bob()),
            "bad_trust_change",
            3,
        ),
        log(
            "trust-rotate-weak",
            "bob rotated to a small-order key",
            changed(TrustOp::Rotate(PublicKey(neutral())), &bob()),
            "bad_trust_change",
            3,
        ),
        log("trust-revoked-signer", "carol rotated after her key was revoked", rotated_late, "key_revoked", 9),
        log("trust-revoked-twice", "carol's key was revoked again", revoked_twice, "bad_trust_change", 9),
        log(
            "trust-weak-key",
            "a small-order key became a member's",
            changed(keyed_member(neutral()), &alice()),
            "bad_trust_change",
            3,
        ),
        log(
            "trust-mixed-order-key",
            "a key outside the prime-order group became a member's",
            changed(keyed_member(raw::mixed_order(&mallory().public().0)), &alice()),
            "bad_trust_change",
            3,
        ),
        log(
            "second-genesis",
            "a genesis in the middle",
            one(Body::Genesis { envelope: seal(&genesis(), &alice()) }),
            "genesis",
            3,
        ),
        log("no-genesis", "the first entry is no genesis", no_genesis, "genesis", 0),
        log("genesis-signer", "the genesis is signed by an operator", born(&genesis(), &bob()), "genesis", 0),
        log("genesis-stranger", "the genesis is signed by nobody in it", born(&genesis(), &mallory()), "genesis", 0),
        log("genesis-two-brokers", "the genesis names two brokers", born(&two_brokers, &alice()), "genesis", 0),
        log("genesis-twins", "two members of one name", born(&twins, &alice()), "genesis", 0),
    ]
}

fn keyed_member(key: [u8; 32]) -> TrustOp {
    let mut member = member("weak", &mallory(), Role::Operator, &[]);
    member.key.0 = key;
    TrustOp::Add(member)
}

fn neutral() -> [u8; 32] {
    let mut key = [0; 32];
    key[0] = 1;
    key
}

fn settlements() -> Vec<Vector> {
    let args = arguments(0x21, 1);
    let cut = command(0x21, 20, "vmix.cut", "studio1", &args);
    let outcome = succeeded(0x22);
    // Entry 3 admits `cut` with 0.50 USD reserved; the closure writes entry 4.
    let after = |write: &dyn Fn(&mut Log, Hash)| {
        let (mut log, _) = begin();
        let admitted = log.admit(&cut, &bob(), usd(500_000), args.clone());
        write(&mut log, admitted);
        log.export()
    };
    let complete = |cost: i64, posted: i64, voided: i64| {
        after(&|log, admitted| {
            let done = result(&cut, admitted, Status::Succeeded, usd(cost), &outcome);
            let body = Body::Completed { envelope: seal(&done, &node1()), settlement: settle(posted, voided) };
            log.push(at(21), body, Some(outcome.clone()));
        })
    };
    let signed_by = |key: &SigningKey| {
        after(&|log, admitted| {
            let done = result(&cut, admitted, Status::Succeeded, usd(0), &outcome);
            let body = Body::Completed { envelope: seal(&done, key), settlement: settle(0, 500_000) };
            log.push(at(21), body, Some(outcome.clone()));
        })
    };
    let other_entry = after(&|log, _| {
        let done = result(&cut, log.entries[1].hash, Status::Succeeded, usd(0), &outcome);
        let body = Body::Completed { envelope: seal(&done, &node1()), settlement: settle(0, 500_000) };
        log.push(at(21), body, Some(outcome.clone()));
    });
    let twice = {
        let (mut log, first) = begin();
        let admitted = log.entries[1].hash;
        let done = result(&first, admitted, Status::Failed, usd(0), &outcome);
        let body = Body::Completed { envelope: seal(&done, &node1()), settlement: settle(0, 500_000) };
        log.push(at(21), body, Some(outcome.clone()));
        log.export()
    };
    let unresolved = |seconds: i64, status: Status, posted: i64, voided: i64| {
        after(&|log, _| {
            let settlement = settle(posted, voided);
            let body = Body::Unresolved { command: cut.id, status, reason: "none came".into(), settlement };
            log.push(at(seconds), body, None);
        })
    };
    let early_late = after(&|log, admitted| {
        let late = result(&cut, admitted, Status::Succeeded, usd(0), &outcome);
        log.push(at(21), Body::Late { envelope: seal(&late, &node1()) }, Some(outcome.clone()));
    });
    let oversize = after(&|log, admitted| {
        let mut done = result(&cut, admitted, Status::Succeeded, usd(0), &outcome);
        done.price_table = Some("x".repeat(limits::ENVELOPE_MAX_BYTES));
        let body = codec::encode("result", &done).unwrap();
        // `seal` refuses to make such an envelope, reading it as part of an entry does not.
        let envelope: Envelope = codec::decode("envelope", &raw::sealed("result", 3, &body)).unwrap();
        log.push(at(21), Body::Completed { envelope, settlement: settle(0, 500_000) }, Some(outcome.clone()));
    });
    let late_by_bob = {
        let whole = whole();
        let mut log = whole.first(7);
        let fade = command(3, 30, "vmix.fade", "studio2", &arguments(0x13, 3));
        let late = result(&fade, log.entries[4].hash, Status::Succeeded, usd(0), &outcome);
        log.push(at(39), Body::Late { envelope: seal(&late, &bob()) }, Some(outcome.clone()));
        log.export()
    };
    vec![
        log("oversize-envelope", "a signed result larger than an envelope may be", oversize, "too_large", 4),
        log("late-not-worker", "an operator signed a late result", late_by_bob, "wrong_worker", 7),
        log(
            "unbalanced",
            "posted and voided are less than was reserved",
            complete(100_000, 100_000, 300_000),
            "settlement",
            4,
        ),
        log(
            "posted-not-cost",
            "another amount was posted than the worker signed",
            complete(100_000, 400_000, 100_000),
            "settlement",
            4,
        ),
        log(
            "negative-void",
            "more was posted than reserved, the rest voided below zero",
            complete(100_000, 600_000, -100_000),
            "settlement",
            4,
        ),
        log(
            "cost-above-reserved",
            "the signed cost is above the reservation",
            complete(600_000, 500_000, 0),
            "cost_exceeds_reservation",
            4,
        ),
        log("wrong-worker", "an operator signed the result", signed_by(&bob()), "wrong_worker", 4),
        log("result-other-entry", "the result names another admission", other_entry, "unknown_command", 4),
        log("settled-twice", "a second result settled the command again", twice, "not_in_flight", 3),
        log(
            "unresolved-early",
            "given up before deadline and grace had passed",
            unresolved(26, Status::Indeterminate, 500_000, 0),
            "rule",
            4,
        ),
        log(
            "unresolved-succeeded",
            "success without a result",
            unresolved(40, Status::Succeeded, 500_000, 0),
            "rule",
            4,
        ),
        log(
            "unresolved-unbalanced",
            "given up, and part of the reservation vanished",
            unresolved(40, Status::Indeterminate, 0, 0),
            "settlement",
            4,
        ),
        log(
            "unresolved-negative-void",
            "given up, more posted than was reserved and the rest voided below zero",
            unresolved(40, Status::Indeterminate, 600_000, -100_000),
            "settlement",
            4,
        ),
        log("late-in-flight", "a late result for a command not yet settled", early_late, "rule", 4),
    ]
}
