//! Guardians: whose votes count for which command, and how long.
#![allow(clippy::unwrap_used)]

mod support;

use if_schemas::{
    Command, Currency, Effect, Hash, Money, Policy, Role, Status, TrustOp,
    plan::Phase,
    run::{Guard, Outcome},
};
use support::{
    code, key, member, name,
    runs::{SECOND, Show, Stage, gil, gina, guard, gus, leaf, olga, plan_of, step},
};

fn guarded(guard_: Guard) -> (Stage, Show) {
    let mut s = Stage::new();
    let mut first = step(0, "main", Effect::Idempotent);
    first.guard = Some(guard_);
    let mut second = step(1, "main", Effect::Idempotent);
    second.guard = Some(guard(1, &[("gina", 1)], &[]));
    let show = s.begin(&plan_of(vec![first, second]), |_| {});
    (s, show)
}

fn two_of_three() -> Guard {
    guard(2, &[("gina", 1), ("gil", 1), ("gus", 1)], &["gus"])
}

#[test]
fn a_guarded_step_waits_for_enough_weight() {
    let (mut s, show) = guarded(two_of_three());
    let l = leaf(&show, 0);
    assert_eq!(s.sends(&show, 0, Phase::Do), "approval_missing");
    assert_eq!(s.vote(&show, 0, l, true, &gina()), "accepted");
    assert_eq!(s.vote(&show, 0, l, true, &gina()), "accepted");
    assert_eq!(s.sends(&show, 0, Phase::Do), "approval_missing", "one guardian counts once");
    assert_eq!(s.vote(&show, 0, l, true, &olga()), "accepted");
    assert_eq!(s.sends(&show, 0, Phase::Do), "approval_missing", "who is no guardian of it has no weight");
    assert_eq!(s.vote(&show, 0, l, true, &gil()), "accepted");
    assert_eq!(s.sends(&show, 0, Phase::Do), "accepted");
}

#[test]
fn weights_are_added_up() {
    let (mut s, show) = guarded(guard(3, &[("gina", 2), ("gil", 1), ("gus", 3)], &[]));
    let l = leaf(&show, 0);
    s.vote(&show, 0, l, true, &gina());
    assert_eq!(s.sends(&show, 0, Phase::Do), "approval_missing");
    s.vote(&show, 0, l, true, &gil());
    assert_eq!(s.sends(&show, 0, Phase::Do), "accepted");
    let (mut s, show) = guarded(guard(3, &[("gina", 2), ("gil", 1), ("gus", 3)], &[]));
    s.vote(&show, 0, leaf(&show, 0), true, &gus());
    assert_eq!(s.sends(&show, 0, Phase::Do), "accepted");
}

#[test]
fn a_veto_is_the_end_of_it_and_a_plain_no_is_not() {
    let (mut s, show) = guarded(guard(1, &[("gina", 1), ("gil", 1), ("gus", 1)], &["gus"]));
    let l = leaf(&show, 0);
    s.vote(&show, 0, l, false, &gil());
    s.vote(&show, 0, l, true, &gina());
    assert_eq!(s.sends(&show, 0, Phase::Do), "accepted", "gil has no veto");
    let (mut s, show) = guarded(guard(1, &[("gina", 1), ("gil", 1)], &["gus"]));
    let l = leaf(&show, 0);
    s.vote(&show, 0, l, true, &gina());
    s.vote(&show, 0, l, false, &gus());
    assert_eq!(s.sends(&show, 0, Phase::Do), "approval_missing", "gus need not be one of those who approve");
    s.vote(&show, 0, l, true, &gus());
    assert_eq!(s.sends(&show, 0, Phase::Do), "accepted", "the newest word of each counts");
    s.vote(&show, 0, l, false, &gina());
    assert_eq!(s.sends(&show, 1, Phase::Do), "approval_missing", "and none of it is for another step");
}

#[test]
fn a_vote_expires_and_a_new_one_counts_anew() {
    let (mut s, show) = guarded(guard(1, &[("gina", 1)], &[]));
    s.vote(&show, 0, leaf(&show, 0), true, &gina());
    s.wait(60 * SECOND);
    assert_eq!(s.sends(&show, 0, Phase::Do), "accepted", "the last moment");
    s.wait(8 * SECOND);
    assert_eq!(s.sends(&show, 0, Phase::Do), "approval_missing", "a repeat needs a vote that counts too");
    s.vote(&show, 0, leaf(&show, 0), true, &gina());
    s.wait(60 * SECOND + 1);
    assert_eq!(s.sends(&show, 0, Phase::Do), "approval_missing");
    s.vote(&show, 0, leaf(&show, 0), true, &gina());
    assert_eq!(s.sends(&show, 0, Phase::Do), "accepted");
}

