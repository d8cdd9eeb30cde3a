//! Each rule of admission, settlement and trust, one test each.

mod support;

use if_core::{Input, Pricing, Prior, Served};
use if_schemas::{
    Body, Code, Currency, Draft, Effect, Entry, Envelope, Hash, Head, Money, Reject, Role, Status, TrustOp,
    head::Verdict, limits::PINS_MAX,
};
use support::{World, code, key, member, name, served};

const SECOND: i64 = 1_000_000;

fn usd(amount_micros: i64) -> Money {
    Money { amount_micros, currency: Currency::USD }
}

#[test]
fn an_operator_with_a_grant_is_admitted_and_settled() {
    let mut w = World::new();
    let c = w.command("obs.scene.switch");
    let operator = key(2);
    let (verdict, head) = w.send_priced(&c, &operator, usd(500));
    assert_eq!(verdict, Verdict::Accepted);
    assert_eq!(w.state.ledger().accounts().next().unwrap().1.reserved_micros, 500);
    let (verdict, _) = w.result(c.id, head.unwrap().hash, Status::Succeeded, usd(200), &key(4));
    assert_eq!(verdict, Verdict::Accepted);
    let (_, account) = w.state.ledger().accounts().next().unwrap();
    assert_eq!((account.reserved_micros, account.posted_micros), (0, 200));
    assert!(w.state.in_flight().is_empty());
}

#[test]
fn default_is_deny() {
    let mut w = World::new();
    let c = w.command("vmix.cut");
    assert_eq!(code(&w.send(&c, &key(2)).0), "not_allowed");
    assert_eq!(w.state.counts().rejected, 1, "an authentic refusal is logged");
    let c = w.command("obs.scene.switch");
    assert_eq!(code(&w.send(&c, &key(4)).0), "not_allowed", "a worker sends no commands");
}

#[test]
fn the_same_bytes_get_the_same_receipt_and_a_changed_message_is_refused() {
    let mut w = World::new();
    let c = w.command("obs.scene.switch");
    let first = w.send(&c, &key(2));
    w.now = w.now.saturating_add_us(3_600 * SECOND);
    assert_eq!(w.send(&c, &key(2)), first, "an hour later, long past deadline and skew");
    let mut changed = c.clone();
    changed.instance = support::name("main");
    changed.deadline = changed.deadline.saturating_add_us(1);
    assert_eq!(code(&w.send(&changed, &key(2)).0), "id_reused");
    let refused = w.send(&changed, &key(2));
    assert_eq!(code(&refused.0), "id_reused");
    assert_eq!(w.state.counts().rejected, 1, "a repeated refusal is not logged again");
}

#[test]
fn clocks_and_deadlines() {
    let mut w = World::new();
    let cases: [(i64, i64, &str); 6] = [
        (-31 * SECOND, 60 * SECOND, "clock_skew"),
        (31 * SECOND, 60 * SECOND, "clock_skew"),
        (-29 * SECOND, 60 * SECOND, "accepted"),
        (-10 * SECOND, 5 * SECOND, "expired"),
        (0, 0, "bad_deadline"),
        (0, 86_401 * SECOND, "bad_deadline"),
    ];
    for (issued, life, expected) in cases {
        let mut c = w.command("obs.scene.switch");
        c.issued_at = w.now.saturating_add_us(issued);
        c.deadline = c.issued_at.saturating_add_us(life);
        assert_eq!(code(&w.send(&c, &key(2)).0), expected, "issued {issued} us from now, living {life} us");
    }
}

#[test]
fn presence_decides() {
    let mut w = World::new();
    let cases = [
        (Served::Nobody { known: None }, "no_worker"),
        (served(None), "unknown_operation"),
        (served(Some(Effect::Once)), "effect_mismatch"),
        // Announced, but no member may do it any more: presence is older than the newest change of trust.
        (Served::By { worker: name("gone"), effect: Some(Effect::Idempotent) }, "wrong_worker"),
        (served(Some(Effect::Idempotent)), "accepted"),
    ];
    for (served, expected) in cases {
        let c = w.command("obs.scene.switch");
        let verified = w.verified(&c, &key(2));
        let hash = verified.hash();
        let input = Input::Command { command: verified, prior: Prior::Nothing, served, pricing: Pricing::Free };
        assert_eq!(code(&w.step(c.id, Some(hash), input).0), expected);
    }
}

