//! Policies of guardians: logs that keep them, and logs that do not.
#![allow(clippy::unwrap_used, reason = "a vector that cannot be built must stop the generator")]

use super::{
    fixtures::{Vector, alice, arguments, at, bob, change, command, name, seal, usd},
    invalid_log::log,
    log::Log,
    runs::{Show, begin_runs, plan, step_of},
    valid::{envelope, expect},
};
use if_schemas::{Body, Money, Policy, Status, TrustOp, plan::Phase, run::Guard};
use serde_json::json;

/// What the commands of the runs reserve, micro-dollars.
const RESERVED: i64 = 100_000;

pub fn vectors() -> Vec<Vector> {
    let unguard = |n| change(n, 20, TrustOp::Unguard { name: name("cuts") });
    let mut out = vec![
        envelope("trust-guard", "an admin lets guardians agree to cuts", &change(13, 20, guard(None)), &alice()),
        envelope("trust-unguard", "an admin ends that", &unguard(14), &alice()),
        valid(),
    ];
    out.extend(invalid());
    out
}

/// Alice and bob must agree to every cut of studio1, or to those with more than `above` at stake.
fn policy(above: Option<Money>) -> Policy {
    let of = [(name("alice"), 1), (name("bob"), 1)].into();
    let guard = Guard { need: 2, of, veto: vec![], valid_ms: 60_000 };
    Policy { operations: vec!["vmix.*@vmix/studio1".parse().unwrap()], above, guard }
}

fn guard(above: Option<Money>) -> TrustOp {
    TrustOp::Guard { name: name("cuts"), policy: Box::new(policy(above)) }
}

fn trust(log: &mut Log, n: u8, seconds: i64, op: TrustOp) {
    log.push(at(seconds), Body::Trust { envelope: seal(&change(n, seconds, op), &alice()) }, None);
}

/// The policy as entry 3, a run as entry 4 that goes on from entry 5.
fn guarded(above: Option<Money>) -> (Log, Show) {
    let mut log = begin_runs();
    trust(&mut log, 0x20, 20, guard(above));
    let show = log.order(0x30, 30, &plan("studio1", false), |_| {});
    log.lease(30, &show);
    (log, show)
}

/// Voted on, not enough at stake, and after its end.
fn valid() -> Vector {
    let (mut log, show) = guarded(Some(usd(RESERVED - 1)));
    let fade = step_of(&show, 0x31, 31, 1, Phase::Do);
    let entry = log.send(&fade, usd(0));
    log.done(&fade, entry, Status::Succeeded, 0, 0);
    log.vote(0x33, 33, &show, &bob());
    log.vote(0x34, 34, &show, &alice());
    let cut = step_of(&show, 0x35, 35, 0, Phase::Do);
    let entry = log.send(&cut, usd(RESERVED));
    log.done(&cut, entry, Status::Succeeded, RESERVED, RESERVED);
    trust(&mut log, 0x40, 40, TrustOp::Unguard { name: name("cuts") });
    let args = arguments(0x41, 2);
    log.admit(&command(0x41, 41, "vmix.cut", "studio1", &args), &bob(), usd(0), args);
    let mut whole = expect(&log, 0, 0);
    whole["posted_micros"] = json!({"USD": RESERVED});
    whole["reserved_micros"] = json!({"USD": 0});
    whole["in_flight"] = json!(1);
    Vector::valid("export-policies", "export", "commands under a policy", log.export(), whole)
}

fn invalid() -> Vec<Vector> {
    let mut single = begin_runs();
    trust(&mut single, 0x20, 20, guard(None));
    let args = arguments(0x41, 2);
    single.admit(&command(0x41, 41, "vmix.cut", "studio1", &args), &alice(), usd(0), args);
    let (mut one_vote, show) = guarded(None);
    one_vote.vote(0x33, 33, &show, &bob());
    one_vote.send(&step_of(&show, 0x35, 35, 0, Phase::Do), usd(0));
    let (mut stake, show) = guarded(Some(usd(RESERVED - 1)));
    stake.send(&step_of(&show, 0x35, 35, 0, Phase::Do), usd(RESERVED));
    let (mut back, show) = guarded(None);
    back.vote(0x33, 33, &show, &bob());
    back.vote(0x34, 34, &show, &alice());
    let cut = step_of(&show, 0x35, 35, 0, Phase::Do);
    let entry = back.send(&cut, usd(0));
    back.done(&cut, entry, Status::Succeeded, 0, 0);
    back.run_op(0x36, 36, &show, if_schemas::RunOp::Cancel { run: show.id, rollback: true }, &bob());
    back.note(0x37, 37, &show, if_schemas::run::Note::Undoing { why: "cancelled".into() });
    back.send(&step_of(&show, 0x38, 38, 0, Phase::Undo), usd(0));
    let changed = |op: TrustOp, key| {
        let mut log = begin_runs();
        log.push(at(20), Body::Trust { envelope: seal(&change(0x20, 20, op), key) }, None);
        log.export()
    };
    let empty = Policy { operations: vec![], ..policy(None) };
    let negative = policy(Some(usd(-1)));
    let alone = Policy { guard: Guard { need: 3, ..policy(None).guard }, ..policy(None) };
    let set = |policy| TrustOp::Guard { name: name("cuts"), policy: Box::new(policy) };
    let bad = "bad_trust_change";
    vec![
        log("policy-single", "a guarded command of no run", single.export(), "approval_missing", 4),
        log("policy-one-vote", "one of two votes that the policy needs", one_vote.export(), "approval_missing", 7),
        log("policy-stake", "more is at stake than may be without votes", stake.export(), "approval_missing", 6),
        log("policy-undo", "votes for a command are none for what undoes it", back.export(), "approval_missing", 12),
        log("policy-not-admin", "an operator made a policy", changed(guard(None), &bob()), "not_allowed", 3),
        log("policy-empty", "a policy that covers nothing", changed(set(empty), &alice()), bad, 3),
        log("policy-negative", "a policy above less than nothing", changed(set(negative), &alice()), bad, 3),
        log("policy-unreachable", "its guardians cannot reach it", changed(set(alone), &alice()), bad, 3),
        log(
            "policy-absent",
            "the end of no policy",
            changed(TrustOp::Unguard { name: name("cuts") }, &alice()),
            bad,
            3,
        ),
    ]
}
