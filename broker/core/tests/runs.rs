//! Orders of runs, who has an instance, and how runs end: each rule, one test each.
#![allow(clippy::unwrap_used)]

mod support;

use if_core::{Asked, Decision, Input, Pricing, State, decide};
use if_schemas::{
    Body, Cause, CommandId, Effect, Entry, Money, Name, Payload, Role, RunOp, Salt, Status, TrustOp,
    head::Verdict,
    limits::{RUN_LIFE_MAX_US, RUNS_MAX},
    plan::Phase,
    run::{Note, OnConflict, Order, Outcome, Reserve},
};
use support::{
    code, key, member, name,
    runs::{MINUTE, SECOND, Show, Stage, call, delegate, gina, olga, payload, plan, plan_of, step, target},
};

fn refused(change: impl FnOnce(&mut Order)) -> &'static str {
    let mut s = Stage::new();
    let (_, verdict) = s.begin_as(&plan(&["main", "spare"]), &olga(), Money::FREE, change);
    code(&verdict)
}

#[test]
fn an_order_needs_a_delegate_a_time_and_the_plan_it_names() {
    assert_eq!(refused(|_| {}), "accepted");
    assert_eq!(refused(|o| o.delegate = key(99).id()), "bad_run_change");
    assert_eq!(refused(|o| o.delegate = olga().id()), "bad_run_change", "an operator carries out no run");
    assert_eq!(refused(|o| o.delegate = key(1).id()), "bad_run_change", "nor does an admin's key");
    assert_eq!(refused(|o| o.until = support::START), "bad_run_change");
    assert_eq!(refused(|o| o.until = support::START.saturating_add_us(1)), "accepted");
    assert_eq!(refused(|o| o.until = support::START.saturating_add_us(RUN_LIFE_MAX_US)), "accepted");
    assert_eq!(refused(|o| o.until = support::START.saturating_add_us(RUN_LIFE_MAX_US + 1)), "bad_run_change");
    assert_eq!(refused(|o| o.root = if_schemas::Hash([1; 32])), "bad_run_change");
    assert_eq!(refused(|o| o.steps = 3), "bad_run_change");
    assert_eq!(refused(|o| o.profile = name("other")), "bad_run_change");
    assert_eq!(refused(|o| drop(o.writes.pop())), "bad_run_change", "its plan writes to more than it says");
    assert_eq!(refused(|o| o.max_cost = Some(Money { amount_micros: -1, ..Money::FREE })), "bad_run_change");
}

#[test]
fn a_trigger_that_orders_without_end_is_refused_like_one_that_commands() {
    let cause = |chain: &[&str], runaway| {
        let chain = chain.iter().map(|n| name(n)).collect();
        Some(Box::new(Cause { trigger: name("hall"), because: "seen".into(), chain, runaway }))
    };
    assert_eq!(refused(|o| o.cause = cause(&["hall"], false)), "accepted");
    assert_eq!(refused(|o| o.cause = cause(&["hall", "hall", "hall"], false)), "trigger_loop");
    assert_eq!(refused(|o| o.cause = cause(&[], true)), "trigger_loop");
}

#[test]
fn an_order_whose_steps_nobody_serves_is_refused_for_that() {
    let mut s = Stage::new();
    let plan = plan(&["main"]);
    let order = Order { reserve: Reserve::Run, ..s.order(&plan) };
    let unserved = |pricing| {
        let (operation, target) = ("obs.scene.switch".parse().unwrap(), target("main"));
        vec![Asked { step: 0, operation, target, is_served: false, pricing }]
    };
    let payload = Payload::new(&plan, Salt([1; 16])).unwrap();
    let trace = s.begin(&plan, |_| {}).trace;
    let said = |s: &mut Stage, asked| {
        let change = s.change(RunOp::Start(order.clone()), trace, Some(payload.clone()), &olga(), asked);
        change.map_or_else(|r| r.code.as_str(), |(_, verdict)| code(&verdict))
    };
    assert_eq!(said(&mut s, unserved(Pricing::Unpriced)), "no_worker");
    assert_eq!(said(&mut s, unserved(Pricing::Free)), "accepted");
}

