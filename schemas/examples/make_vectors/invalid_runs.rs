//! Export files of logs in which a run, or its orchestrator, did what it must not. Everything else in them is right.
#![allow(clippy::unwrap_used, reason = "a vector that cannot be built must stop the generator")]

use super::{
    fixtures::{Vector, alice, arguments, at, bob, carol, name, node1, seal, usd},
    invalid_log::log,
    log::Log,
    runs::{LATEST, Show, begin_runs, change, dora, going, plan, plan_payload, quotes, step_of},
};
use if_schemas::{
    Body, Command, Effect, Order, RunOp, Status, TraceId, TrustOp, limits,
    plan::{Ended, Phase},
    run::{Note, OnConflict, Outcome, Reserve},
};

pub fn vectors() -> Vec<Vector> {
    let mut out = orders();
    out.extend(kept());
    out.extend(turns());
    out.extend(changes());
    out.extend(not_ordered());
    out.extend(not_now());
    out
}

/// An order as entry 3.
fn ordered(alter: impl FnOnce(&mut Order)) -> Vec<u8> {
    let mut log = begin_runs();
    log.order(0x30, 30, &plan("studio1", false), alter);
    log.export()
}

fn orders() -> Vec<Vector> {
    let studio1 = plan("studio1", false);
    let mut by_worker = begin_runs();
    by_worker.order_by(&node1(), 0x30, 30, &studio1, |_| {});
    let mut elsewhere = begin_runs();
    elsewhere.order_by(&carol(), 0x30, 30, &studio1, |_| {});
    let (mut conflict, _) = going(|_| {});
    conflict.order(0x31, 31, &studio1, |o| o.on_conflict = OnConflict::Refuse);
    let (mut again, _) = going(|_| {});
    again.order(0x30, 30, &plan("studio1", true), |_| {});
    let mut bare = begin_runs();
    let order = RunOp::Start(super::runs::order(&studio1));
    bare.push(at(30), Body::Run { envelope: seal(&change(0x30, 30, 0x30, order, None), &bob()), quotes: vec![] }, None);
    let life = limits::RUN_LIFE_MAX_US;
    let bad = "bad_run_change";
    vec![
        log("run-by-worker", "a worker ordered a run", by_worker.export(), "not_allowed", 3),
        log(
            "run-elsewhere",
            "a run writes to what its operator may do nothing to",
            elsewhere.export(),
            "not_allowed",
            3,
        ),
        log(
            "run-no-delegate",
            "nobody has the delegate's key",
            ordered(|o| o.delegate = super::fixtures::key(9).id()),
            bad,
            3,
        ),
        log("run-operator-delegate", "an operator is to carry it out", ordered(|o| o.delegate = carol().id()), bad, 3),
        log("run-too-late", "it ends before it begins", ordered(|o| o.until = at(30)), bad, 3),
        log(
            "run-too-long",
            "it lives for more than seven days",
            ordered(|o| o.until = at(31).saturating_add_us(life)),
            bad,
            3,
        ),
        log("run-many-steps", "it has more steps than there may be", ordered(|o| o.steps = 4_097), bad, 3),
        log("run-negative-cap", "it may cost less than nothing", ordered(|o| o.max_cost = Some(usd(-1))), bad, 3),
        log("run-no-plan", "an order without its plan", bare.export(), bad, 3),
        log(
            "run-conflict",
            "another run writes to the same, and it would not wait",
            conflict.export(),
            "run_conflict",
            5,
        ),
        log("run-repeated", "another order under the same id", again.export(), "duplicate", 5),
    ]
}

