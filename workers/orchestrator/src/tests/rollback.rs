//! The way back.

use super::kit::*;
use crate::{Doing, Given, Viewed, What};
use if_schemas::{
    Effect, Status,
    plan::{Call, OnFailure, Phase, Restore, Source, Step, Undo, Way},
    run::{Note, Outcome},
};
use serde_json::json;

#[test]
fn what_must_be_restored_is_recorded_first() {
    let mut play = Play::new(1, vec![restorable("a", &[], "x")]);
    assert!(play.sends().is_empty());
    play.see("x", json!("old"));
    let recorded = play.next().into_iter().find_map(|doing| match doing {
        Doing::Note { note: Note::Recorded { step: 0 }, facts, .. } => facts,
        _ => None,
    });
    assert_eq!(recorded, Some(facts(&[("x", json!("old"))])));
    play.note();
    assert_eq!(play.sends(), ["a"]);
    // What comes later under the same name is not the state before the step.
    play.fact(What::Noted { note: Note::Recorded { step: 0 }, facts: Some(facts(&[("x", json!("new"))])) });
    play.see("x", json!("new"));
    play.succeed("a");
    play.note();
    play.fact(What::RollbackAsked);
    play.note();
    assert_eq!(play.args("a"), Given::Open([("value".to_string(), json!("old"))].into_iter().collect()));
}

#[test]
fn what_nobody_knows_cannot_be_restored_and_fails_before_it_acts() {
    let mut play = Play::new(1, vec![restorable("a", &[], "x")]);
    play.pass(5 * SECOND);
    let (outcome, text) = play.closed();
    assert_eq!(outcome, Outcome::RolledBack);
    assert!(text.contains("failed: a (nobody knows vmix/a:x: it could not be restored)"), "{text}");
}

#[test]
fn a_failure_undoes_in_reverse_order_and_sees_that_it_is_so() {
    let failing = Step { on_failure: OnFailure::Rollback, ..step("c", &[1]) };
    let mut play = Play::new(4, vec![undoable("a", &[]), restorable("b", &[0], "x"), failing]);
    play.see("x", json!(1));
    play.succeed("a");
    play.note();
    play.succeed("b");
    play.see("x", json!(2));
    play.fail("c");
    assert_eq!(play.notes(), [Note::Undoing { why: "c failed: boom".into() }]);
    play.note();
    assert_eq!(play.sends(), ["-b"], "a only after b");
    play.succeed("-b");
    assert_eq!(play.viewed("b"), Viewed::Undoing);
    assert!(play.notes().is_empty(), "x is not as it was");
    play.see("x", json!(1));
    play.note();
    assert_eq!(play.viewed("b"), Viewed::Undone);
    play.succeed("-a");
    let text = "undone, because c failed: boom; failed: c (boom); undone: a, b";
    assert_eq!(play.closed(), (Outcome::RolledBack, text.into()));
}

#[test]
fn a_step_that_may_have_happened_is_undone_too_and_one_that_did_not_is_not() {
    let careful = Step { on_failure: OnFailure::Continue, ..undoable("a", &[]) };
    let failed = Step { on_failure: OnFailure::Continue, ..undoable("b", &[0]) };
    let mut play = Play::new(1, vec![careful, failed, step("c", &[1])]);
    play.lose("a");
    play.fail("b");
    play.fact(What::Cancelled { rollback: true });
    play.note();
    assert_eq!(play.sends(), ["-a"]);
    play.succeed("-a");
    let (outcome, text) = play.closed();
    assert_eq!(outcome, Outcome::RolledBack);
    assert_eq!(
        text,
        "undone, because it was cancelled; failed: b (boom); may have happened: a (no answer); undone: a; not begun: c"
    );
}

#[test]
fn what_cannot_be_undone_is_said() {
    let sent = Step { undo: Undo::Impossible("a message cannot be called back".into()), ..undoable("send", &[]) };
    let mut play = Play::new(1, vec![undoable("a", &[]), sent, undoable("c", &[1])]);
    for id in ["a", "send"] {
        play.succeed(id);
    }
    play.fail("c");
    play.note();
    assert_eq!(play.viewed("send"), Viewed::NotUndone);
    play.fail("-a");
    let (outcome, text) = play.closed();
    assert_eq!(outcome, Outcome::RollbackIncomplete);
    let start = "not everything is undone, because c failed: boom; not undone: a (boom), send (a message cannot be called back)";
    assert!(text.starts_with(start), "{text}");
}