#[test]
fn an_order_without_its_plan_is_none_and_nothing_else_has_a_payload_but_notes() {
    let mut s = Stage::new();
    let order = s.order(&plan(&["main"]));
    let show = s.begin(&plan(&["main"]), |_| {});
    let with = |s: &mut Stage, op: RunOp, payload: Option<Payload>, by: if_schemas::SigningKey| {
        s.change(op, show.trace, payload, &by, vec![]).map_or_else(|r| r.code.as_str(), |(_, verdict)| code(&verdict))
    };
    assert_eq!(with(&mut s, RunOp::Start(order), None, olga()), "bad_run_change");
    let facts = || Some(Payload::new(&if_schemas::run::Facts::default(), Salt([1; 16])).unwrap());
    let recorded = RunOp::Note { run: show.id, after: u64::MAX, note: Note::Recorded { step: 0 } };
    assert_eq!(with(&mut s, recorded, facts(), delegate()), "accepted");
    assert_eq!(with(&mut s, RunOp::Cancel { run: show.id, rollback: false }, facts(), olga()), "bad_run_change");
}

#[test]
fn only_operators_and_admins_order_runs_and_only_on_what_they_may_touch() {
    let mut s = Stage::new();
    let p = plan(&["main"]);
    assert_eq!(code(&s.begin_as(&p, &key(1), Money::FREE, |_| {}).1), "accepted");
    assert_eq!(code(&s.begin_as(&p, &key(4), Money::FREE, |_| {}).1), "not_allowed");
    assert_eq!(code(&s.begin_as(&p, &key(3), Money::FREE, |_| {}).1), "not_allowed");
    // Otto may use main and nothing else: he cannot keep others from the spare one, or stop their runs there.
    assert_eq!(code(&s.begin_as(&p, &key(2), Money::FREE, |_| {}).1), "accepted");
    let greedy = |o: &mut Order| {
        o.writes.push(target("spare"));
        o.on_conflict = OnConflict::Preempt;
    };
    assert_eq!(code(&s.begin_as(&p, &key(2), Money::FREE, greedy).1), "not_allowed");
}

#[test]
fn a_run_goes_at_once_where_nobody_writes_to_the_same() {
    let mut s = Stage::new();
    let (one, other) = (s.begin(&plan(&["main"]), |_| {}), s.begin(&plan(&["spare"]), |_| {}));
    assert!(s.is_going(&one) && s.is_going(&other));
    let mut reading = step(0, "main", Effect::Read);
    reading.undo = if_schemas::plan::Undo::Needless;
    let reader = s.begin(&plan_of(vec![reading]), |_| {});
    assert!(reader.order.writes.is_empty() && s.is_going(&reader), "reading disturbs nobody");
}

#[test]
fn who_waits_is_served_in_order_and_nobody_overtakes() {
    let mut s = Stage::new();
    let first = s.begin(&plan(&["main"]), |_| {});
    let both = s.begin(&plan(&["main", "spare"]), |_| {});
    let spare = s.begin(&plan(&["spare"]), |_| {});
    let main = s.begin(&plan(&["main"]), |_| {});
    assert!(s.is_waiting(&both) && s.is_waiting(&main));
    assert!(s.is_waiting(&spare), "the spare one is free, but somebody waited for it before");
    assert_eq!(s.sends(&both, 0, Phase::Do), "run_not_going");
    assert_eq!(s.close(&first, Outcome::Failed), "accepted");
    assert!(s.is_going(&both) && s.is_waiting(&spare) && s.is_waiting(&main));
    assert_eq!(s.close(&both, Outcome::Failed), "accepted");
    assert!(s.is_going(&spare) && s.is_going(&main));
}

#[test]
fn a_refused_conflict_names_the_other_run() {
    let mut s = Stage::new();
    let first = s.begin(&plan(&["main"]), |_| {});
    let refuse = |o: &mut Order| o.on_conflict = OnConflict::Refuse;
    let (_, verdict) = s.begin_as(&plan(&["main", "spare"]), &olga(), Money::FREE, refuse);
    let Verdict::Rejected(reject) = verdict else { panic!("{verdict:?}") };
    assert_eq!(reject.code.as_str(), "run_conflict");
    assert!(reject.message.contains(&first.id.to_string()), "{}", reject.message);
    let elsewhere = s.begin(&plan(&["spare"]), refuse);
    assert!(s.is_going(&elsewhere));
    // A run that only waits is in the way as well.
    let waiting = s.begin(&plan(&["main"]), |_| {});
    s.close(&first, Outcome::Failed);
    s.close(&waiting, Outcome::Failed);
    let free = s.begin(&plan(&["main"]), refuse);
    assert!(s.is_going(&free));
}

