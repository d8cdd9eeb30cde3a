//! Which commands of a run are admitted: only those its operator ordered, of whom, when, and once where that matters.
#![allow(clippy::unwrap_used)]

mod support;

use if_core::{Input, Served};
use if_schemas::{
    Body, Command, CommandId, Effect, Entry, Hash, Money, Role, SigningKey, Status, TraceId, TrustOp,
    batch::Path,
    plan::{Args, Phase, Undo},
    run::{Note, Outcome, StepRef},
};
use support::{
    code, key, member, metered, name,
    runs::{SECOND, Show, Stage, delegate, gina, olga, payload, plan, plan_of, step},
};

fn stage() -> (Stage, Show) {
    let mut s = Stage::new();
    let show = s.begin(&plan(&["main", "spare"]), |_| {});
    (s, show)
}

#[test]
fn what_was_ordered_is_admitted_under_the_operators_rights_not_the_delegates() {
    let (mut s, show) = stage();
    assert_eq!(s.sends(&show, 0, Phase::Do), "accepted");
    assert_eq!(s.run(&show).in_flight(), 1);
    // The delegate has no grant: alone it may do nothing.
    let mut alone = s.command(&show, 1, Phase::Do);
    alone.0.run = None;
    assert_eq!(code(&s.send(&alone.0, alone.1, &delegate(), Money::FREE).0), "not_allowed");
}

/// Changes what the order covers; every one must be refused as not ordered.
fn not_ordered(change: impl FnOnce(&mut Command)) -> &'static str {
    let (mut s, show) = stage();
    s.sends_changed(&show, &delegate(), change)
}

fn step_ref(c: &mut Command) -> &mut StepRef {
    c.run.as_mut().unwrap()
}

#[test]
fn a_command_that_was_not_ordered_is_refused_whatever_differs() {
    assert_eq!(not_ordered(|_| {}), "accepted");
    assert_eq!(not_ordered(|c| c.operation = "obs.stream.start".parse().unwrap()), "not_in_order");
    assert_eq!(not_ordered(|c| c.instance = name("spare")), "not_in_order");
    assert_eq!(not_ordered(|c| c.effect = Effect::Read), "not_in_order");
    assert_eq!(not_ordered(|c| c.trace = TraceId::from_bytes([1; 16])), "not_in_order");
    assert_eq!(not_ordered(|c| c.session = Some(name("matchday"))), "not_in_order");
    assert_eq!(not_ordered(|c| step_ref(c).step = 1), "not_in_order");
    assert_eq!(not_ordered(|c| step_ref(c).way = 1), "not_in_order");
    assert_eq!(not_ordered(|c| step_ref(c).phase = Phase::Undo), "not_in_order");
    assert_eq!(not_ordered(|c| step_ref(c).open = true), "not_in_order", "open arguments were not ordered");
    let guard = support::runs::guard(1, &[("gina", 1)], &[]);
    assert_eq!(not_ordered(|c| step_ref(c).guard = Some(guard)), "not_in_order");
    assert_eq!(not_ordered(|c| step_ref(c).run = CommandId::from_bytes([3; 16])), "unknown_run");
    assert_eq!(not_ordered(|c| c.run = None), "not_allowed");
}

#[test]
fn other_arguments_are_refused() {
    let (mut s, show) = stage();
    let (mut command, _) = s.command(&show, 0, Phase::Do);
    command.payload = payload(5).hash();
    assert_eq!(code(&s.send(&command, payload(5), &delegate(), Money::FREE).0), "not_in_order");
}

#[test]
fn a_forged_path_is_refused() {
    let (mut s, show) = stage();
    let path = |bytes: Vec<u8>| -> Path { serde_json::from_value(bytes.into()).unwrap() };
    let of_other = show.tree.find(1, Phase::Do, 0).unwrap().1.clone();
    assert_eq!(s.sends_changed(&show, &delegate(), |c| step_ref(c).path = of_other), "not_in_order");
    // No step, half a step, a side there is not, more steps than a tree has: no paths at all.
    for bytes in [vec![], vec![0], [vec![2], vec![0; 32]].concat(), [vec![1], vec![0; 32]].concat().repeat(17)] {
        assert_eq!(s.sends_changed(&show, &delegate(), |c| step_ref(c).path = path(bytes)), "malformed");
    }
}

#[test]
fn only_the_delegate_sends_the_commands_of_a_run() {
    let (mut s, show) = stage();
    for other in [olga(), key(1), gina(), key(4)] {
        assert_eq!(s.sends_changed(&show, &other, |_| {}), "not_in_order");
    }
    assert_eq!(s.sends_changed(&show, &delegate(), |_| {}), "accepted");
}