fn kept() -> Vec<Vector> {
    let with = |alter: fn(&mut Order), quotes: fn(&Order) -> Vec<if_schemas::run::StepQuote>| {
        let (mut log, plan) = (begin_runs(), plan("studio1", false));
        let mut order = super::runs::order(&plan);
        alter(&mut order);
        let (payload, quotes) = (plan_payload(&plan), quotes(&order));
        let change = change(0x30, 30, 0x30, RunOp::Start(order), Some(&payload));
        log.push(at(30), Body::Run { envelope: seal(&change, &bob()), quotes }, Some(payload));
        log.export()
    };
    fn of(order: &Order) -> Vec<if_schemas::run::StepQuote> {
        quotes(&Order { reserve: Reserve::Run, ..order.clone() }, &plan("studio1", false))
    }
    let swapped = with(|o| o.reserve = Reserve::Run, |o| of(o).into_iter().rev().collect());
    let over = with(|o| (o.reserve, o.max_cost) = (Reserve::Run, Some(usd(190_000))), of);
    let (mut note, show) = going(|_| {});
    let change =
        change(0x31, 31, show.n, RunOp::Note { run: show.id, after: LATEST, note: Note::Recorded { step: 0 } }, None);
    note.push(at(31), Body::Run { envelope: seal(&change, &dora()), quotes: of(&show.order) }, None);
    vec![
        log(
            "run-kept-unasked",
            "something is kept for an order that reserves by step",
            with(|_| {}, of),
            "bad_run_change",
            3,
        ),
        log("run-kept-swapped", "what is kept is not in the order of the steps", swapped, "bad_run_change", 3),
        log("run-kept-over-cap", "what is kept is more than the run may cost", over, "cost_cap_exceeded", 3),
        log("run-kept-by-note", "something is kept for a note", note.export(), "bad_run_change", 5),
    ]
}

fn turns() -> Vec<Vector> {
    let studio1 = plan("studio1", false);
    let second = |lease: bool| {
        let (mut log, _) = going(|_| {});
        let show = log.order(0x31, 31, &studio1, |_| {});
        if lease {
            log.lease(31, &show);
        }
        (log, show)
    };
    let (mut overtaken, first) = going(|_| {});
    overtaken.order(0x31, 31, &studio1, |_| {});
    let third = overtaken.order(0x32, 32, &studio1, |_| {});
    overtaken.close(0x33, 33, &first, Outcome::Failed);
    overtaken.lease(33, &third);
    let over = |seconds, outcome, by: fn(&Show) -> Option<if_schemas::CommandId>| {
        let (mut log, show) = going(|_| {});
        log.over(seconds, &show, outcome, by(&show));
        log.export()
    };
    let mut late = begin_runs();
    let show = late.order(0x30, 30, &studio1, |_| {});
    late.lease(401, &show);
    vec![
        log("lease-taken", "two runs go on that write to the same", second(true).0.export(), "turn", 6),
        log("lease-overtaken", "a run goes on before one that waited longer", overtaken.export(), "turn", 8),
        log("lease-expired", "a run goes on after its time", late.export(), "turn", 4),
        log("run-over-early", "a run was ended before its time", over(400, Outcome::Expired, |_| None), "turn", 5),
        log("run-over-failed", "the broker said that a run failed", over(401, Outcome::Failed, |_| None), "turn", 5),
        log("run-over-by-itself", "a run took its own place", over(31, Outcome::Preempted, |s| Some(s.id)), "turn", 5),
    ]
}