#[test]
fn a_run_that_is_preempted_sends_nothing_more_and_lets_go_when_it_is_quiet() {
    let mut s = Stage::new();
    let first = s.begin(&plan(&["main", "spare"]), |_| {});
    let waiting = s.begin(&plan(&["main"]), |_| {});
    let sent = s.try_step(&first, 0, Phase::Do).unwrap();
    let next = s.begin(&plan(&["main"]), |o| o.on_conflict = OnConflict::Preempt);
    assert_eq!((s.outcome(&first), s.outcome(&waiting)), (Some(Outcome::Preempted), Some(Outcome::Preempted)));
    assert_eq!(s.sends(&first, 1, Phase::Do), "run_not_going");
    assert!(s.is_waiting(&next), "a command of the other one is under way");
    assert_eq!(s.sends(&next, 0, Phase::Do), "run_not_going");
    s.settle(sent, Status::Succeeded, Money::FREE);
    assert!(s.is_going(&next));
    assert_eq!(s.sends(&next, 0, Phase::Do), "accepted");
    let bytes = s.w.entries.iter().map(|e| Entry::decode(e).unwrap().body);
    let by: Vec<_> = bytes.filter_map(|b| if let Body::RunOver { by, .. } = b { Some(by) } else { None }).collect();
    assert_eq!(by, [Some(next.id), Some(next.id)]);
}

#[test]
fn nothing_is_sent_between_the_order_that_preempts_and_the_brokers_word_on_it() {
    let mut s = Stage::new();
    let (first, waiting) = (s.begin(&plan(&["main"]), |_| {}), s.begin(&plan(&["main"]), |_| {}));
    s.turns = false;
    s.begin(&plan(&["main"]), |o| o.on_conflict = OnConflict::Preempt);
    assert_eq!(s.sends(&first, 0, Phase::Do), "run_not_going");
    assert_eq!(s.w.state.runs().grantable(), None, "who lost its place waits no more");
    assert!(!accepts(&s, Body::Lease { run: waiting.id }));
    assert_eq!(s.close(&first, Outcome::Preempted), "accepted", "its orchestrator may say so first");
}

/// Would an auditor accept the broker's word?
fn accepts(s: &Stage, body: Body) -> bool {
    let entry = s.w.state.draft(s.w.now, body);
    let bytes = entry.encode().unwrap();
    let mut state = State::from_snapshot(&s.w.state.to_snapshot().unwrap()).unwrap();
    state.apply(&entry, Entry::hash_bytes(&bytes)).is_ok()
}

#[test]
fn the_broker_cannot_end_a_run_early_or_let_one_go_on_out_of_turn() {
    let mut s = Stage::new();
    let (first, second) = (s.begin(&plan(&["main"]), |_| {}), s.begin(&plan(&["main"]), |_| {}));
    let third = s.begin(&plan(&["main"]), |_| {});
    let nobody = CommandId::from_bytes([9; 16]);
    for run in [first.id, second.id, third.id, nobody] {
        assert!(!accepts(&s, Body::Lease { run }));
        for (outcome, by) in [(Outcome::Expired, None), (Outcome::Preempted, Some(third.id)), (Outcome::Failed, None)] {
            assert!(!accepts(&s, Body::RunOver { run, outcome, by }));
        }
        for input in [Input::Lease { run }, Input::RunOver { run }] {
            assert!(matches!(decide(&s.w.state, s.w.now, input), Decision::Answer { .. }));
        }
    }
    s.turns = false;
    s.close(&first, Outcome::Failed);
    assert!(!accepts(&s, Body::Lease { run: third.id }), "the second waited longer");
    assert!(accepts(&s, Body::Lease { run: second.id }));
    s.w.now = s.w.now.saturating_add_us(61 * MINUTE);
    assert!(!accepts(&s, Body::Lease { run: second.id }), "its time is over");
    assert!(!accepts(&s, Body::RunOver { run: second.id, outcome: Outcome::Preempted, by: None }));
    assert!(accepts(&s, Body::RunOver { run: second.id, outcome: Outcome::Expired, by: None }));
}

