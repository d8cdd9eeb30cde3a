//! Export files of logs that break one rule of rights, trust or money. The chain, the signatures and the head are right.
#![allow(clippy::unwrap_used, reason = "a vector that cannot be built must stop the generator")]

use super::{
    fixtures::{
        Vector, alice, arguments, at, bob, broker, carol, change, command, genesis, mallory, member, name, node1,
        result, seal, succeeded, usd,
    },
    invalid_log::{add_carol, log},
    log::{Log, admitted as admitted_body, begin, settle, whole},
    raw,
};
use if_schemas::{
    Body, Command, Envelope, Hash, PublicKey, Reject, ResultEvent, Role, Settlement, SigningKey, Status, TrustOp,
    codec, limits, member::Genesis,
};

pub fn vectors() -> Vec<Vector> {
    let mut out = rights();
    out.extend(changes_by_the_wrong());
    out.extend(refused_changes());
    out.extend(geneses());
    out.extend(settlements());
    out.extend(unresolved());
    out.extend(results());
    out.extend(lates());
    out
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
    let for_worker = |worker: &str| admitted_body(&fine(), &bob(), worker, usd(0));
    let dry = Command { dry_run: true, ..fine() };
    let late = Command { deadline: fine().issued_at.saturating_add_us(1_000), ..fine() };
    let again = {
        let (mut log, cut) = begin();
        log.push(at(12), admitted_body(&cut, &bob(), "node1", usd(0)), None);
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
        log("no-such-worker", "a command was given to nobody's node", third(for_worker("node9")), "wrong_worker", 3),
        log("operator-as-worker", "a command was given to an operator", third(for_worker("bob")), "wrong_worker", 3),
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

/// Genesis and entries 1 and 2, then `body` as entry 3.
fn third(body: Body) -> Vec<u8> {
    let (mut log, _) = begin();
    log.push(at(20), body, None);
    log.export()
}

fn changed(op: TrustOp, key: &SigningKey) -> Vec<u8> {
    third(Body::Trust { envelope: seal(&change(2, 20, op), key) })
}

/// As entry 9 of the whole log, after carol's key was revoked.
fn changed_after_revoke(op: TrustOp, key: &SigningKey) -> Vec<u8> {
    let mut log = whole().first(9);
    log.push(at(50), Body::Trust { envelope: seal(&change(0x23, 50, op), key) }, None);
    log.export()
}

fn changes_by_the_wrong() -> Vec<Vector> {
    let dave = || TrustOp::Add(member("dave", &mallory(), Role::Admin, &[]));
    let pin = TrustOp::Pin { plugin: name("pager"), hash: Hash([0x31; 32]) };
    let pin_by_bob = changed(pin, &bob());
    let (by_bob, by_stranger) = (changed(dave(), &bob()), changed(dave(), &mallory()));
    let by_revoked = changed_after_revoke(TrustOp::Rotate(mallory().public()), &carol());
    vec![
        log("trust-not-admin", "an operator added an admin", by_bob, "not_allowed", 3),
        log("trust-pin-not-admin", "an operator pinned a plugin", pin_by_bob, "not_allowed", 3),
        log("trust-stranger", "a stranger added itself", by_stranger, "unknown_key", 3),
        log("trust-revoked-signer", "carol rotated after her key was revoked", by_revoked, "key_revoked", 9),
    ]
}

/// Changes an admin, or bob for his own key, signed correctly and may not make.
fn refused_changes() -> Vec<Vector> {
    let add = |who: &str, key: &SigningKey, role| TrustOp::Add(member(who, key, role, &[]));
    let mixed = raw::mixed_order(&mallory().public().0);
    let by_alice = [
        ("unpin-absent", "a plugin was unpinned that is not pinned", TrustOp::Unpin { plugin: name("pager") }),
        ("last-admin", "the last admin was revoked", TrustOp::Revoke(alice().id())),
        ("broker-revoked", "the broker was revoked", TrustOp::Revoke(broker().id())),
        ("name-taken", "a second bob", add("bob", &mallory(), Role::Operator)),
        ("key-reused", "bob's key under another name", add("dave", &bob(), Role::Operator)),
        ("second-broker", "a second broker", add("b2", &mallory(), Role::Broker)),
        ("weak-key", "a small-order key became a member's", keyed_member(neutral())),
        ("mixed-order-key", "a key outside the prime-order group became a member's", keyed_member(mixed)),
    ];
    let by_bob = [
        ("rotate-reused", "bob rotated to the worker's key", TrustOp::Rotate(node1().public())),
        ("rotate-weak", "bob rotated to a small-order key", TrustOp::Rotate(PublicKey(neutral()))),
    ];
    let vector = |name: &str, description: &str, bytes, index| {
        log(&format!("trust-{name}"), description, bytes, "bad_trust_change", index)
    };
    let twice = changed_after_revoke(TrustOp::Revoke(carol().id()), &alice());
    let mut out = vec![vector("revoked-twice", "carol's key was revoked again", twice, 9)];
    out.extend(by_alice.map(|(name, description, op)| vector(name, description, changed(op, &alice()), 3)));
    out.extend(by_bob.map(|(name, description, op)| vector(name, description, changed(op, &bob()), 3)));
    out
}

fn geneses() -> Vec<Vector> {
    let first = |body: Body| {
        let mut log = Log::default();
        log.push(at(0), body, None);
        log.export()
    };
    let born = |genesis: &Genesis, key: &SigningKey| first(Body::Genesis { envelope: seal(genesis, key) });
    let mut two_brokers = genesis();
    two_brokers.members.push(member("broker2", &mallory(), Role::Broker, &[]));
    let mut twins = genesis();
    twins.members.push(member("bob", &mallory(), Role::Operator, &[]));
    let second = third(Body::Genesis { envelope: seal(&genesis(), &alice()) });
    vec![
        log("second-genesis", "a genesis in the middle", second, "genesis", 3),
        log("no-genesis", "the first entry is no genesis", first(add_carol()), "genesis", 0),
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

/// The command of entry 3, with 0.50 USD reserved.
fn cut() -> Command {
    command(0x21, 20, "vmix.cut", "studio1", &arguments(0x21, 1))
}

/// Entry 3 admits [`cut`]; `write` gets the log and the hash of entry 3, and writes entry 4.
fn after(write: impl Fn(&mut Log, Hash)) -> Vec<u8> {
    let (mut log, _) = begin();
    let admitted = log.admit(&cut(), &bob(), usd(500_000), arguments(0x21, 1));
    write(&mut log, admitted);
    log.export()
}

fn complete(log: &mut Log, done: &ResultEvent, key: &SigningKey, settlement: Settlement) {
    log.push(at(21), Body::Completed { envelope: seal(done, key), settlement }, Some(succeeded(0x22)));
}

fn done(entry: Hash, cost: i64) -> ResultEvent {
    result(&cut(), entry, Status::Succeeded, usd(cost), &succeeded(0x22))
}

fn settlements() -> Vec<Vector> {
    let cases: [(&str, &str, [i64; 3], &str); 4] = [
        ("unbalanced", "less was posted and voided than reserved", [100_000, 100_000, 300_000], "settlement"),
        ("posted-not-cost", "another amount was posted than signed", [100_000, 400_000, 100_000], "settlement"),
        ("negative-void", "the rest was voided below zero", [100_000, 600_000, -100_000], "settlement"),
        ("cost-above-reserved", "the cost is above the reservation", [600_000, 500_000, 0], "cost_exceeds_reservation"),
    ];
    let completed = cases.map(|(name, description, [cost, posted, voided], error)| {
        let bytes = after(|log, admitted| complete(log, &done(admitted, cost), &node1(), settle(posted, voided)));
        log(name, description, bytes, error, 4)
    });
    completed.into()
}

fn unresolved() -> Vec<Vector> {
    // Name, description, seconds after the start, status, posted and voided, fault.
    type Case = (&'static str, &'static str, i64, Status, [i64; 2], &'static str);
    use Status::{Indeterminate, Succeeded};
    let cases: [Case; 4] = [
        ("early", "given up before deadline and grace had passed", 26, Indeterminate, [500_000, 0], "rule"),
        ("succeeded", "success without a result", 40, Succeeded, [500_000, 0], "rule"),
        ("unbalanced", "part of the reservation vanished", 40, Indeterminate, [0, 0], "settlement"),
        ("negative-void", "the rest was voided below zero", 40, Indeterminate, [600_000, -100_000], "settlement"),
    ];
    let given_up = cases.map(|(name, description, seconds, status, [posted, voided], error)| {
        let bytes = after(|log, _| {
            let settlement = settle(posted, voided);
            let body = Body::Unresolved { command: cut().id, status, reason: "none came".into(), settlement };
            log.push(at(seconds), body, None);
        });
        log(&format!("unresolved-{name}"), description, bytes, error, 4)
    });
    given_up.into()
}

fn results() -> Vec<Vector> {
    let free = settle(0, 500_000);
    let by_bob = after(|log, admitted| complete(log, &done(admitted, 0), &bob(), free));
    let other_entry = after(|log, _| complete(log, &done(log.entries[1].hash, 0), &node1(), free));
    let twice = {
        let (mut log, first) = begin();
        let again = result(&first, log.entries[1].hash, Status::Failed, usd(0), &succeeded(0x22));
        complete(&mut log, &again, &node1(), free);
        log.export()
    };
    let oversize = after(|log, admitted| {
        let done = ResultEvent { price_table: Some("x".repeat(limits::ENVELOPE_MAX_BYTES)), ..done(admitted, 0) };
        let body = codec::encode("result", &done).unwrap();
        // `seal` refuses to make such an envelope, reading it as part of an entry does not.
        let envelope: Envelope = codec::decode("envelope", &raw::sealed("result", 3, &body)).unwrap();
        log.push(at(21), Body::Completed { envelope, settlement: free }, Some(succeeded(0x22)));
    });
    vec![
        log("wrong-worker", "an operator signed the result", by_bob, "wrong_worker", 4),
        log("result-other-entry", "the result names another admission", other_entry, "unknown_command", 4),
        log("settled-twice", "a second result settled the command again", twice, "not_in_flight", 3),
        log("oversize-envelope", "a signed result larger than an envelope may be", oversize, "too_large", 4),
    ]
}

fn lates() -> Vec<Vector> {
    let early = after(|log, admitted| {
        let envelope = seal(&done(admitted, 0), &node1());
        log.push(at(21), Body::Late { envelope }, Some(succeeded(0x22)));
    });
    let by_bob = {
        let mut log = whole().first(7);
        let fade = command(3, 30, "vmix.fade", "studio2", &arguments(0x13, 3));
        let late = result(&fade, log.entries[4].hash, Status::Succeeded, usd(0), &succeeded(0x22));
        log.push(at(39), Body::Late { envelope: seal(&late, &bob()) }, Some(succeeded(0x22)));
        log.export()
    };
    vec![
        log("late-in-flight", "a late result for a command not yet settled", early, "rule", 4),
        log("late-not-worker", "an operator signed a late result", by_bob, "wrong_worker", 7),
    ]
}
