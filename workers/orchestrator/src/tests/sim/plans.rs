//! Plans at random. Step `n` is called `s<n>` and writes its own number to a path of `vmix/a`.

use crate::tests::kit::{call, open, plan, seen_as, state, step};
use fastrand::Rng;
use if_schemas::{
    Effect, Plan,
    plan::{Act, Args, Call, Ended, OnFailure, Restore, Source, Step, Undo, Way, When},
    run::Guard,
};
use serde_json::{Value, json};

pub fn path_of(plan: &Plan, place: usize) -> Option<String> {
    // Kept in the description, where the run does not look.
    let paths: Vec<Option<String>> = serde_json::from_str(&plan.description).unwrap();
    paths[place].clone()
}

/// What a path is before the run.
pub fn before(path: &str) -> Value {
    json!(format!("before-{path}"))
}

pub fn random(rng: &mut Rng) -> Plan {
    let count = rng.u32(1..18);
    let mut steps: Vec<Step> = Vec::new();
    let mut paths: Vec<Option<String>> = Vec::new();
    for place in 0..count {
        let (step, path) = random_step(rng, place, &steps, &paths);
        steps.push(step);
        paths.push(path);
    }
    let mut plan = plan(rng.u16(1..6), steps);
    plan.description = serde_json::to_string(&paths).unwrap();
    plan
}

fn random_step(rng: &mut Rng, place: u32, steps: &[Step], paths: &[Option<String>]) -> (Step, Option<String>) {
    let mut needs: Vec<u32> = (0..rng.u32(0..3)).filter(|_| place > 0).map(|_| rng.u32(0..place)).collect();
    let mut path = None;
    let mut made = step(&format!("s{place}"), &[]);
    made.timeout_ms = rng.u64(1_000..5_000);
    made.retries = rng.u16(0..4);
    made.retry_pause_ms = rng.u64(100..1_000);
    made.on_failure =
        *rng.choice(&[OnFailure::Stop, OnFailure::Continue, OnFailure::Continue, OnFailure::Rollback]).unwrap();
    made.skip = rng.bool().then_some(()).filter(|()| rng.u8(0..10) == 0).map(|()| "not this time".into());
    match rng.u8(0..20) {
        0 | 1 => made.act = Act::Pause(rng.u64(0..3_000)),
        2 => made.act = Act::Nothing,
        3 if place > 0 => {
            let other = rng.usize(0..paths.len());
            if let Some(seen) = &paths[other] {
                made.act = Act::Until(seen_as(&format!("vmix/a:{seen}=={other}"), rng.u64(500..4_000)));
                needs.push(other as u32);
            }
        }
        4 | 5 => made.act = Act::Command(call(Effect::Read)),
        _ => path = Some(writes(rng, place, &mut made, &mut needs, steps, paths)),
    }
    conditions(rng, place, &mut made, steps, paths);
    // What is to be approved is known before the run.
    let is_open = made.call().is_some_and(|call| matches!(call.args, Args::Open(_)));
    if rng.u8(0..8) == 0 && !is_open {
        let of = [("ann", 1), ("bob", 1)].map(|(name, weight)| (name.parse().unwrap(), weight)).into_iter().collect();
        let veto = vec!["bob".parse().unwrap()];
        made.guard = Some(Guard { need: rng.u32(1..3), of, veto, valid_ms: rng.u64(5_000..60_000) });
    }
    needs.sort_unstable();
    needs.dedup();
    made.needs = needs;
    (made, path)
}

/// A command that writes; its path is its own, or that of an earlier step, which then comes before it.
fn writes(
    rng: &mut Rng,
    place: u32,
    made: &mut Step,
    needs: &mut Vec<u32>,
    steps: &[Step],
    paths: &[Option<String>],
) -> String {
    let shared: Vec<u32> = (0..place).filter(|other| paths[*other as usize].is_some()).collect();
    let last = rng.choice(&shared).filter(|_| rng.u8(0..4) == 0).copied();
    let path = match last {
        Some(other) => {
            let path = paths[other as usize].clone().unwrap();
            needs.extend((0..place).filter(|other| paths[*other as usize].as_ref() == Some(&path)));
            path
        }
        None => format!("p{place}"),
    };
    let effect = if rng.bool() { Effect::Idempotent } else { Effect::Once };
    let mut act = call(effect);
    if rng.u8(0..4) == 0 {
        let commands: Vec<u32> = (0..place).filter(|other| steps[*other as usize].call().is_some()).collect();
        let source = match rng.choice(&commands) {
            Some(step) => Source::Result { step: *step, pointer: "/n".into() },
            None => Source::Value(json!(1)),
        };
        act.args = open(&[("value", source)]);
    }
    made.act = Act::Command(act);
    if rng.u8(0..5) < 2 {
        made.confirm = Some(seen_as(&format!("vmix/a:{path}=={place}"), rng.u64(500..4_000)));
    }
    let effect = if rng.u8(0..5) == 0 { Effect::Once } else { Effect::Idempotent };
    made.undo = match rng.u8(0..10) {
        0 => Undo::Impossible("it cannot".into()),
        // Only where nobody else writes there it is known beforehand what to go back to.
        1 | 2 if last.is_none() => Undo::Call(Call { args: Args::Open([].into()), ..call(effect) }),
        _ => {
            let of = state(&format!("vmix/a:{path}"));
            let back = Call { args: open(&[("value", Source::Recorded(of.clone()))]), ..call(effect) };
            let never = Way { when: vec![state(&format!("vmix/a:{path}==never"))], call: None };
            let ways = vec![never, Way { when: Vec::new(), call: Some(back) }];
            Undo::Restore(Restore { record: vec![of], ways })
        }
    };
    path
}

fn conditions(rng: &mut Rng, place: u32, made: &mut Step, steps: &[Step], paths: &[Option<String>]) {
    if place == 0 || rng.u8(0..6) > 0 {
        return;
    }
    let other = rng.u32(0..place);
    let ended = [Ended::Confirmed, Ended::Failed, Ended::Indeterminate, Ended::Skipped];
    let is = ended.into_iter().filter(|_| rng.bool()).collect();
    made.when.push(When::Ended { step: other, is });
    // Only of others: what a step reads and writes itself changes while it is on its way.
    if let Some(path) = paths[other as usize].as_ref().filter(|_| rng.bool() && !steps.is_empty()) {
        made.when.push(When::State(state(&format!("vmix/a:{path}!=never"))));
    }
}