#[test]
fn a_run_ends_when_its_time_is_over_and_holds_on_until_it_is_quiet() {
    let mut s = Stage::new();
    let first = s.begin(&plan(&["main", "main"]), |o| o.until = o.until.saturating_add_us(-59 * MINUTE));
    let next = s.begin(&plan(&["main"]), |_| {});
    s.wait(56 * SECOND);
    assert_eq!(s.sends_changed(&first, &delegate(), |_| {}), "run_not_going", "the command could outlive the run");
    let sent = {
        let (mut c, p) = s.command(&first, 0, Phase::Do);
        c.deadline = first.order.until;
        let (verdict, head) = s.send(&c, p, &delegate(), Money::FREE);
        assert_eq!(code(&verdict), "accepted");
        (c.id, head.unwrap().hash)
    };
    s.wait(4 * SECOND);
    assert!(s.is_going(&first), "until is its last moment");
    s.wait(1);
    assert_eq!(s.outcome(&first), Some(Outcome::Expired));
    assert!(s.is_waiting(&next));
    assert_eq!(s.close(&first, Outcome::Failed), "bad_run_change", "a command of it is under way");
    s.settle(sent, Status::Failed, Money::FREE);
    assert_eq!(s.close(&first, Outcome::Expired), "accepted", "what it had done is still to be said");
    assert_eq!(s.close(&first, Outcome::Expired), "run_not_going", "once");
    assert_eq!(s.outcome(&first), Some(Outcome::Expired));
    assert!(s.is_going(&next));
    assert_eq!(s.resume(&first), "bad_run_change", "its time is over");
    assert_eq!(s.rollback(&first), "bad_run_change");
}

#[test]
fn only_the_delegate_reports_and_only_while_the_run_goes_on() {
    let mut s = Stage::new();
    let show = s.begin(&plan(&["main", "spare"]), |_| {});
    let waiting = s.begin(&plan(&["main"]), |_| {});
    let note = |step| RunOp::Note { run: show.id, after: u64::MAX, note: Note::Recorded { step } };
    for other in [olga(), key(1), key(2), key(4), gina()] {
        assert_eq!(s.op(&show, note(0), &other), "not_allowed");
    }
    assert_eq!(s.op(&show, note(2), &delegate()), "bad_run_change", "there is no step 2");
    assert_eq!(s.op(&show, note(1), &delegate()), "accepted");
    let other = RunOp::Note { run: waiting.id, after: u64::MAX, note: Note::Recorded { step: 0 } };
    assert_eq!(s.op(&waiting, other, &delegate()), "run_not_going");
    let stray = Show { trace: if_schemas::TraceId::from_bytes([1; 16]), ..show.clone() };
    assert_eq!(s.op(&stray, note(1), &delegate()), "bad_run_change");
    let unknown =
        RunOp::Note { run: CommandId::from_bytes([1; 16]), after: u64::MAX, note: Note::Recorded { step: 0 } };
    assert_eq!(s.op(&show, unknown, &delegate()), "unknown_run");
    let long = Note::Undoing { why: "x".repeat(if_schemas::limits::RUN_TEXT_MAX_BYTES + 1) };
    assert_eq!(s.note(&show, long), "bad_run_change");
}

#[test]
fn a_run_closes_only_when_it_is_quiet_and_only_as_what_it_was() {
    let mut s = Stage::new();
    let show = s.begin(&plan(&["main"]), |_| {});
    let sent = s.try_step(&show, 0, Phase::Do).unwrap();
    assert_eq!(s.close(&show, Outcome::Succeeded), "bad_run_change", "a command is under way");
    s.settle(sent, Status::Succeeded, Money::FREE);
    for never in [Outcome::RolledBack, Outcome::RollbackIncomplete, Outcome::Preempted] {
        assert_eq!(s.close(&show, never), "bad_run_change");
    }
    assert_eq!(s.note(&show, Note::Undoing { why: "asked".into() }), "accepted");
    assert_eq!(s.note(&show, Note::Undoing { why: "again".into() }), "bad_run_change");
    assert_eq!(s.close(&show, Outcome::Succeeded), "bad_run_change", "it is being undone");
    assert_eq!(s.close(&show, Outcome::RolledBack), "accepted");
    assert_eq!(s.close(&show, Outcome::RolledBack), "run_not_going");
    assert_eq!(s.outcome(&show), Some(Outcome::RolledBack));
}

