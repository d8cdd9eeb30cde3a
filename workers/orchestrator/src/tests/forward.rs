//! Order, places, conditions, what must be seen.

use super::kit::*;
use crate::{Doing, Given, Viewed, What};
use if_schemas::{
    Effect, Timestamp,
    plan::{Act, Call, Ended, OnFailure, Source, Step, When},
    run::{Note, Outcome},
    watch::{Compare, Test},
};
use serde_json::json;

#[test]
fn steps_begin_when_all_they_need_are_over() {
    let mut play = Play::new(8, vec![step("a", &[]), step("b", &[]), step("c", &[0, 1]), nothing("d", &[2])]);
    assert_eq!(play.sends(), ["a", "b"]);
    play.succeed("b");
    assert_eq!(play.sends(), ["a"]);
    play.succeed("a");
    assert_eq!(play.sends(), ["c"]);
    play.succeed("c");
    let (outcome, text) = play.closed();
    assert_eq!(outcome, Outcome::Succeeded);
    assert_eq!(text, "everything that was to be done is done; done: a, b, c, d");
    assert!(play.next().is_empty());
}

#[test]
fn no_more_at_once_than_there_are_places() {
    let mut play = Play::new(2, vec![step("a", &[]), step("b", &[]), step("c", &[])]);
    assert_eq!(play.sends(), ["a", "b"]);
    let a = play.admit("a");
    assert_eq!(play.sends(), ["b"]);
    assert_eq!(play.viewed("c"), Viewed::Waiting);
    play.settle(a, if_schemas::Status::Succeeded, "");
    assert_eq!(play.sends(), ["b", "c"]);
}

#[test]
fn nothing_before_the_targets_are_its_own() {
    let plan = plan(2, vec![step("a", &[])]);
    let order = if_schemas::Order { writes: vec!["vmix/a".parse().unwrap()], ..order(&plan) };
    let mut play = Play::not_started(plan, order);
    play.fact(What::Started);
    assert!(play.sends().is_empty());
    assert!(play.progress.waits_for_targets());
    play.fact(What::Granted);
    assert_eq!(play.sends(), ["a"]);
}

#[test]
fn the_same_command_has_the_same_id_until_it_is_in_the_log() {
    let mut play = Play::new(1, vec![Step { retries: 1, ..step("a", &[]) }]);
    let id = |play: &Play| play.next().iter().find_map(Doing::id).unwrap();
    let first = id(&play);
    play.pass(SECOND);
    assert_eq!(id(&play), first);
    play.fail("a");
    play.pass(SECOND);
    assert_ne!(id(&play), first);
}

#[test]
fn the_deadline_is_the_timeout_and_never_after_the_run() {
    let play = Play::new(1, vec![Step { timeout_ms: 2_000, ..step("a", &[]) }]);
    let deadline = |play: &Play| match &play.next()[0] {
        Doing::Send { deadline, .. } => *deadline,
        other => panic!("{other:?}"),
    };
    assert_eq!(deadline(&play), Timestamp(START + 2 * SECOND));
    let play = Play::new(1, vec![Step { timeout_ms: u64::MAX, ..step("a", &[]) }]);
    assert_eq!(deadline(&play), Timestamp(START + LIFE));
}

#[test]
fn a_skipped_step_is_over_for_those_that_need_it() {
    let skipped = Step { skip: Some("no lights here".into()), ..step("a", &[]) };
    let mut play = Play::new(2, vec![skipped, step("b", &[0])]);
    assert_eq!((play.viewed("a"), play.view("a").text.as_str()), (Viewed::Skipped, "no lights here"));
    play.succeed("b");
    assert_eq!(play.closed().1, "everything that was to be done is done; done: b; skipped: a");
}

#[test]
fn a_condition_on_live_state_is_decided_when_its_turn_comes() {
    let when = vec![When::State(state("vmix/a:recording==false"))];
    let mut play = Play::new(2, vec![step("a", &[]), Step { when, ..step("b", &[0]) }]);
    play.see("recording", json!(false));
    play.succeed("a");
    assert_eq!(play.sends(), ["b"]);
    play.see("recording", json!(true));
    let text = "vmix/a:recording is true, not as vmix/a:recording==false".to_string();
    assert_eq!(play.notes(), [Note::Ended { step: 1, ended: Ended::Skipped, text }]);
    assert_eq!(play.closed().0, Outcome::Succeeded);
}

#[test]
fn a_condition_that_nobody_can_decide_fails_the_step_in_time() {
    let when = vec![When::State(state("vmix/a:recording==false"))];
    let mut play = Play::new(2, vec![Step { when, ..step("a", &[]) }]);
    assert!(matches!(&play.next()[..], [Doing::Watch { step: 0, .. }, Doing::WakeAt(_)]));
    assert_eq!(play.wake(), Some(5 * SECOND));
    play.pass(5 * SECOND);
    let (outcome, text) = play.closed();
    assert_eq!(outcome, Outcome::Failed);
    assert!(text.contains("a (nobody knows vmix/a:recording: its condition cannot be decided)"), "{text}");
}

