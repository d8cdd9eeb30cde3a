//! Runs at random: plans, failures, kills and operators drawn from a seed. What is asserted is in [`world`] while a run
//! goes on, and here once it has ended.

mod plans;
mod world;

use self::world::World;
use crate::{Report, Viewed};
use if_schemas::{Status, plan::OnFailure, run::Outcome};
use std::collections::BTreeMap;

/// Runs where `IF_SIM_RUNS` does not say how many. `IF_SIM_SEED` plays a single one.
const RUNS: u64 = 1_500;

#[test]
fn every_run_ends_in_a_state_its_log_explains() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let only = number("IF_SIM_SEED");
    let runs = number("IF_SIM_RUNS").unwrap_or(RUNS);
    let seeds = only.map_or(0..runs, |seed| seed..seed + 1);
    let mut outcomes = BTreeMap::<Outcome, u32>::new();
    let mut kills = 0;
    for seed in seeds {
        let mut world = World::new(seed);
        loop {
            world.run_to_its_end();
            let outcome = check(&world);
            *outcomes.entry(outcome).or_default() += 1;
            if !world.operator_goes_on() {
                break;
            }
        }
        kills += world.kills;
    }
    println!("{outcomes:?}, {kills} kills");
    if only.is_none() {
        let all = [
            Outcome::Succeeded,
            Outcome::Failed,
            Outcome::Cancelled,
            Outcome::RolledBack,
            Outcome::RollbackIncomplete,
            Outcome::Expired,
            Outcome::Preempted,
        ];
        assert!(all.iter().all(|outcome| outcomes.contains_key(outcome)), "not all outcomes were met: {outcomes:?}");
        assert!(kills > 1_000, "only {kills} kills");
    }
}

fn check(world: &World) -> Outcome {
    let (outcome, text) = world.progress.closed().unwrap();
    let seed = world.seed;
    let say = |what: &str| format!("seed {seed}: {what}: {outcome:?} {text:?}");
    // No silent failure: by what the log says of commands, not by what the run believes.
    for (step, status) in &world.last {
        let id = &world.plan.steps[*step].id;
        let bad = matches!(status, Some(Status::Failed | Status::Indeterminate | Status::Expired));
        assert!(!bad || named(text, id), "{}", say(&format!("{id} failed silently")));
    }
    let report = Report::of(&world.progress);
    for (id, _) in report.failed.iter().chain(&report.indeterminate).chain(&report.not_undone) {
        assert!(named(text, id), "{}", say(&format!("{id} is not in the text")));
    }
    match outcome {
        Outcome::RolledBack => {
            assert_eq!(world.values, world.before, "{}\n{}", say("not as it was before"), world.story());
        }
        Outcome::RollbackIncomplete => {
            assert!(!report.not_undone.is_empty() || world.ended_early(), "{}", say("nothing is left to undo"));
        }
        Outcome::Succeeded => {
            for (step, view) in world.plan.steps.iter().zip(world.progress.views()) {
                let over = matches!(view.state, Viewed::Confirmed | Viewed::Skipped);
                let passed = step.on_failure == OnFailure::Continue || world.resumed;
                let failed = matches!(view.state, Viewed::Failed | Viewed::Indeterminate);
                assert!(over || (failed && passed), "{}\n{}", say(&view.id), world.story());
            }
        }
        Outcome::Failed => {
            let stopping = |step: &if_schemas::plan::Step| step.on_failure != OnFailure::Continue;
            let bad = |id: &String| report.failed.iter().chain(&report.indeterminate).any(|(other, _)| other == id);
            assert!(
                world.plan.steps.iter().any(|step| stopping(step) && bad(&step.id)),
                "{}\n{}",
                say("nothing failed"),
                world.story()
            );
        }
        Outcome::Cancelled | Outcome::Expired | Outcome::Preempted => {}
    }
    outcome
}

/// Is the step in the text, by name or in the number of those that did not fit?
fn named(text: &str, id: &str) -> bool {
    text.split([' ', ',', ';']).any(|word| word == id) || text.contains(" more")
}