#[test]
fn who_may_cancel_and_what_follows() {
    let mut s = Stage::new();
    let show = s.begin(&plan(&["main", "spare"]), |_| {});
    let cancel = |rollback| RunOp::Cancel { run: show.id, rollback };
    for other in [key(2), gina(), delegate()] {
        assert_eq!(s.op(&show, cancel(false), &other), "not_allowed");
    }
    s.does(&show, 0, Phase::Do, Status::Succeeded);
    assert_eq!(s.op(&show, cancel(false), &key(1)), "accepted", "an admin may");
    assert_eq!(s.cancel(&show, false), "bad_run_change", "it is already");
    assert_eq!(s.sends(&show, 1, Phase::Do), "run_not_going");
    assert_eq!(s.note(&show, Note::Undoing { why: String::new() }), "bad_run_change", "nobody asked for that");
    assert_eq!(s.sends(&show, 0, Phase::Undo), "run_not_going");
    assert_eq!(s.cancel(&show, true), "accepted", "asking for more is something new");
    assert_eq!(s.note(&show, Note::Undoing { why: String::new() }), "accepted");
    assert_eq!(s.sends(&show, 0, Phase::Undo), "accepted");
    assert_eq!(s.cancel(&show, false), "accepted", "also an undo can be stopped");
    assert_eq!(s.sends(&show, 1, Phase::Undo), "run_not_going");
}

#[test]
fn a_run_that_waits_ends_where_it_is_cancelled() {
    let mut s = Stage::new();
    let (first, waiting) = (s.begin(&plan(&["main"]), |_| {}), s.begin(&plan(&["main"]), |_| {}));
    assert_eq!(s.cancel(&waiting, false), "accepted");
    assert_eq!(s.outcome(&waiting), Some(Outcome::Cancelled));
    assert_eq!(s.cancel(&waiting, false), "run_not_going");
    assert_eq!(s.cancel(&first, false), "accepted");
    assert!(s.is_going(&first), "who carries it out says when it is over");
}

#[test]
fn a_run_whose_delegate_is_revoked_is_ended_by_its_cancelling() {
    let mut s = Stage::new();
    let (show, next) = (s.begin(&plan(&["main"]), |_| {}), s.begin(&plan(&["main"]), |_| {}));
    let sent = s.try_step(&show, 0, Phase::Do).unwrap();
    s.trust(TrustOp::Revoke(delegate().id()));
    assert_eq!(s.close(&show, Outcome::Failed), "key_revoked", "nobody can close it any more");
    assert_eq!(s.cancel(&show, false), "accepted");
    assert_eq!(s.outcome(&show), Some(Outcome::Cancelled));
    assert!(s.is_waiting(&next));
    s.settle(sent, Status::Succeeded, Money::FREE);
    assert!(s.is_going(&next));
}

#[test]
fn a_run_goes_on_from_where_it_stopped_but_not_after_it_succeeded_or_was_undone() {
    let mut s = Stage::new();
    let show = s.begin(&plan(&["main"]), |_| {});
    assert_eq!(s.resume(&show), "bad_run_change", "it has not ended");
    assert_eq!(s.rollback(&show), "bad_run_change");
    s.close(&show, Outcome::Failed);
    assert_eq!(s.op(&show, RunOp::Resume { run: show.id }, &key(2)), "not_allowed");
    assert_eq!(s.resume(&show), "accepted");
    assert!(s.is_going(&show));
    s.close(&show, Outcome::Succeeded);
    assert_eq!(s.resume(&show), "bad_run_change");
    assert_eq!(s.rollback(&show), "accepted", "what succeeded can be undone");
    assert_eq!(s.run(&show).phase(), Phase::Undo);
    assert_eq!(s.sends(&show, 0, Phase::Do), "run_not_going");
    s.does(&show, 0, Phase::Undo, Status::Succeeded);
    s.close(&show, Outcome::RollbackIncomplete);
    assert_eq!(s.resume(&show), "bad_run_change", "it was being undone");
    assert_eq!(s.rollback(&show), "accepted", "what is not undone yet can be tried again");
    s.close(&show, Outcome::RolledBack);
    assert_eq!(s.rollback(&show), "bad_run_change");
    assert_eq!(s.resume(&show), "bad_run_change");
}

#[test]
fn a_cancelled_or_preempted_run_that_goes_on_waits_its_turn_again() {
    let mut s = Stage::new();
    let show = s.begin(&plan(&["main"]), |_| {});
    s.cancel(&show, true);
    s.close(&show, Outcome::Cancelled);
    let other = s.begin(&plan(&["main"]), |_| {});
    assert_eq!(s.resume(&show), "accepted");
    assert!(s.is_waiting(&show) && !s.run(&show).is_cancelled());
    s.close(&other, Outcome::Failed);
    assert_eq!(s.sends(&show, 0, Phase::Do), "accepted");
    let preempting = s.begin(&plan(&["main"]), |o| o.on_conflict = OnConflict::Preempt);
    assert_eq!(s.resume(&show), "accepted", "also while a command of it is under way");
    assert!(s.is_waiting(&preempting) && s.is_waiting(&show));
    s.wait(10 * SECOND);
    assert!(s.is_going(&preempting) && s.is_waiting(&show), "the one that waited longer");
    s.close(&preempting, Outcome::Failed);
    assert!(s.is_going(&show));
}