fn changes() -> Vec<Vector> {
    let with = |key: fn() -> if_schemas::SigningKey, op: fn(&Show) -> RunOp| {
        let (mut log, show) = going(|_| {});
        log.run_op(0x31, 31, &show, op(&show), &key());
        log.export()
    };
    fn note(show: &Show, note: Note) -> RunOp {
        RunOp::Note { run: show.id, after: LATEST, note }
    }
    let closed = |outcome| Note::Closed { outcome, text: String::new() };
    let (mut busy, show) = going(|_| {});
    busy.send(&step_of(&show, 0x31, 31, 0, Phase::Do), usd(0));
    busy.note(0x32, 32, &show, closed(Outcome::Failed));
    let (mut after, show) = going(|_| {});
    after.close(0x31, 31, &show, Outcome::Failed);
    after.note(0x32, 32, &show, Note::Recorded { step: 0 });
    let (mut traced, show) = going(|_| {});
    traced.run_op(0x31, 31, &Show { n: 0x44, ..show.clone() }, note(&show, Note::Recorded { step: 0 }), &dora());
    let (mut turned, show) = going(|_| {});
    turned.run_op(0x31, 31, &show, RunOp::Cancel { run: show.id, rollback: true }, &bob());
    let old = RunOp::Note { run: show.id, after: 4, note: Note::Undoing { why: String::new() } };
    turned.run_op(0x32, 32, &show, old, &dora());
    let (mut ended, show) = going(|_| {});
    ended.note(0x31, 31, &show, Note::Ended { step: 1, ended: Ended::Failed, text: String::new() });
    ended.send(&step_of(&show, 0x32, 32, 1, Phase::Do), usd(0));
    let by_bob = with(bob, |s| note(s, Note::Recorded { step: 0 }));
    let step = with(dora, |s| note(s, Note::Recorded { step: 2 }));
    let undone = with(dora, |s| note(s, Note::Closed { outcome: Outcome::RolledBack, text: String::new() }));
    let nobody = RunOp::Resume { run: super::fixtures::id(0x55, 30) };
    let (mut unknown, show) = going(|_| {});
    unknown.run_op(0x31, 31, &show, nobody, &bob());
    let cancel = with(carol, |s| RunOp::Cancel { run: s.id, rollback: false });
    let resume = with(bob, |s| RunOp::Resume { run: s.id });
    let vote = |s: &Show| {
        RunOp::Vote(if_schemas::run::Vote { run: s.id, step: 0, leaf: if_schemas::Hash([1; 32]), approve: true })
    };
    let mut voted = going(|_| {});
    voted.0.run_op(0x31, 31, &voted.1.clone(), vote(&voted.1), &node1());
    vec![
        log(
            "run-note-old",
            "a note that was written before the run was cancelled",
            turned.export(),
            "bad_run_change",
            6,
        ),
        log("step-ended", "a command of a step whose end was noted", ended.export(), "step_done", 6),
        log("note-by-operator", "somebody else than the delegate reported", by_bob, "not_allowed", 5),
        log("note-no-step", "a note about a step that there is not", step, "bad_run_change", 5),
        log("note-closed-busy", "a run closed while a command of it was under way", busy.export(), "bad_run_change", 6),
        log("note-closed-undone", "a run closed as undone that never was", undone, "bad_run_change", 5),
        log("note-after-close", "a report after the end", after.export(), "run_not_going", 6),
        log("note-other-trace", "a report with another trace", traced.export(), "bad_run_change", 5),
        log("run-unknown", "a change of a run that there is not", unknown.export(), "unknown_run", 5),
        log("cancel-by-other", "somebody else's run was cancelled", cancel, "not_allowed", 5),
        log("resume-going", "a run that goes on was resumed", resume, "bad_run_change", 5),
        log("vote-by-worker", "a worker voted", voted.0.export(), "not_allowed", 5),
    ]
}

fn not_ordered() -> Vec<Vector> {
    let with = |key: fn() -> if_schemas::SigningKey, alter: fn(&mut Command)| {
        let (mut log, show) = going(|_| {});
        let mut command = step_of(&show, 0x31, 31, 0, Phase::Do);
        alter(&mut command);
        log.send_by(&key(), &command, usd(0));
        log.export()
    };
    let place: fn(&mut Command) = |c| c.run.as_mut().unwrap().step = 1;
    let not = "not_in_order";
    let wrong = |name: &str, text: &str, bytes: Vec<u8>| log(&format!("step-{name}"), text, bytes, not, 5);
    let mut written = begin_runs();
    // Without targets it goes on at once.
    let show = written.order(0x30, 30, &plan("studio1", false), |o| o.writes.clear());
    written.send(&step_of(&show, 0x31, 31, 0, Phase::Do), usd(0));
    vec![
        wrong("by-operator", "somebody else than the delegate sent it", with(bob, |_| {})),
        wrong("other-arguments", "other arguments", with(dora, |c| c.payload = arguments(0x77, 1).hash())),
        wrong("other-place", "it claims the place of another step", with(dora, place)),
        wrong("other-effect", "another effect", with(dora, |c| c.effect = Effect::Read)),
        wrong("other-session", "another session", with(dora, |c| c.session = None)),
        wrong("other-trace", "another trace", with(dora, |c| c.trace = TraceId::from_bytes([1; 16]))),
        wrong(
            "open",
            "it claims that its arguments were left open",
            with(dora, |c| c.run.as_mut().unwrap().open = true),
        ),
        log("step-not-written", "it writes to what its order does not name", written.export(), "not_in_order", 4),
        log(
            "step-not-granted",
            "its operator may not do that",
            with(dora, |c| c.instance = name("studio2")),
            "not_allowed",
            5,
        ),
        log(
            "step-unknown-run",
            "it is of a run that there is not",
            with(dora, |c| c.run.as_mut().unwrap().run = super::fixtures::id(0x55, 30)),
            "unknown_run",
            5,
        ),
    ]
}

fn revoke(log: &mut Log, key: if_schemas::KeyId) {
    let revoke = super::fixtures::change(0x33, 31, TrustOp::Revoke(key));
    log.push(at(31), Body::Trust { envelope: seal(&revoke, &alice()) }, None);
}

