//! Failures: attempts, pauses, what may not be repeated, and how the run ends.

use super::kit::*;
use crate::{Viewed, What};
use if_schemas::{
    Code, Reject, Status,
    plan::{OnFailure, Phase, Step},
    run::{Note, Outcome},
};
use serde_json::json;

#[test]
fn pauses_double() {
    let mut play = Play::new(1, vec![Step { retries: 3, ..step("a", &[]) }]);
    for pause in [1, 2, 4] {
        play.fail("a");
        assert!(play.sends().is_empty());
        assert_eq!(play.wake(), Some(pause * SECOND));
        assert_eq!(play.viewed("a"), Viewed::Waiting);
        play.pass(pause * SECOND);
        assert_eq!(play.sends(), ["a"]);
    }
    play.fail("a");
    assert_eq!(
        play.closed(),
        (Outcome::Failed, "it stopped, what was done stays, because a failed: boom; failed: a (boom)".into())
    );
}

#[test]
fn once_is_tried_again_only_where_it_surely_did_not_happen() {
    let mut play = Play::new(1, vec![Step { retries: 3, ..once("a", &[]) }]);
    play.fail("a");
    play.pass(SECOND);
    play.refuse("a", Code::NoWorker);
    play.pass(2 * SECOND);
    play.lose("a");
    assert_eq!(play.viewed("a"), Viewed::Indeterminate);
    let (outcome, text) = play.closed();
    assert_eq!(outcome, Outcome::Failed);
    assert!(text.ends_with("may have happened: a (no answer)"), "{text}");
}

#[test]
fn what_may_be_repeated_is_when_nobody_knows() {
    let mut play = Play::new(1, vec![Step { retries: 1, ..step("a", &[]) }]);
    play.lose("a");
    play.pass(SECOND);
    play.succeed("a");
    assert_eq!(play.closed().0, Outcome::Succeeded);
}

#[test]
fn an_effect_that_is_seen_settles_an_unknown_result() {
    let mut play = Play::new(1, vec![Step { confirm: Some(seen_as("vmix/a:x==1", 2_000)), ..once("a", &[]) }]);
    play.see("x", json!(0));
    play.lose("a");
    assert_eq!(play.viewed("a"), Viewed::Confirming);
    play.see("x", json!(1));
    assert!(play.notes().is_empty(), "what is seen may be behind");
    play.pass(SECOND);
    assert_eq!(play.closed().0, Outcome::Succeeded);
    assert_eq!(play.view("a").text, "vmix/a:x==1 is seen, though the result of the command is not known");
}

#[test]
fn an_effect_that_is_not_seen_is_a_failure_and_once_is_not_repeated() {
    let confirm = || Some(seen_as("vmix/a:x==1", 2_000));
    let mut play = Play::new(1, vec![Step { confirm: confirm(), retries: 2, ..once("a", &[]) }]);
    play.see("x", json!(0));
    play.succeed("a");
    play.pass(60 * SECOND);
    assert!(play.sends().is_empty());
    let (outcome, text) = play.closed();
    assert_eq!(outcome, Outcome::Failed);
    assert!(text.contains("a (vmix/a:x==1 is not seen, it is 0; it was sent and answered)"), "{text}");
    let mut play = Play::new(1, vec![Step { confirm: confirm(), retries: 1, ..step("a", &[]) }]);
    play.see("x", json!(0));
    play.succeed("a");
    play.pass(2 * SECOND);
    assert!(play.sends().is_empty());
    play.pass(SECOND);
    assert_eq!(play.sends(), ["a"], "idempotent: after its time and the pause again");
}

#[test]
fn some_refusals_pass_and_some_do_not() {
    let steps = || vec![Step { retries: 1, ..step("a", &[]) }];
    let mut play = Play::new(1, steps());
    play.refuse("a", Code::NotAllowed);
    assert!(play.closed().1.contains("a (refused: no (IF1104))"));
    let mut play = Play::new(1, steps());
    play.refuse("a", Code::NoWorker);
    play.pass(SECOND);
    play.succeed("a");
    assert_eq!(play.closed().0, Outcome::Succeeded);
}

#[test]
fn a_refusal_because_it_is_there_already_changes_nothing() {
    let mut play = Play::new(1, vec![step("a", &[])]);
    let command = play.admit("a");
    let reject = Reject::new(Code::IdReused, "it is in the log");
    play.fact(What::Refused { step: 0, phase: Phase::Do, command, reject });
    assert_eq!(play.viewed("a"), Viewed::Running);
    play.settle(command, Status::Succeeded, "");
    assert_eq!(play.closed().0, Outcome::Succeeded);
}

#[test]
fn stop_waits_for_what_is_in_flight_and_begins_nothing() {
    let retried = Step { retries: 5, on_failure: OnFailure::Continue, ..step("c", &[]) };
    let mut play = Play::new(3, vec![step("a", &[]), step("b", &[]), retried, step("d", &[0])]);
    let (a, b) = (play.admit("a"), play.admit("b"));
    play.fail("c");
    play.settle(a, Status::Failed, "boom");
    assert!(play.sends().is_empty() && play.notes().is_empty(), "b is in flight");
    play.settle(b, Status::Succeeded, "");
    let (outcome, text) = play.closed();
    assert_eq!(outcome, Outcome::Failed);
    assert_eq!(
        text,
        "it stopped, what was done stays, because a failed: boom; failed: a (boom), \
         c (boom; not tried again, because the run ended); done: b; not begun: d"
    );
}

#[test]
fn stop_lets_what_is_looked_at_be_seen() {
    let looked = Step { confirm: Some(seen_as("vmix/a:x==1", 9_000)), ..step("b", &[]) };
    let mut play = Play::new(2, vec![step("a", &[]), looked]);
    play.see("x", json!(0));
    play.succeed("b");
    play.fail("a");
    assert!(play.notes().is_empty());
    play.see("x", json!(1));
    assert!(play.closed().1.ends_with("failed: a (boom); done: b"));
}

#[test]
fn a_failure_that_is_passed_over_is_said_all_the_same() {
    let mut play = Play::new(1, vec![Step { on_failure: OnFailure::Continue, ..step("a", &[]) }, step("b", &[0])]);
    play.fail("a");
    play.succeed("b");
    assert_eq!(
        play.closed(),
        (Outcome::Succeeded, "everything that was to be done is done; failed: a (boom); done: b".into())
    );
}

#[test]
fn its_time_is_over_at_once_but_not_before_what_is_in_flight() {
    let mut play = Play::new(2, vec![step("a", &[]), step("b", &[0])]);
    let command = play.admit("a");
    play.pass(LIFE);
    assert!(play.next().is_empty());
    play.settle(command, Status::Succeeded, "");
    assert!(play.sends().is_empty());
    let text = "its time was over, what was done stays; done: a; not begun: b";
    assert_eq!(play.closed(), (Outcome::Expired, text.into()));
}

#[test]
fn a_text_that_does_not_fit_says_how_many_are_missing() {
    let steps = (0..400).map(|n| Step { on_failure: OnFailure::Continue, ..step(&format!("step-{n}"), &[]) });
    let mut play = Play::new(256, steps.collect());
    for n in 0..400 {
        play.fail(&format!("step-{n}"));
    }
    let [Note::Closed { text, .. }] = &play.notes()[..] else { panic!("not closed") };
    assert!(text.len() <= if_schemas::limits::RUN_TEXT_MAX_BYTES);
    assert!(text.contains("step-0 (boom), step-1 (boom)") && text.ends_with(" more"), "{text}");
}