#[test]
fn a_rollback_that_was_asked_for_is_announced_once() {
    let mut s = Stage::new();
    let show = s.begin(&plan(&["main"]), |_| {});
    s.close(&show, Outcome::Failed);
    assert_eq!(s.rollback(&show), "accepted");
    let undoing = || Note::Undoing { why: "asked".into() };
    assert_eq!(s.note(&show, undoing()), "accepted");
    assert_eq!(s.note(&show, undoing()), "bad_run_change");
    assert_eq!(s.close(&show, Outcome::RolledBack), "accepted");
}

#[test]
fn the_oldest_run_that_is_over_makes_room_and_none_that_goes_on_does() {
    let mut s = Stage::new();
    let (oldest, second) = (s.begin(&plan(&["a"]), |_| {}), s.begin(&plan(&["b"]), |_| {}));
    let sent = s.try_step(&oldest, 0, Phase::Do).unwrap();
    let rest: Vec<_> = (2..RUNS_MAX).map(|n| s.begin(&plan(&[&format!("x{n}")]), |_| {})).collect();
    let (_, verdict) = s.begin_as(&plan(&["y"]), &olga(), Money::FREE, |_| {});
    assert_eq!(code(&verdict), "overloaded");
    // Ended, but not quiet: its result must still find it.
    s.trust(TrustOp::Revoke(delegate().id()));
    s.trust(TrustOp::Add(member("baton", &key(40), Role::Worker, &[])));
    let by_baton = |o: &mut Order| o.delegate = key(40).id();
    s.cancel(&oldest, false);
    assert_eq!(code(&s.begin_as(&plan(&["y"]), &olga(), Money::FREE, by_baton).1), "overloaded");
    s.cancel(&second, false);
    s.begin(&plan(&["y"]), by_baton);
    let known = |s: &Stage, show: &Show| s.w.state.runs().get(&show.id).is_some();
    assert!(known(&s, &oldest) && !known(&s, &second) && known(&s, &rest[0]));
    s.settle(sent, Status::Succeeded, Money::FREE);
    s.begin(&plan(&["z"]), by_baton);
    assert!(!known(&s, &oldest) && known(&s, &rest[0]));
    assert_eq!(s.op(&oldest, RunOp::Resume { run: oldest.id }, &olga()), "unknown_run");
}

#[test]
fn a_repeated_or_another_change_of_the_same_id_changes_nothing() {
    let mut s = Stage::new();
    let show = s.begin(&plan(&["main"]), |_| {});
    let (p, changed): (_, Name) = (plan(&["main"]), name("other"));
    assert_ne!(p.profile, changed);
    // The order once more, under its own id: as if a stranger had copied it from the bus.
    let envelope = s.run(&show).ordered().clone();
    let payload = Payload::new(&p, Salt([7; 16])).unwrap();
    let submission = if_schemas::wire::Submission { envelope, payload: Some(payload) };
    let again = if_core::VerifiedRun::verify(s.w.state.trust(), submission).unwrap();
    let prior = s.w.prior(&show.id, &again.hash());
    let before = s.w.entries.len();
    let (verdict, head) = s.w.step(show.id, None, Input::Run { change: again, prior, asked: vec![] });
    assert_eq!((code(&verdict), head.map(|h| h.index)), ("accepted", Some(s.run(&show).index())));
    assert_eq!(s.w.entries.len(), before);
}

#[test]
fn a_payload_of_another_plan_is_not_taken_for_the_ordered_one() {
    let mut s = Stage::new();
    let mut other = plan(&["main"]);
    other.steps[0].act = if_schemas::plan::Act::Command(call("main", Effect::Idempotent, 77));
    assert_ne!(payload(77).hash(), payload(0).hash());
    let root = plan(&["main"]).tree().unwrap().root;
    assert_eq!(code(&s.begin_as(&other, &olga(), Money::FREE, |o| o.root = root).1), "bad_run_change");
}