#[test]
fn a_dry_run_leaves_no_trace() {
    let mut w = World::new();
    let before = w.entries.len();
    let mut c = w.command("obs.scene.switch");
    c.dry_run = true;
    assert_eq!(code(&w.send(&c, &key(2)).0), "would_accept");
    let mut c = w.command("vmix.cut");
    c.dry_run = true;
    assert_eq!(code(&w.send(&c, &key(2)).0), "not_allowed");
    assert_eq!(w.entries.len(), before);
}

#[test]
fn results_settle_once_and_only_from_the_right_worker() {
    let mut w = World::new();
    let c = w.command("obs.scene.switch");
    let (_, head) = w.send_priced(&c, &key(2), usd(100));
    let entry = head.unwrap().hash;
    let wrong_entry = if_schemas::Hash([1; 32]);
    assert_eq!(code(&w.result(c.id, wrong_entry, Status::Succeeded, usd(0), &key(4)).0), "unknown_command");
    assert_eq!(
        code(&w.result(c.id, entry, Status::Succeeded, usd(0), &key(2)).0),
        "wrong_worker",
        "an operator is no worker"
    );
    assert_eq!(code(&w.result(c.id, entry, Status::Succeeded, usd(101), &key(4)).0), "cost_exceeds_reservation");
    let first = w.result(c.id, entry, Status::Succeeded, usd(100), &key(4));
    assert_eq!(code(&first.0), "accepted");
    assert_eq!(w.result(c.id, entry, Status::Succeeded, usd(100), &key(4)), first, "a repeat gets its receipt");
    let settled = w.state.counts().settled.clone();
    assert_eq!(code(&w.result(c.id, entry, Status::Failed, usd(0), &key(4)).0), "accepted", "late: logged");
    assert_eq!(w.state.counts().settled, settled, "late: settles nothing");
    let unknown = w.next_id();
    assert_eq!(code(&w.result(unknown, entry, Status::Failed, usd(0), &key(4)).0), "unknown_command");
}

#[test]
fn only_the_node_a_command_was_given_to_may_answer() {
    let mut w = World::new();
    let spare = TrustOp::Add(member("spare", &key(9), Role::Worker, &["*@obs"]));
    assert_eq!(code(&w.change(spare, &key(1)).0), "accepted");
    let c = w.command("obs.scene.switch");
    let (_, head) = w.send_priced(&c, &key(2), usd(0));
    let entry = head.unwrap().hash;
    assert_eq!(code(&w.result(c.id, entry, Status::Succeeded, usd(0), &key(9)).0), "wrong_worker");
    // A key its member has rotated to is still the same member's.
    assert_eq!(code(&w.change(TrustOp::Rotate(key(10).public()), &key(4)).0), "accepted");
    assert_eq!(code(&w.result(c.id, entry, Status::Succeeded, usd(0), &key(10)).0), "accepted");
    assert_eq!(w.state.counts().settled[&Status::Succeeded], 1);
}

#[test]
fn without_a_result_the_outcome_is_indeterminate_and_counts_as_spent() {
    let mut w = World::new();
    let c = w.command("obs.scene.switch");
    w.send_priced(&c, &key(2), usd(70));
    w.now = c.deadline.saturating_add_us(SECOND);
    assert_eq!(w.settle_overdue(), 0, "the grace for the result is not over");
    w.now = c.deadline.saturating_add_us(3 * SECOND);
    assert_eq!(w.settle_overdue(), 1);
    let (_, account) = w.state.ledger().accounts().next().unwrap();
    assert_eq!((account.reserved_micros, account.posted_micros), (0, 70));
    assert_eq!(w.state.counts().settled[&Status::Indeterminate], 1);
}

#[test]
fn trust_changes_need_an_admin_and_take_effect_at_once() {
    let mut w = World::new();
    let new = key(20);
    let add = || TrustOp::Add(member("eve", &new, Role::Operator, &["*"]));
    assert_eq!(code(&w.change(add(), &key(2)).0), "not_allowed");
    assert_eq!(code(&w.change(add(), &key(1)).0), "accepted");
    let c = w.command("obs.scene.switch");
    assert_eq!(code(&w.send(&c, &new).0), "accepted");
    assert_eq!(code(&w.change(TrustOp::Revoke(new.id()), &key(1)).0), "accepted");
    let c = w.command("obs.scene.switch");
    assert_eq!(code(&w.send(&c, &new).0), "key_revoked");
    assert_eq!(code(&w.change(add(), &key(1)).0), "bad_trust_change", "a revoked key never comes back");
    assert_eq!(code(&w.change(TrustOp::Revoke(key(1).id()), &key(1)).0), "bad_trust_change", "the last admin stays");
    assert_eq!(code(&w.change(TrustOp::Revoke(key(3).id()), &key(1)).0), "bad_trust_change", "the broker only rotates");
}

