//! Runs at random through real processes: profiles drawn from a seed, compiled and ordered; steps that fail, devices that
//! lie, drop their connections and come back; operators that change their mind; `kill -9` of broker, worker and
//! nats-server meanwhile. Every run must end in a state that its log explains; what was rolled back must be as it was.
//!
//! `IF_STORM_RUNS` sets the number of runs (24 unless set; `make crash` plays 500), `IF_STORM_SEED` the first seed.

mod desk;
mod profile;
mod verdict;

use anyhow::{Context, Result, ensure};
use desk::{DESKS, Desk};
use if_schemas::run::Outcome;
use if_tests::{
    processes::Processes,
    replay::{audit, each_settled_once, entries},
};
use if_witness::fsck;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinSet;

const RUNS: u64 = 24;
/// Between two kills, milliseconds.
const PAUSE_MS: std::ops::Range<u64> = 700..2_500;

#[tokio::test(flavor = "multi_thread")]
async fn every_run_ends_in_a_state_that_its_log_explains_whatever_is_killed() -> Result<()> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (runs, first) = (number("IF_STORM_RUNS").unwrap_or(RUNS), number("IF_STORM_SEED").unwrap_or(1));
    let desks = (0..DESKS).map(Desk::open).collect::<Result<Vec<_>>>()?;
    let mut processes = Processes::start_with(|home| desk::write(home, &desks)).await?;
    let client = processes.client().await?;
    let next = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for desk in desks {
        let (client, next) = (client.clone(), next.clone());
        tasks.spawn(async move {
            let mut outcomes = Vec::new();
            loop {
                let turn = next.fetch_add(1, Ordering::Relaxed);
                if turn >= runs {
                    return Ok::<_, anyhow::Error>(outcomes);
                }
                let seed = first + turn;
                outcomes.push(desk.play(&client, seed).await.with_context(|| format!("seed {seed}"))?);
            }
        });
    }
    let mut outcomes: BTreeMap<Outcome, u32> = BTreeMap::new();
    let mut dice = fastrand::Rng::with_seed(first);
    let mut kills = 0;
    loop {
        let pause = Duration::from_millis(dice.u64(PAUSE_MS));
        match tokio::time::timeout(pause, tasks.join_next()).await {
            Ok(None) => break,
            Ok(Some(ended)) => ended??.into_iter().for_each(|outcome| *outcomes.entry(outcome).or_default() += 1),
            Err(_) => {
                kills += 1;
                match dice.u8(0..3) {
                    0 => processes.kill_broker()?,
                    1 => processes.kill_worker()?,
                    _ => processes.kill_nats()?,
                }
            }
        }
    }
    let executions = processes.executions()?;
    let home = processes.stop()?;
    let report = fsck::fsck(&home.path().join("witness"), |_, _| {})?;
    ensure!(report.problems.is_empty(), "fsck: {:?}", report.problems);
    let entries = entries(home.path())?;
    let audited = audit(&entries)?;
    ensure!(audited.in_flight().is_empty(), "{} commands were never settled", audited.in_flight().len());
    each_settled_once(&entries)?;
    let mut counts: HashMap<_, usize> = HashMap::new();
    executions.iter().filter(|(_, op)| op == "noop.fire").for_each(|(id, _)| *counts.entry(*id).or_default() += 1);
    ensure!(counts.values().all(|n| *n == 1), "once effects that ran more than once");
    println!("{outcomes:?}, {kills} kills, {} entries, {} once effects", entries.len(), counts.len());
    Ok(())
}