fn not_now() -> Vec<Vector> {
    let mut early = begin_runs();
    let show = early.order(0x30, 30, &plan("studio1", false), |_| {});
    early.send(&step_of(&show, 0x31, 31, 0, Phase::Do), usd(0));
    let after = |op: fn(&Show) -> RunOp, key: fn() -> if_schemas::SigningKey, phase| {
        let (mut log, show) = going(|_| {});
        log.run_op(0x31, 31, &show, op(&show), &key());
        log.send(&step_of(&show, 0x32, 32, 0, phase), usd(0));
        log.export()
    };
    let close = |s: &Show| RunOp::Note {
        run: s.id,
        after: LATEST,
        note: Note::Closed { outcome: Outcome::Failed, text: String::new() },
    };
    let undoing = |s: &Show| RunOp::Note { run: s.id, after: LATEST, note: Note::Undoing { why: String::new() } };
    let cancel = |s: &Show| RunOp::Cancel { run: s.id, rollback: false };
    let (mut forward, show) = going(|_| {});
    forward.send(&step_of(&show, 0x32, 32, 0, Phase::Undo), usd(0));
    let (mut outlives, show) = going(|o| o.until = at(35));
    outlives.send(&step_of(&show, 0x31, 31, 0, Phase::Do), usd(0));
    let repeated = |status: Option<Status>| {
        let (mut log, show) = going(|_| {});
        let first = step_of(&show, 0x31, 31, 1, Phase::Do);
        let entry = log.send(&first, usd(0));
        if let Some(status) = status {
            log.done(&first, entry, status, 0, 0);
        }
        log.send(&step_of(&show, 0x32, 32, 1, Phase::Do), usd(0));
        log.export()
    };
    let mut guarded = begin_runs();
    let show = guarded.order(0x30, 30, &plan("studio1", true), |_| {});
    guarded.lease(30, &show);
    guarded.vote(0x31, 31, &show, &bob());
    let mut stale = guarded.clone();
    guarded.send(&step_of(&show, 0x32, 32, 0, Phase::Do), usd(0));
    stale.vote(0x33, 40, &show, &alice());
    stale.send(&step_of(&show, 0x34, 92, 0, Phase::Do), usd(0));
    let (mut dear, show) = going(|_| {});
    dear.send(&step_of(&show, 0x31, 31, 0, Phase::Do), usd(500_000));
    dear.send(&step_of(&show, 0x32, 32, 1, Phase::Do), usd(110_000));
    let revoked = |key| {
        let (mut log, show) = going(|_| {});
        revoke(&mut log, key);
        log.send(&step_of(&show, 0x32, 32, 0, Phase::Do), usd(0));
        log.export()
    };
    let not = "run_not_going";
    vec![
        log("step-waiting", "a command before its run went on", early.export(), not, 4),
        log("step-closed", "a command after its run had ended", after(close, dora, Phase::Do), not, 6),
        log("step-cancelled", "a command after its run was cancelled", after(cancel, bob, Phase::Do), not, 6),
        log("step-undoing", "a step was done while the run was undone", after(undoing, dora, Phase::Do), not, 6),
        log("step-undo-forward", "a step was undone while the run went on", forward.export(), not, 5),
        log("step-outlives", "its deadline is after the end of its run", outlives.export(), not, 5),
        log(
            "step-twice",
            "a once step was sent again after it succeeded",
            repeated(Some(Status::Succeeded)),
            "step_done",
            7,
        ),
        log(
            "step-twice-unknown",
            "a once step was sent again though it may have happened",
            repeated(Some(Status::Indeterminate)),
            "step_done",
            7,
        ),
        log("step-under-way", "a step was sent again while it was under way", repeated(None), "step_done", 6),
        log("step-unapproved", "one of two votes that it needs", guarded.export(), "approval_missing", 6),
        log("step-vote-expired", "one of its two votes counts no more", stale.export(), "approval_missing", 7),
        log("step-over-cap", "the run might cost more than it may", dear.export(), "cost_cap_exceeded", 6),
        log("step-operator-revoked", "its operator's key was revoked", revoked(bob().id()), "key_revoked", 6),
        log("step-delegate-revoked", "its delegate's key was revoked", revoked(dora().id()), "key_revoked", 6),
    ]
}