#[test]
fn what_the_order_does_not_name_as_written_is_read_and_nothing_else() {
    let mut s = Stage::new();
    let mut reading = step(0, "main", Effect::Read);
    reading.undo = Undo::Needless;
    let show = s.begin(&plan_of(vec![reading, step(1, "spare", Effect::Idempotent)]), |_| {});
    assert_eq!(s.sends(&show, 0, Phase::Do), "accepted");
    // An order that forgot one of its targets never gets into the log; were it there, its commands would be refused.
    let order = if_schemas::Order { writes: vec![], ..show.order.clone() };
    let (command, _) = s.command(&show, 1, Phase::Do);
    let covers = |o: &if_schemas::Order| {
        o.covers(s.w.state.trust(), &olga().id(), &delegate().id(), &command, command.run.as_ref().unwrap())
    };
    assert_eq!(covers(&order).unwrap_err().code.as_str(), "not_in_order");
    assert_eq!(covers(&show.order), Ok(()));
}

#[test]
fn the_effect_must_be_that_of_the_worker() {
    let (mut s, show) = stage();
    let (command, payload) = s.command(&show, 0, Phase::Do);
    let envelope = if_schemas::Envelope::seal(&command, &delegate()).unwrap();
    let submission = if_schemas::wire::Submission { envelope, payload: Some(payload) };
    let verified =
        if_core::VerifiedCommand::verify(s.w.state.trust(), submission, "if.command.obs.main.obs.scene.switch")
            .unwrap();
    let served = Served::By { worker: name("node"), effect: Some(Effect::Once) };
    let (prior, pricing) = (Default::default(), metered(Money::FREE));
    let input = Input::Command { command: verified, prior, served, pricing };
    assert_eq!(code(&s.w.step(command.id, None, input).0), "effect_mismatch");
}

#[test]
fn nothing_is_sent_after_cancel_close_expiry_or_in_the_wrong_phase() {
    let (mut s, show) = stage();
    assert_eq!(s.sends(&show, 0, Phase::Undo), "run_not_going");
    s.cancel(&show, false);
    assert_eq!(s.sends(&show, 0, Phase::Do), "run_not_going");
    s.close(&show, Outcome::Cancelled);
    assert_eq!(s.sends(&show, 0, Phase::Do), "run_not_going");
    assert_eq!(s.resume(&show), "accepted");
    assert_eq!(s.note(&show, Note::Undoing { why: String::new() }), "accepted");
    assert_eq!(s.sends(&show, 0, Phase::Do), "run_not_going");
    assert_eq!(s.sends(&show, 0, Phase::Undo), "accepted");
    s.wait(3_601 * SECOND);
    assert_eq!(s.outcome(&show), Some(Outcome::Expired));
    assert_eq!(s.sends_changed(&show, &delegate(), |_| {}), "run_not_going");
}

fn after(effect: Effect, status: Status) -> &'static str {
    let mut s = Stage::new();
    let show = s.begin(&plan_of(vec![step(0, "main", effect)]), |_| {});
    s.does(&show, 0, Phase::Do, status);
    // As another orchestrator would after a crash: the run is even resumed in between.
    s.close(&show, Outcome::Failed);
    s.resume(&show);
    s.sends(&show, 0, Phase::Do)
}

#[test]
fn a_once_step_is_never_sent_again_after_it_may_have_happened() {
    assert_eq!(after(Effect::Once, Status::Succeeded), "step_done");
    assert_eq!(after(Effect::Once, Status::Indeterminate), "step_done");
    assert_eq!(after(Effect::Once, Status::Failed), "accepted");
    assert_eq!(after(Effect::Once, Status::Expired), "accepted");
    for status in Status::ALL {
        assert_eq!(after(Effect::Idempotent, status), "accepted");
    }
}

#[test]
fn a_once_step_without_a_result_is_not_sent_again() {
    let mut s = Stage::new();
    let show = s.begin(&plan_of(vec![step(0, "main", Effect::Once)]), |_| {});
    s.try_step(&show, 0, Phase::Do).unwrap();
    s.wait(8 * SECOND);
    assert_eq!(s.run(&show).in_flight(), 0);
    assert_eq!(s.sends(&show, 0, Phase::Do), "step_done");
}

#[test]
fn one_command_of_a_step_is_under_way_at_a_time() {
    let (mut s, show) = stage();
    let sent = s.try_step(&show, 0, Phase::Do).unwrap();
    assert_eq!(s.sends(&show, 0, Phase::Do), "step_done");
    assert_eq!(s.sends(&show, 1, Phase::Do), "accepted", "other steps go on");
    s.settle(sent, Status::Failed, Money::FREE);
    assert_eq!(s.sends(&show, 0, Phase::Do), "accepted");
    assert_eq!(s.run(&show).in_flight(), 2);
}