#[test]
fn a_vote_is_for_one_command_of_one_run() {
    let (mut s, show) = guarded(guard(1, &[("gina", 1)], &[]));
    assert_eq!(s.vote(&show, 0, leaf(&show, 1), true, &gina()), "accepted");
    assert_eq!(s.sends(&show, 0, Phase::Do), "approval_missing");
    assert_eq!(s.sends(&show, 1, Phase::Do), "accepted");
    // The same plan ordered again: the leaf is the same, the vote is not for it.
    s.wait(8 * SECOND);
    s.close(&show, Outcome::Failed);
    let mut again = step(0, "main", Effect::Idempotent);
    again.guard = Some(guard(1, &[("gina", 1)], &[]));
    let (mut s, first) = (s, show);
    s.resume(&first);
    s.vote(&first, 0, leaf(&first, 0), true, &gina());
    s.close(&first, Outcome::Failed);
    let second = s.begin(&plan_of(vec![again]), |_| {});
    assert_eq!(leaf(&first, 0), leaf(&second, 0));
    assert_eq!(s.sends(&second, 0, Phase::Do), "approval_missing");
}

#[test]
fn the_vote_of_a_revoked_guardian_counts_neither_way() {
    let (mut s, show) = guarded(guard(1, &[("gina", 1)], &["gus"]));
    let l = leaf(&show, 0);
    s.vote(&show, 0, l, true, &gina());
    s.trust(TrustOp::Revoke(gina().id()));
    assert_eq!(s.sends(&show, 0, Phase::Do), "approval_missing");
    // Somebody else of the same name has not said anything yet.
    s.trust(TrustOp::Add(member("gina", &key(60), Role::Operator, &[])));
    assert_eq!(s.sends(&show, 0, Phase::Do), "approval_missing");
    assert_eq!(s.vote(&show, 0, l, true, &gina()), "key_revoked");
    assert_eq!(s.vote(&show, 0, l, true, &key(60)), "accepted");
    s.vote(&show, 0, l, false, &gus());
    assert_eq!(s.sends(&show, 0, Phase::Do), "approval_missing");
    s.trust(TrustOp::Revoke(gus().id()));
    assert_eq!(s.sends(&show, 0, Phase::Do), "accepted", "nor does a revoked key block");
}

#[test]
fn who_may_vote_and_on_what() {
    let (mut s, show) = guarded(two_of_three());
    let l = leaf(&show, 0);
    assert_eq!(s.vote(&show, 0, l, true, &key(4)), "not_allowed", "a worker is no guardian");
    assert_eq!(s.vote(&show, 0, l, true, &key(3)), "not_allowed");
    assert_eq!(s.vote(&show, 0, l, true, &key(1)), "accepted", "an admin may be one");
    assert_eq!(s.vote(&show, 2, l, true, &gina()), "bad_run_change", "there is no step 2");
    s.close(&show, Outcome::Failed);
    assert_eq!(s.vote(&show, 0, l, true, &gina()), "run_not_going");
}

#[test]
fn nobody_can_use_up_the_votes_of_another() {
    let (mut s, show) = guarded(guard(1, &[("gina", 1)], &[]));
    for n in 0..1_024u32 {
        assert_eq!(s.vote(&show, 0, other(n), true, &gil()), "accepted");
    }
    assert_eq!(s.vote(&show, 0, leaf(&show, 0), true, &gil()), "bad_run_change");
    assert_eq!(s.vote(&show, 0, other(7), false, &gil()), "accepted", "it takes one back");
    assert_eq!(s.vote(&show, 0, leaf(&show, 0), true, &gina()), "accepted");
    assert_eq!(s.sends(&show, 0, Phase::Do), "accepted");
}

/// The leaf of no step.
fn other(n: u32) -> Hash {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    Hash(bytes)
}

