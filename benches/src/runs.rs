//! What a run adds to its commands: a chain of steps beside the same commands sent one after the other.

use crate::report::{Report, Series};
use anyhow::{Context, Result, ensure};
use if_schemas::{Effect, Status, head::Verdict, plan::Act, query::RunStanding, run::Outcome};
use if_tests::{InProcess, runs};
use serde_json::json;
use std::time::{Duration, Instant};

/// Steps of the chain, and commands beside it.
const STEPS: u32 = 300;
/// Most that a step may take more than its command.
const OVERHEAD_MAX: Duration = Duration::from_millis(5);

pub async fn run(report: &mut Report) -> Result<()> {
    let fabric = InProcess::start(true).await?;
    let single = single(&fabric).await?.quantile(0.5);
    let mut steps = Vec::new();
    for n in 0..STEPS {
        let needs: Vec<u32> = n.checked_sub(1).into_iter().collect();
        steps.push(runs::step(
            &format!("s{n}"),
            &needs,
            Act::Command(runs::call("noop.set", Effect::Idempotent, json!({}))?),
        ));
    }
    let (run, _, receipt) = runs::start(&fabric, &runs::plan(steps)?, |_| {}).await?;
    ensure!(receipt.verdict == Verdict::Accepted, "{receipt:?}");
    ensure!(runs::outcome(&fabric, run).await? == Outcome::Succeeded, "the run did not succeed");
    let row = runs::row(&fabric, run).await?;
    let RunStanding::Ended { at, .. } = row.standing else { anyhow::bail!("the run has not ended") };
    let us = u64::try_from(at.since_us(row.started_at)).context("a run that ends before it starts")?;
    let each = Duration::from_micros(us / u64::from(STEPS));
    let more = each.saturating_sub(single);
    report.row(
        &format!("a step of a run ({STEPS} in a chain) over the single command"),
        format!("{more:.1?}"),
        format!("with {each:.1?}, the command alone {single:.1?}"),
        "<= 5 ms",
        more <= OVERHEAD_MAX,
    );
    fabric.stop().await?;
    Ok(())
}

async fn single(fabric: &InProcess) -> Result<Series> {
    let (command, _) = fabric.client.command("noop.set", Effect::Idempotent)?;
    let mut events = fabric.client.events(&command).await?;
    let mut took = Vec::new();
    for _ in 0..STEPS {
        let start = Instant::now();
        let (command, payload) = fabric.client.command("noop.set", Effect::Idempotent)?;
        let receipt = fabric.client.send(&command, payload, &fabric.keys.operator).await?;
        ensure!(receipt.verdict == Verdict::Accepted, "{receipt:?}");
        let (_, status) = fabric.client.result(&mut events, &command.id).await?;
        ensure!(status == Status::Succeeded, "{status:?}");
        took.push(start.elapsed());
    }
    Ok(Series::new(took))
}