#[test]
fn conditions_on_earlier_steps_hold_or_skip() {
    let failed = When::Ended { step: 0, is: vec![Ended::Failed] };
    let test = Test { compare: Compare::More, value: json!(5) };
    let many = When::Result { step: 1, pointer: "/n".into(), test };
    let steps = vec![
        Step { on_failure: OnFailure::Continue, ..step("a", &[]) },
        step("b", &[]),
        Step { when: vec![failed], ..step("on-failure", &[]) },
        Step { when: vec![many], ..step("many", &[]) },
    ];
    let mut play = Play::new(4, steps);
    play.fail("a");
    assert_eq!(play.sends(), ["b", "on-failure"]);
    play.succeed("b");
    assert_eq!(play.view("many").text, "/n of the result of b is 3");
    assert_eq!(play.viewed("many"), Viewed::Skipped);
}

#[test]
fn arguments_come_of_results_and_what_cannot_be_made_fails() {
    let of = |pointer: &str| Source::Result { step: 0, pointer: pointer.into() };
    let with = |pointer: &str| {
        let args = open(&[("n", of(pointer)), ("m", Source::Value(json!("x")))]);
        Act::Command(Call { args, ..call(Effect::Idempotent) })
    };
    let mut play = Play::new(4, vec![step("a", &[]), Step { act: with("/n"), ..step("b", &[]) }]);
    assert_eq!(play.sends(), ["a"], "b comes after the step whose result it takes");
    play.succeed("a");
    let Given::Open(args) = play.args("b") else { panic!("fixed") };
    assert_eq!(serde_json::Value::from(args), json!({"n": 3, "m": "x"}));
    let mut play = Play::new(4, vec![step("a", &[]), Step { act: with("/z"), ..step("b", &[]) }]);
    play.succeed("a");
    let (outcome, text) = play.closed();
    assert_eq!(outcome, Outcome::Failed);
    assert!(text.contains("argument n cannot be made: the result of a has no /z"), "{text}");
}

#[test]
fn a_pause_takes_its_time() {
    let mut play = Play::new(1, vec![Step { act: Act::Pause(1_500), ..step("a", &[]) }, step("b", &[0])]);
    assert_eq!(play.wake(), Some(1_500 * MS));
    assert!(play.notes().is_empty());
    play.pass(1_500 * MS);
    play.note();
    assert_eq!(play.sends(), ["b"]);
}

#[test]
fn a_state_is_waited_for_and_missed_in_time() {
    let until = || Step { act: Act::Until(seen_as("vmix/a:x==1", 3_000)), ..step("a", &[]) };
    let mut play = Play::new(1, vec![until()]);
    play.see("x", json!(0));
    assert!(matches!(&play.next()[0], Doing::Watch { .. }));
    play.see("x", json!(1));
    assert_eq!(play.closed().0, Outcome::Succeeded);
    let mut play = Play::new(1, vec![until()]);
    play.see("x", json!(0));
    play.pass(3 * SECOND);
    let (outcome, text) = play.closed();
    assert_eq!(outcome, Outcome::Failed);
    assert!(text.contains("vmix/a:x==1: it did not come to be, it is 0"), "{text}");
}

#[test]
fn a_step_is_over_when_its_effect_is_seen() {
    let mut play = Play::new(1, vec![Step { confirm: Some(seen_as("vmix/a:x==1", 2_000)), ..step("a", &[]) }]);
    play.see("x", json!(0));
    play.succeed("a");
    assert_eq!(play.viewed("a"), Viewed::Confirming);
    assert_eq!(play.wake(), Some(2 * SECOND));
    play.see("x", json!(1));
    assert_eq!(play.closed().0, Outcome::Succeeded);
    assert_eq!(play.view("a").text, "vmix/a:x==1 is seen");
}

#[test]
fn a_step_without_a_command_may_have_to_be_seen_too() {
    let confirm = Some(seen_as("vmix/a:x==1", 2_000));
    let mut play = Play::new(1, vec![Step { confirm, act: Act::Pause(1_000), ..step("a", &[]) }]);
    play.see("x", json!(0));
    play.pass(SECOND);
    assert!(play.notes().is_empty());
    play.pass(2 * SECOND);
    assert!(play.closed().1.contains("a (vmix/a:x==1: it was not seen in time, it is 0)"));
}

#[test]
fn the_costs_of_all_attempts_count() {
    let mut play = Play::new(1, vec![Step { retries: 1, ..step("a", &[]) }]);
    let cost = if_schemas::Money { amount_micros: 20_000, currency: if_schemas::Currency::USD };
    for status in [if_schemas::Status::Failed, if_schemas::Status::Succeeded] {
        let command = play.admit("a");
        play.fact(What::Settled { command, status, result: None, text: String::new(), cost });
        play.pass(SECOND);
    }
    let both = if_schemas::Money { amount_micros: 40_000, ..cost };
    assert_eq!((play.view("a").attempts, play.view("a").cost.clone()), (2, vec![both]));
    assert_eq!(play.progress.cost(), [both]);
}
