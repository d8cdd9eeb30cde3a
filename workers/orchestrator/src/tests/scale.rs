//! Work grows with what happens, not with the size of the plan for each event.

use super::{LOOKED, kit::*};
use crate::{Doing, What};
use if_schemas::{
    Money, Status,
    plan::{Phase, Step},
    run::Outcome,
};

/// Most times a step may be looked at for each step of the plan and each place, whatever its size.
const LOOKS_PER_STEP: u64 = 6;

/// `wide` steps at once, each after the one before it in its lane.
fn lanes(count: u32, wide: u32, make: impl Fn(&str, &[u32]) -> Step) -> Vec<Step> {
    let needs = |n: u32| n.checked_sub(wide).into_iter().collect::<Vec<_>>();
    (0..count).map(|n| make(&format!("s{n}"), &needs(n))).collect()
}

/// Plays a run in which everything succeeds: all that is sent is answered before `next` is asked again.
fn play(steps: Vec<Step>, wide: u16, undo: bool) -> (u64, usize, Outcome) {
    let plan = std::sync::Arc::new(plan(wide, steps));
    let mut progress = crate::Progress::new(run_id(), plan.clone(), order(&plan)).unwrap();
    let seen = crate::Seen::default();
    let mut now = if_schemas::Timestamp(START);
    let apply = |progress: &mut crate::Progress, at, what| progress.apply(&crate::Fact { at, what });
    LOOKED.set(0);
    apply(&mut progress, now, What::Started);
    let mut calls = 0;
    loop {
        calls += 1;
        for doing in progress.next(now, &seen) {
            now = now.saturating_add_us(10);
            match doing {
                Doing::Send { id: command, step, phase, .. } => {
                    apply(&mut progress, now, What::Admitted { step, phase, command });
                    let status = if undo && phase == Phase::Do && step as usize == plan.steps.len() - 1 {
                        Status::Failed
                    } else {
                        Status::Succeeded
                    };
                    let text = String::new();
                    apply(&mut progress, now, What::Settled { command, status, result: None, text, cost: Money::FREE });
                }
                Doing::Note { note, facts, .. } => apply(&mut progress, now, What::Noted { note, facts }),
                Doing::Watch { .. } | Doing::WakeAt(_) => {}
            }
        }
        if let Some((outcome, _)) = progress.closed() {
            return (LOOKED.get(), calls, outcome);
        }
    }
}

#[test]
fn a_thousand_steps_one_after_the_other() {
    let (looks, calls, outcome) = play(lanes(1_000, 1, step), 100, false);
    assert_eq!(outcome, Outcome::Succeeded);
    assert!(calls <= 1_002 && looks <= 1_000 * LOOKS_PER_STEP, "{calls} calls, {looks} looks");
}

#[test]
fn a_thousand_steps_a_hundred_wide_and_back() {
    let (looks, calls, outcome) = play(lanes(1_000, 100, undoable), 100, true);
    assert_eq!(outcome, Outcome::RolledBack);
    assert!(calls <= 25 && looks <= 2 * 1_000 * LOOKS_PER_STEP, "{calls} calls, {looks} looks");
}

#[test]
fn four_times_the_steps_are_four_times_the_work() {
    let (few, ..) = play(lanes(1_000, 100, undoable), 100, true);
    let (many, ..) = play(lanes(4_000, 100, undoable), 100, true);
    assert!(many <= few * 5, "{few} looks for 1,000 steps, {many} for 4,000");
}

#[test]
fn four_thousand_skipped_steps_in_a_row_fit_the_stack() {
    let skipped = |id: &str, needs: &[u32]| Step { skip: Some("not today".into()), ..step(id, needs) };
    let (_, calls, outcome) = play(lanes(4_000, 1, skipped), 1, false);
    assert_eq!((calls, outcome), (1, Outcome::Succeeded));
}