#[test]
fn undoing_and_doing_a_step_are_counted_apart() {
    let mut s = Stage::new();
    let show = s.begin(&plan_of(vec![step(0, "main", Effect::Once)]), |_| {});
    s.does(&show, 0, Phase::Do, Status::Succeeded);
    s.note(&show, Note::Undoing { why: String::new() });
    s.does(&show, 0, Phase::Undo, Status::Succeeded);
    assert_eq!(s.sends(&show, 0, Phase::Do), "run_not_going");
}

#[test]
fn rights_that_end_end_the_commands_of_a_run() {
    let revoked = |key: &SigningKey| {
        let (mut s, show) = stage();
        s.does(&show, 0, Phase::Do, Status::Succeeded);
        s.trust(TrustOp::Revoke(key.id()));
        s.sends(&show, 1, Phase::Do)
    };
    assert_eq!(revoked(&olga()), "key_revoked");
    assert_eq!(revoked(&delegate()), "key_revoked");
    assert_eq!(revoked(&gina()), "accepted");
    // A new key is another authority: what the old one ordered is over.
    let (mut s, show) = stage();
    assert_eq!(code(&s.w.change(TrustOp::Rotate(key(50).public()), &olga()).0), "accepted");
    assert_eq!(s.sends(&show, 0, Phase::Do), "key_revoked");
}

#[test]
fn a_grant_the_operator_does_not_have_is_not_lent_by_an_order() {
    let mut s = Stage::new();
    s.trust(TrustOp::Add(member("sam", &key(51), Role::Operator, &["obs.stream.*@obs/main"])));
    let (show, verdict) = s.begin_as(&plan(&["main"]), &key(51), Money::FREE, |_| {});
    assert_eq!(code(&verdict), "accepted", "sam may do something to main");
    assert_eq!(s.sends(&show, 0, Phase::Do), "not_allowed", "but not this");
}

#[test]
fn a_dry_run_of_a_step_is_answered_and_takes_no_turn() {
    let (mut s, show) = stage();
    let before = s.w.entries.len();
    assert_eq!(s.sends_changed(&show, &delegate(), |c| c.dry_run = true), "would_accept");
    assert_eq!(s.w.entries.len(), before);
    assert_eq!(s.run(&show).in_flight(), 0);
    assert_eq!(s.sends(&show, 0, Phase::Do), "accepted");
}

#[test]
fn an_open_step_takes_any_arguments_of_its_operation() {
    let mut s = Stage::new();
    let mut open = step(0, "main", Effect::Idempotent);
    let Some(call) = open.call().cloned() else { panic!() };
    open.act = if_schemas::plan::Act::Command(if_schemas::plan::Call { args: Args::Open(Default::default()), ..call });
    let mut p = plan_of(vec![open.clone()]);
    let show = s.begin(&p, |_| {});
    let (leaf, path) = show.tree.find(0, Phase::Do, 0).unwrap().clone();
    assert_eq!(leaf.payload, None);
    let (mut command, _) = s.command(&Show { tree: plan(&["main"]).tree().unwrap(), ..fixed(&show) }, 0, Phase::Do);
    (command.payload, step_ref(&mut command).path, step_ref(&mut command).open) = (payload(9).hash(), path, true);
    assert_eq!(code(&s.send(&command, payload(9), &delegate(), Money::FREE).0), "accepted");
    // Guardians could not know what they approve.
    p.steps[0].guard = Some(support::runs::guard(1, &[("gina", 1)], &[]));
    assert_eq!(code(&s.begin_as(&p, &olga(), Money::FREE, |_| {}).1), "bad_run_change");
}

/// The same run, with the arguments that a plan of fixed ones has.
fn fixed(show: &Show) -> Show {
    Show { payloads: [(payload(0).hash(), payload(0))].into(), ..show.clone() }
}

#[test]
fn an_auditor_refuses_a_log_in_which_an_orchestrator_did_more_than_was_ordered() {
    let (mut s, show) = stage();
    let attempt = |s: &Stage, command: &Command, signer: &SigningKey| {
        let envelope = if_schemas::Envelope::seal(command, signer).unwrap();
        let body = Body::Admitted { envelope, worker: name("node"), reserved: Money::FREE, quote: None };
        let entry = s.w.state.draft(s.w.now, body);
        let hash: Hash = Entry::hash_bytes(&entry.encode().unwrap());
        let mut state = if_core::State::from_snapshot(&s.w.state.to_snapshot().unwrap()).unwrap();
        state.apply(&entry, hash).is_ok()
    };
    let (command, _) = s.command(&show, 0, Phase::Do);
    assert!(attempt(&s, &command, &delegate()));
    assert!(!attempt(&s, &command, &olga()));
    let other = Command { payload: payload(9).hash(), ..command.clone() };
    assert!(!attempt(&s, &other, &delegate()));
    s.close(&show, Outcome::Failed);
    assert!(!attempt(&s, &command, &delegate()));
}