#[test]
fn anybody_may_rotate_their_own_key_and_keeps_their_rights() {
    let mut w = World::new();
    let new = key(30);
    assert_eq!(code(&w.change(TrustOp::Rotate(new.public()), &key(2)).0), "accepted");
    let c = w.command("obs.scene.switch");
    assert_eq!(code(&w.send(&c, &key(2)).0), "key_revoked");
    let c = w.command("obs.scene.switch");
    assert_eq!(code(&w.send(&c, &new).0), "accepted");
}

/// An entry that an honest broker cannot write: whatever it is about, a log holds no shared signatures.
#[test]
fn a_path_in_a_log_is_refused() {
    let mut world = World::new();
    let head = Head { log: Hash([1; 32]), index: 0, hash: Hash([2; 32]), at: world.now };
    let shared = vec![Draft::of(&head).unwrap(), Draft::of(&head).unwrap()];
    let shared = Envelope::seal_all(shared, &world.broker).unwrap().remove(0);
    let command = Envelope::seal(&world.command("obs.scene.switch"), &world.operator).unwrap();
    let mut with_path = serde_json::to_value(&command).unwrap();
    with_path["path"] = serde_json::to_value(&shared).unwrap()["path"].clone();
    let with_path: Envelope = serde_json::from_value(with_path).unwrap();
    let reject = Reject::new(Code::NotAllowed, "x");
    for (envelope, refused) in [(command, false), (with_path, true)] {
        let body = Body::Rejected { envelope, reject: reject.clone() };
        let entry = world.state.draft(world.now, body);
        let bytes = entry.encode().unwrap();
        assert_eq!(world.state.clone().apply(&entry, Entry::hash_bytes(&bytes)).is_err(), refused);
        let mut auditor = if_core::Auditor::default();
        world.entries.iter().for_each(|e| auditor.push(e, None).unwrap());
        assert_eq!(auditor.push(&bytes, None).is_err(), refused);
    }
}

#[test]
fn a_plugin_is_pinned_by_an_admin_alone_until_it_is_unpinned() {
    let mut w = World::new();
    let plugin = |n: usize| format!("p{n}").parse().unwrap();
    let pin = |n, byte| TrustOp::Pin { plugin: plugin(n), hash: Hash([byte; 32]) };
    assert_eq!(code(&w.change(pin(0, 1), &key(2)).0), "not_allowed", "an operator");
    assert_eq!(code(&w.change(pin(0, 1), &key(1)).0), "accepted");
    let first = *w.state.trust().pin(&plugin(0)).unwrap();
    assert_eq!(first.hash, Hash([1; 32]));
    assert_eq!(code(&w.change(pin(0, 2), &key(1)).0), "accepted", "a changed plugin is pinned anew");
    let second = *w.state.trust().pin(&plugin(0)).unwrap();
    assert_eq!((second.hash, second.index > first.index), (Hash([2; 32]), true));
    let unpin = || TrustOp::Unpin { plugin: plugin(0) };
    assert_eq!(code(&w.change(unpin(), &key(2)).0), "not_allowed", "an operator");
    assert_eq!(code(&w.change(unpin(), &key(1)).0), "accepted");
    assert_eq!(w.state.trust().pin(&plugin(0)), None);
    assert_eq!(code(&w.change(unpin(), &key(1)).0), "bad_trust_change", "it is not pinned any more");
    for n in 0..PINS_MAX {
        assert_eq!(code(&w.change(pin(n, 3), &key(1)).0), "accepted", "pin {n}");
    }
    assert_eq!(code(&w.change(pin(PINS_MAX, 3), &key(1)).0), "bad_trust_change", "one too many");
    assert_eq!(code(&w.change(pin(0, 4), &key(1)).0), "accepted", "one that is there may change");
}
