//! kill -9 under load, over broker, worker and nats-server in turn. Afterwards: the log is clean, every receipt a client
//! holds is in it, nothing with a `once` effect ran twice, every command is settled exactly once, nothing stays reserved.
//!
//! `IF_CRASH_ROUNDS` sets the number of kills (12 unless set; `make crash` runs 200).

mod disk;
mod load;

use anyhow::{Context, Result, ensure};
use if_schemas::{CommandId, Entry};
use if_tests::{
    client::Client,
    processes::Processes,
    replay::{audit, each_settled_once, entries},
};
use if_witness::fsck;
use load::Load;
use std::{collections::HashMap, time::Duration};

const ROUNDS: usize = 12;
/// Receipts that must come in after a kill before the next one.
const RECEIPTS_PER_ROUND: usize = 40;
/// How long the fabric may take to work again after a kill.
const RECOVERY: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_at_any_instant_loses_nothing_and_repeats_nothing() -> Result<()> {
    let rounds = std::env::var("IF_CRASH_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(ROUNDS);
    let mut processes = Processes::start().await?;
    let client = processes.client().await?;
    let load = Load::start(&client, processes.operator());
    for round in 0..rounds {
        load.wait_for_more(RECEIPTS_PER_ROUND, RECOVERY).await.with_context(|| format!("round {round}"))?;
        // A different instant each time: some receipts further on.
        load.wait_for_more(round % 7, RECOVERY).await?;
        match round % 3 {
            0 => processes.kill_broker()?,
            1 => processes.kill_worker()?,
            _ => processes.kill_nats()?,
        }
    }
    load.wait_for_more(RECEIPTS_PER_ROUND, RECOVERY).await?;
    let receipts = load.stop().await?;
    settled(&client).await?;
    let executions = processes.executions()?;
    let home = processes.stop()?;

    let report = fsck::fsck(&home.path().join("witness"), |_, _| {})?;
    ensure!(report.problems.is_empty(), "fsck: {:?}", report.problems);
    let entries = entries(home.path())?;
    for (id, head) in &receipts {
        let bytes = &entries[usize::try_from(head.index)?];
        ensure!(Entry::hash_bytes(bytes) == head.hash, "the receipt of {id} is not in the log");
    }
    let audited = audit(&entries)?;
    ensure!(audited.in_flight().is_empty(), "{} commands were never settled", audited.in_flight().len());
    ensure!(audited.ledger().accounts().all(|(_, a)| a.reserved_micros == 0), "something stays reserved");
    at_most_once(&executions)?;
    each_settled_once(&entries)?;
    println!("{rounds} kills, {} receipts, {} entries, {} executions", receipts.len(), entries.len(), executions.len());
    Ok(())
}

/// Until nothing is in flight: results that were lost are given up as indeterminate.
async fn settled(client: &Client) -> Result<()> {
    let wait = async {
        loop {
            let status: Result<if_schemas::query::StatusAnswer> = client.query(if_schemas::query::STATUS, &()).await;
            if status.is_ok_and(|s| s.in_flight == 0) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(RECOVERY, wait).await.context("commands stay in flight")
}

fn at_most_once(executions: &[(CommandId, String)]) -> Result<()> {
    let mut counts: HashMap<CommandId, usize> = HashMap::new();
    for (id, _) in executions.iter().filter(|(_, operation)| operation == "noop.fire") {
        *counts.entry(*id).or_default() += 1;
    }
    let twice: Vec<_> = counts.iter().filter(|(_, n)| **n > 1).collect();
    ensure!(twice.is_empty(), "once effects that ran more than once: {twice:?}");
    ensure!(!counts.is_empty(), "no once effect ran at all: the load did not reach the worker");
    Ok(())
}
