//! Cancelled, taken over, resumed.

use super::kit::*;
use crate::{Doing, Viewed, What};
use if_schemas::{
    Code, CommandId, Reject, Status,
    plan::{Act, Phase, Step},
    run::Outcome,
};
use serde_json::json;

#[test]
fn cancel_works_while_backing_off() {
    let mut play = Play::new(1, vec![Step { retries: 9, ..step("a", &[]) }, step("b", &[0])]);
    play.fail("a");
    play.fact(What::Cancelled { rollback: false });
    let text = "cancelled, what was done stays; failed: a (boom; not tried again, because the run ended); not begun: b";
    assert_eq!(play.closed(), (Outcome::Cancelled, text.into()));
}

#[test]
fn cancel_waits_for_what_is_in_flight_only() {
    let pause = Step { act: Act::Pause(60_000), ..step("pause", &[]) };
    let looked = Step { confirm: Some(seen_as("vmix/a:x==1", 9_000)), ..step("looked", &[]) };
    let mut play = Play::new(4, vec![step("a", &[]), pause, looked, step("d", &[])]);
    play.see("x", json!(0));
    let a = play.admit("a");
    play.succeed("looked");
    play.fact(What::Cancelled { rollback: false });
    assert!(play.sends().is_empty() && play.notes().is_empty());
    play.settle(a, Status::Succeeded, "");
    let (outcome, text) = play.closed();
    assert_eq!(outcome, Outcome::Cancelled);
    assert_eq!(
        text,
        "cancelled, what was done stays; may have happened: looked (sent; the run ended before its effect was seen); \
         done: a; not begun: pause, d"
    );
}

#[test]
fn a_rollback_can_be_cancelled() {
    let mut play = Play::new(1, vec![undoable("a", &[]), undoable("b", &[0]), undoable("c", &[1])]);
    play.succeed("a");
    play.succeed("b");
    play.fail("c");
    play.note();
    let back = play.admit("-b");
    play.fact(What::Cancelled { rollback: false });
    assert!(play.next().iter().all(|doing| doing.id().is_none()));
    play.settle(back, Status::Succeeded, "");
    let (outcome, text) = play.closed();
    assert_eq!(outcome, Outcome::RollbackIncomplete);
    assert!(text.contains("not undone: a; failed: c (boom); undone: b"), "{text}");
}

#[test]
fn another_run_may_take_its_place() {
    let by = CommandId::new(5, [1; 10]);
    let mut play = Play::new(1, vec![step("a", &[]), step("b", &[])]);
    play.succeed("a");
    play.fact(What::Preempted { by });
    let (outcome, text) = play.closed();
    assert_eq!(outcome, Outcome::Preempted);
    let why = format!("taken over, what was done stays, because run {by} took its place; done: a; not begun: b");
    assert_eq!(text, why);
}

#[test]
fn resume_goes_on_from_what_failed() {
    let mut play = Play::new(2, vec![step("a", &[]), once("b", &[0]), step("c", &[1])]);
    play.succeed("a");
    play.fail("b");
    assert_eq!(play.closed().0, Outcome::Failed);
    play.fact(What::Resumed);
    assert_eq!(play.sends(), ["b"]);
    play.succeed("b");
    play.succeed("c");
    assert_eq!(play.closed().0, Outcome::Succeeded);
}

#[test]
fn resume_never_repeats_a_once_that_may_have_happened() {
    let mut play = Play::new(2, vec![once("a", &[]), step("b", &[0])]);
    play.lose("a");
    play.note();
    play.fact(What::Resumed);
    assert_eq!(play.sends(), ["b"], "the operator goes on");
    play.succeed("b");
    let (outcome, text) = play.closed();
    assert_eq!(outcome, Outcome::Succeeded);
    assert!(text.contains("may have happened: a (no answer)"), "{text}");
}

#[test]
fn resume_looks_again_where_there_is_something_to_see() {
    let looked = Step { confirm: Some(seen_as("vmix/a:x==1", 2_000)), ..once("a", &[]) };
    let mut play = Play::new(2, vec![looked, step("b", &[0])]);
    play.see("x", json!(0));
    play.succeed("a");
    play.pass(2 * SECOND);
    assert_eq!(play.closed().0, Outcome::Failed);
    play.fact(What::Resumed);
    assert!(play.sends().is_empty());
    assert_eq!(play.viewed("a"), Viewed::Confirming);
    play.see("x", json!(1));
    play.note();
    assert_eq!(play.sends(), ["b"]);
}

#[test]
fn resume_after_cancel_does_what_had_not_begun() {
    let mut play = Play::new(1, vec![step("a", &[]), step("b", &[0])]);
    play.succeed("a");
    play.fact(What::Cancelled { rollback: false });
    play.note();
    play.fact(What::Resumed);
    play.succeed("b");
    assert_eq!(play.closed().0, Outcome::Succeeded);
}

#[test]
fn a_run_that_was_undone_is_not_resumed() {
    let mut play = Play::new(1, vec![undoable("a", &[])]);
    play.fail("a");
    assert_eq!(play.closed().0, Outcome::RolledBack);
    play.fact(What::Resumed);
    assert!(play.next().is_empty() && play.progress.closed().is_some());
}

#[test]
fn after_a_resume_its_targets_must_be_its_own_again() {
    let plan = plan(1, vec![step("a", &[])]);
    let order = if_schemas::Order { writes: vec!["vmix/a".parse().unwrap()], ..order(&plan) };
    let mut play = Play::not_started(plan, order);
    play.fact(What::Started);
    play.fact(What::Granted);
    play.fail("a");
    play.note();
    play.fact(What::Resumed);
    assert!(play.sends().is_empty());
    play.fact(What::Granted);
    assert_eq!(play.sends(), ["a"]);
}

#[test]
fn a_command_that_was_refused_because_the_run_ends_has_not_begun() {
    let mut play = Play::new(2, vec![step("a", &[]), step("b", &[])]);
    play.succeed("a");
    let on_its_way = play.next().iter().find_map(Doing::id).unwrap();
    play.fact(What::Cancelled { rollback: false });
    let reject = Reject::new(Code::NotAllowed, "the run is cancelled");
    play.fact(What::Refused { step: 1, phase: Phase::Do, command: on_its_way, reject });
    assert_eq!(play.closed().1, "cancelled, what was done stays; done: a; not begun: b");
    play.fact(What::Resumed);
    let again = play.next().iter().find_map(Doing::id).unwrap();
    assert_ne!(again, on_its_way, "the id is used up");
    play.succeed("b");
    assert_eq!(play.closed().0, Outcome::Succeeded);
}