#[test]
fn the_way_back_fits_what_was_recorded() {
    let of = state("vmix/a:x");
    let back = |operation: &str| Some(Call { operation: operation.parse().unwrap(), ..call(Effect::Idempotent) });
    let ways = vec![
        Way { when: vec![state("vmix/a:x==true")], call: back("vmix.on") },
        Way { when: vec![state("vmix/a:x==false")], call: back("vmix.off") },
        Way { when: vec![state("vmix/a:x==gone")], call: None },
    ];
    let undo = Undo::Restore(Restore { record: vec![of], ways });
    for (was, way) in [(json!(true), Some(0)), (json!(false), Some(1)), (json!("gone"), None), (json!(7), None)] {
        let mut play = Play::new(1, vec![Step { undo: undo.clone(), ..undoable("a", &[]) }]);
        play.see("x", was.clone());
        play.note();
        play.succeed("a");
        play.note();
        play.see("x", json!("other"));
        play.fact(What::RollbackAsked);
        play.note();
        let sent = play.next().into_iter().find_map(|doing| match doing {
            Doing::Send { phase: Phase::Undo, way, .. } => Some(way),
            _ => None,
        });
        assert_eq!(sent, way, "{was}");
        if was == json!(7) {
            assert!(play.closed().1.contains("a (there is no way back to the state it had before)"));
        }
    }
}

#[test]
fn what_must_not_happen_twice_is_not_sent_back_where_it_is_as_it_was() {
    let of = state("vmix/a:x");
    let ways = vec![Way { when: Vec::new(), call: Some(call(Effect::Once)) }];
    let toggled = Step { undo: Undo::Restore(Restore { record: vec![of], ways }), ..undoable("a", &[]) };
    for (is, sends) in [(json!(1), &[][..]), (json!(2), &["-a"])] {
        let mut play = Play::new(1, vec![toggled.clone()]);
        play.see("x", json!(1));
        play.note();
        play.lose("a");
        play.see("x", is);
        play.note();
        play.pass(SECOND);
        assert_eq!(play.sends(), sends);
        assert_eq!(play.notes().len(), 1 - sends.len(), "{:?}", play.next());
    }
}

#[test]
fn a_way_back_is_tried_again_and_given_up() {
    let mut play = Play::new(1, vec![Step { retries: 1, ..undoable("a", &[]) }, undoable("b", &[0])]);
    play.succeed("a");
    play.fail("b");
    play.note();
    play.fail("-a");
    play.pass(SECOND);
    play.lose("-a");
    assert!(play.closed().1.contains("not undone: a (nobody knows whether it is undone: no answer)"));
    // The operator may ask again.
    play.fact(What::RollbackAsked);
    play.note();
    play.succeed("-a");
    assert_eq!(play.closed().0, Outcome::RolledBack);
}

#[test]
fn a_restored_state_that_is_not_seen_is_said() {
    let mut play = Play::new(1, vec![restorable("a", &[], "x"), undoable("b", &[0])]);
    play.see("x", json!(1));
    play.note();
    play.succeed("a");
    play.see("x", json!(2));
    play.fail("b");
    play.note();
    play.succeed("-a");
    play.pass(5 * SECOND);
    assert!(play.closed().1.contains("not undone: a (vmix/a:x is 2, it was 1)"));
}

#[test]
fn a_command_in_flight_is_waited_for_and_then_undone() {
    let mut play = Play::new(2, vec![undoable("a", &[]), undoable("b", &[])]);
    let a = play.admit("a");
    play.fail("b");
    assert!(play.notes().is_empty());
    play.settle(a, Status::Succeeded, "");
    play.note();
    play.succeed("-a");
    assert_eq!(play.closed().0, Outcome::RolledBack);
}

#[test]
fn arguments_of_a_way_back_come_of_the_result() {
    let args = open(&[("id", Source::Result { step: 0, pointer: "/n".into() })]);
    let undo = Undo::Call(Call { args, ..call(Effect::Idempotent) });
    let mut play = Play::new(1, vec![Step { undo, ..undoable("a", &[]) }]);
    play.succeed("a");
    play.note();
    play.fact(What::RollbackAsked);
    play.note();
    assert_eq!(play.args("a"), Given::Open([("id".to_string(), json!(3))].into_iter().collect()));
}

#[test]
fn a_second_rollback_undoes_again_what_comes_before_the_step_it_undoes() {
    let mut play = Play::new(1, vec![restorable("a", &[], "x"), restorable("b", &[0], "x"), undoable("c", &[1])]);
    for (id, before) in [("a", 1), ("b", 2)] {
        play.see("x", json!(before));
        play.note();
        play.succeed(id);
    }
    play.see("x", json!(3));
    play.fail("c");
    play.note();
    play.fail("-b");
    play.succeed("-a");
    play.see("x", json!(1));
    assert_eq!(play.closed().0, Outcome::RollbackIncomplete);
    play.fact(What::RollbackAsked);
    play.note();
    play.succeed("-b");
    play.see("x", json!(2));
    play.note();
    play.succeed("-a");
    play.see("x", json!(1));
    assert_eq!(play.closed().0, Outcome::RolledBack);
}