#[test]
fn steps_that_wait_for_guardians_are_shown_until_they_go_on_or_end() {
    use if_schemas::{plan::Ended, run::Note};
    let (mut s, show) = guarded(guard(1, &[("gina", 1)], &[]));
    let waiting = |s: &Stage| s.run(&show).awaiting().keys().copied().collect::<Vec<_>>();
    s.note(&show, Note::AwaitsApproval { step: 0 });
    s.note(&show, Note::AwaitsApproval { step: 1 });
    assert_eq!(waiting(&s), [0, 1]);
    s.vote(&show, 0, leaf(&show, 0), true, &gina());
    s.does(&show, 0, Phase::Do, Status::Succeeded);
    assert_eq!(waiting(&s), [1]);
    s.note(&show, Note::Ended { step: 1, ended: Ended::Failed, text: "rejected".into() });
    assert!(waiting(&s).is_empty());
}

#[test]
fn an_order_with_a_guard_nobody_can_reach_is_refused() {
    for bad in [guard(0, &[("gina", 1)], &[]), guard(2, &[("gina", 1)], &[]), guard(1, &[], &[])] {
        let mut s = Stage::new();
        let mut one = step(0, "main", Effect::Idempotent);
        one.guard = Some(bad);
        let (_, verdict) = s.begin_as(&plan_of(vec![one]), &olga(), if_schemas::Money::FREE, |_| {});
        assert_eq!(code(&verdict), "bad_run_change");
    }
}

/// Gina and gil must agree to everything on main, or to what has more than `above` at stake.
fn policy(s: &mut Stage, above: Option<Money>) {
    let policy = Policy {
        operations: vec!["obs.scene.*@obs/main".parse().unwrap()],
        above,
        guard: guard(2, &[("gina", 1), ("gil", 1)], &[]),
    };
    s.trust(TrustOp::Guard { name: name("scenes"), policy: Box::new(policy) });
}

#[test]
fn what_a_policy_covers_is_done_in_runs_with_votes_and_not_otherwise_not_even_by_an_admin() {
    let mut s = Stage::new();
    policy(&mut s, None);
    let single = s.w.command("obs.scene.switch");
    assert_eq!(code(&s.w.send(&single, &key(1)).0), "approval_missing");
    let dry = Command { id: s.w.next_id(), dry_run: true, ..single.clone() };
    assert_eq!(code(&s.w.send(&dry, &key(1)).0), "approval_missing", "a dry run says so");
    let other = s.w.command("obs.record.start");
    assert_eq!(code(&s.w.send(&other, &key(1)).0), "accepted", "another operation");
    let spare = s.begin(&plan_of(vec![step(0, "spare", Effect::Idempotent)]), |_| {});
    assert_eq!(s.sends(&spare, 0, Phase::Do), "accepted", "another instance");

    let show = s.begin(&plan_of(vec![step(0, "main", Effect::Idempotent), step(1, "main", Effect::Read)]), |_| {});
    let l = leaf(&show, 0);
    assert_eq!(s.sends(&show, 0, Phase::Do), "approval_missing");
    s.vote(&show, 0, l, true, &gina());
    assert_eq!(s.sends(&show, 0, Phase::Do), "approval_missing", "one of two");
    s.vote(&show, 0, leaf(&show, 1), true, &gil());
    assert_eq!(s.sends(&show, 0, Phase::Do), "approval_missing", "a vote on something else");
    s.vote(&show, 0, l, true, &gil());
    assert_eq!(s.sends(&show, 0, Phase::Do), "accepted");
    assert_eq!(s.sends(&show, 1, Phase::Do), "accepted", "what only reads is not guarded");
    s.trust(TrustOp::Unguard { name: name("scenes") });
    let again = s.w.command("obs.scene.switch");
    assert_eq!(code(&s.w.send(&again, &key(1)).0), "accepted", "the policy has ended");
}

#[test]
fn a_policy_above_an_amount_looks_at_what_is_at_stake() {
    let mut s = Stage::new();
    let usd = |amount_micros| Money { amount_micros, currency: Currency::USD };
    policy(&mut s, Some(usd(1_000)));
    for (price, said) in [(0, "accepted"), (1_000, "accepted"), (1_001, "approval_missing")] {
        let single = s.w.command("obs.scene.switch");
        assert_eq!(code(&s.w.send_priced(&single, &key(1), usd(price)).0), said, "{price}");
    }
    let foreign = Money { amount_micros: 1, currency: "EUR".parse().unwrap() };
    let single = s.w.command("obs.scene.switch");
    let said = code(&s.w.send_priced(&single, &key(1), foreign).0);
    assert_eq!(said, "approval_missing", "what cannot be compared counts as more");
}
