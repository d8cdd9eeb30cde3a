//! Guardians: who must agree, once, in time.

use super::kit::*;
use crate::{Doing, Viewed, What};
use if_schemas::{
    Code, Hash, Name, Reject,
    plan::{Phase, Step},
    run::{Guard, Note, Outcome},
};

fn guard(need: u32, of: &[(&str, u32)], veto: &[&str]) -> Option<Guard> {
    let of = of.iter().map(|(name, weight)| (name.parse().unwrap(), *weight)).collect();
    Some(Guard { need, of, veto: veto.iter().map(|name| name.parse().unwrap()).collect(), valid_ms: 60_000 })
}

fn vote(play: &mut Play, name: &str, approve: bool) {
    let guardian: Name = name.parse().unwrap();
    let leaf = play.progress.voted_on(0).unwrap();
    play.fact(What::Voted { guardian, step: 0, leaf, approve });
}

fn guarded(guard: Option<Guard>) -> Play {
    Play::new(1, vec![Step { guard, ..step("pay", &[]) }, step("other", &[])])
}

#[test]
fn guardians_are_asked_once_and_the_step_goes_on_when_the_weight_is_there() {
    let mut play = guarded(guard(3, &[("ann", 2), ("bob", 1), ("eve", 1)], &[]));
    assert_eq!(play.notes(), [Note::AwaitsApproval { step: 0 }]);
    play.note();
    assert_eq!(play.viewed("pay"), Viewed::AwaitingApproval);
    assert_eq!(play.sends(), ["other"], "who waits for guardians holds no place");
    vote(&mut play, "mallory", true);
    vote(&mut play, "ann", true);
    vote(&mut play, "ann", true);
    play.succeed("other");
    assert!(play.sends().is_empty() && play.notes().is_empty());
    vote(&mut play, "eve", true);
    assert_eq!(play.sends(), ["pay"]);
    play.succeed("pay");
    assert_eq!(play.closed().0, Outcome::Succeeded);
}

#[test]
fn a_vote_on_another_command_does_not_count() {
    let mut play = guarded(guard(1, &[("ann", 1)], &[]));
    play.note();
    play.fact(What::Voted { guardian: "ann".parse().unwrap(), step: 0, leaf: Hash::ZERO, approve: true });
    assert_eq!(play.sends(), ["other"]);
}

#[test]
fn a_veto_is_the_end_of_it_and_too_many_who_say_no() {
    let mut play = guarded(guard(1, &[("ann", 1), ("bob", 1)], &["boss"]));
    play.note();
    vote(&mut play, "boss", false);
    assert_eq!(play.view("pay").text, "boss said no");
    assert!(play.closed().1.contains("failed: pay (boss said no)"));

    let mut play = guarded(guard(2, &[("ann", 1), ("bob", 1), ("eve", 1)], &[]));
    play.note();
    vote(&mut play, "ann", false);
    assert_eq!(play.viewed("pay"), Viewed::AwaitingApproval);
    vote(&mut play, "bob", false);
    assert_eq!(play.view("pay").text, "not approved: ann, bob said no");
}

#[test]
fn a_vote_is_forgotten_in_time() {
    let mut play = guarded(guard(2, &[("ann", 1), ("bob", 1)], &[]));
    play.note();
    vote(&mut play, "ann", true);
    play.pass(61 * SECOND);
    vote(&mut play, "bob", true);
    assert_eq!(play.viewed("pay"), Viewed::AwaitingApproval);
    vote(&mut play, "ann", true);
    play.succeed("other");
    assert_eq!(play.sends(), ["pay"]);
    play.pass(61 * SECOND);
    assert_eq!(play.notes(), [Note::AwaitsApproval { step: 0 }], "asked again, as another note");
    play.note();
    assert!(play.sends().is_empty());
}

#[test]
fn a_vote_that_came_before_the_question_counts() {
    let mut play = guarded(guard(1, &[("ann", 1)], &[]));
    vote(&mut play, "ann", true);
    assert!(play.notes().is_empty());
    assert_eq!(play.sends(), ["pay"]);
}

#[test]
fn a_step_without_a_command_is_approved_by_the_zero_hash() {
    let mut play =
        Play::new(1, vec![Step { guard: guard(1, &[("ann", 1)], &[]), ..nothing("gate", &[]) }, step("b", &[0])]);
    play.note();
    vote(&mut play, "ann", true);
    play.note();
    assert_eq!(play.sends(), ["b"]);
}

#[test]
fn after_a_resume_those_who_said_no_are_asked_again() {
    let mut play = guarded(guard(1, &[("ann", 1)], &["boss"]));
    play.note();
    vote(&mut play, "boss", false);
    play.note();
    play.fact(What::Resumed);
    let asked = |doing: &Doing| matches!(doing, Doing::Note { note: Note::AwaitsApproval { step: 0 }, .. });
    assert!(play.next().iter().any(asked));
    play.note();
    vote(&mut play, "ann", true);
    play.succeed("other");
    play.succeed("pay");
    assert_eq!(play.closed().0, Outcome::Succeeded);
}

#[test]
fn a_refusal_because_votes_ran_out_on_the_way_asks_again() {
    let mut play = guarded(guard(1, &[("ann", 1)], &[]));
    vote(&mut play, "ann", true);
    assert_eq!(play.sends(), ["pay"]);
    let sent = play.next().iter().find_map(Doing::id).unwrap();
    play.pass(61 * SECOND);
    let reject = Reject::new(Code::NotAllowed, "not approved");
    play.fact(What::Refused { step: 0, phase: Phase::Do, command: sent, reject });
    assert_eq!(play.notes(), [Note::AwaitsApproval { step: 0 }]);
    play.note();
    play.succeed("other");
    vote(&mut play, "ann", true);
    play.succeed("pay");
    assert_eq!(play.closed().0, Outcome::Succeeded);
}
