//! Runs, through a real server, broker and worker: ordered once, carried out from the log alone, whoever is restarted.

use anyhow::{Context, Result, ensure};
use if_schemas::{
    Command, Effect, Payload, RunOp, TraceId,
    head::Verdict,
    plan::{Act, Args, Await, Ended, Phase, Undo},
    query::{LOG, LogAnswer, LogQuery, RunStanding},
    run::{Note, OnConflict, Outcome, StepRef},
    subject,
};
use if_tests::{
    InProcess,
    runs::{PATIENCE, call, change, order, outcome, plan, row, signed, start, step},
    world::{new_command_id, new_salt, new_trace_id, now},
};
use serde_json::json;
use std::time::Duration;

async fn executions(fabric: &InProcess, at_least: usize) -> Result<()> {
    let wait = async {
        while fabric.executions() < at_least {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.with_context(|| format!("not {at_least} executions"))
}

/// Operations of a trace and how they ended, in the order of the log; notes left out.
async fn operations(fabric: &InProcess, trace: TraceId) -> Result<Vec<(String, String)>> {
    let question = LogQuery { trace: Some(trace), limit: 100, ..LogQuery::default() };
    let answer: LogAnswer = fabric.client.query(LOG, &question).await?;
    let rows = answer.rows.into_iter().filter(|row| row.operation != "run.note");
    Ok(rows.map(|row| (row.operation, row.status)).collect())
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_carried_out_in_order_under_one_trace() -> Result<()> {
    let fabric = InProcess::start(true).await?;
    let plan = plan(vec![
        step("set", &[], Act::Command(call("noop.set", Effect::Idempotent, json!({}))?)),
        step("fire", &[0], Act::Command(call("noop.fire", Effect::Once, json!({"note": "once"}))?)),
        step("seen", &[1], Act::Until(Await { state: "noop/main:executions>=2".parse()?, timeout_ms: 5_000 })),
        step("read", &[2], Act::Command(call("noop.read", Effect::Read, json!({}))?)),
    ])?;
    let (run, trace, receipt) = start(&fabric, &plan, |_| {}).await?;
    ensure!(receipt.verdict == Verdict::Accepted, "{receipt:?}");
    ensure!(outcome(&fabric, run).await? == Outcome::Succeeded);
    let succeeded = ["noop.set", "noop.fire", "noop.read"].map(|op| (op, "succeeded"));
    let expected = [&[("run.start", "applied")], succeeded.as_slice()].concat();
    ensure!(operations(&fabric, trace).await? == pairs(&expected), "{:?}", operations(&fabric, trace).await?);
    ensure!(fabric.executions() == 3);
    let (home, _dir) = fabric.stop().await?;
    let report = if_witness::fsck::fsck(&home.witness_dir(), |_, _| {})?;
    ensure!(report.problems.is_empty(), "{report:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_after_restarts_of_worker_and_broker_and_repeats_nothing() -> Result<()> {
    let mut fabric = InProcess::start(true).await?;
    let plan = plan(vec![
        step("fire", &[], Act::Command(call("noop.fire", Effect::Once, json!({"note": "first"}))?)),
        // Meanwhile everything is restarted.
        step("pause", &[0], Act::Pause(1_500)),
        step("again", &[1], Act::Command(call("noop.fire", Effect::Once, json!({"note": "second"}))?)),
    ])?;
    let (run, trace, _) = start(&fabric, &plan, |_| {}).await?;
    executions(&fabric, 1).await?;
    fabric.stop_worker().await?;
    fabric.stop_broker().await?;
    fabric.start_broker().await?;
    fabric.start_worker().await?;
    ensure!(outcome(&fabric, run).await? == Outcome::Succeeded);
    let fired = operations(&fabric, trace).await?;
    let expected = [("run.start", "applied"), ("noop.fire", "succeeded"), ("noop.fire", "succeeded")];
    ensure!(fired == pairs(&expected), "{fired:?}");
    ensure!(fabric.executions() == 2);
    fabric.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_to_a_broker_that_just_started_waits_for_what_its_commands_cost() -> Result<()> {
    let mut fabric = InProcess::start(true).await?;
    fabric.stop_worker().await?;
    fabric.stop_broker().await?;
    fabric.start_broker().await?;
    let plan = plan(vec![step("set", &[], Act::Command(call("noop.set", Effect::Idempotent, json!({}))?))])?;
    let order = order(&plan, fabric.keys.worker.id())?;
    let payload = Payload::new(&plan, new_salt())?;
    let (id, op) = ((new_command_id(), new_trace_id()), RunOp::Start(order));
    let bytes = signed(id, op, Some(payload), &fabric.keys.operator, 10_000_000)?;
    let client = fabric.client.clone();
    let asked = tokio::spawn(async move { client.send_raw(subject::RUN, bytes).await });
    fabric.start_worker().await?;
    let receipt = asked.await??;
    ensure!(receipt.verdict == Verdict::Accepted, "{receipt:?}");
    ensure!(outcome(&fabric, id.0).await? == Outcome::Succeeded);
    fabric.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_carries_a_run_out_can_do_what_was_ordered_and_nothing_else() -> Result<()> {
    let fabric = InProcess::start(true).await?;
    let plan = plan(vec![step("set", &[], Act::Command(call("noop.set", Effect::Idempotent, json!({"note": "a"}))?))])?;
    let (run, trace, _) = start(&fabric, &plan, |_| {}).await?;
    ensure!(outcome(&fabric, run).await? == Outcome::Succeeded);
    let tree = plan.tree()?;
    let (leaf, path) = tree.leaves.first().context("a leaf")?;
    let other = call("noop.set", Effect::Idempotent, json!({"note": "b"}))?;
    let Args::Fixed(payload) = other.args else { unreachable!() };
    let place = StepRef { run, step: 0, phase: Phase::Do, way: 0, open: false, guard: None, path: path.clone() };
    let command = Command {
        id: new_command_id(),
        trace,
        issued_at: now(),
        deadline: now().saturating_add_us(5_000_000),
        operation: leaf.operation.clone(),
        provider: leaf.provider.clone(),
        instance: leaf.instance.clone(),
        effect: leaf.effect,
        dry_run: false,
        session: None,
        payload: payload.hash(),
        run: Some(Box::new(place)),
    };
    let receipt = fabric.client.send(&command, payload, &fabric.keys.worker).await?;
    let Verdict::Rejected(reject) = &receipt.verdict else { anyhow::bail!("{receipt:?}") };
    ensure!(reject.code.as_str() == "not_in_order", "{reject:?}");
    // Not by its own grants either.
    let (bare, payload) = fabric.client.command("noop.set", Effect::Idempotent)?;
    let receipt = fabric.client.send(&bare, payload, &fabric.keys.worker).await?;
    ensure!(matches!(&receipt.verdict, Verdict::Rejected(r) if r.code.as_str() == "not_allowed"), "{receipt:?}");
    ensure!(fabric.executions() == 1);
    fabric.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_on_the_same_instance_take_turns_and_a_refusing_one_is_refused() -> Result<()> {
    let fabric = InProcess::start(true).await?;
    let slow = plan(vec![
        step("one", &[], Act::Command(call("noop.set", Effect::Idempotent, json!({"note": "slow"}))?)),
        step("pause", &[0], Act::Pause(700)),
        step("two", &[1], Act::Command(call("noop.set", Effect::Idempotent, json!({"note": "slow"}))?)),
    ])?;
    let quick = plan(vec![step("only", &[], Act::Command(call("noop.fire", Effect::Once, json!({}))?))])?;
    let (first, first_trace, _) = start(&fabric, &slow, |_| {}).await?;
    let (_, _, refused) = start(&fabric, &quick, |order| order.on_conflict = OnConflict::Refuse).await?;
    ensure!(matches!(&refused.verdict, Verdict::Rejected(r) if r.code.as_str() == "run_conflict"), "{refused:?}");
    let (second, second_trace, _) = start(&fabric, &quick, |_| {}).await?;
    ensure!(row(&fabric, second).await?.standing == RunStanding::Waiting);
    ensure!(outcome(&fabric, second).await? == Outcome::Succeeded);
    ensure!(outcome(&fabric, first).await? == Outcome::Succeeded);
    let index = async |trace: TraceId, newest: bool| -> Result<u64> {
        let question = LogQuery { trace: Some(trace), limit: 100, ..LogQuery::default() };
        let answer: LogAnswer = fabric.client.query(LOG, &question).await?;
        let commands = answer.rows.iter().filter(|r| r.operation.starts_with("noop.")).map(|r| r.index);
        (if newest { commands.max() } else { commands.min() }).context("a command")
    };
    ensure!(index(first_trace, true).await? < index(second_trace, false).await?);
    fabric.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_cancelled_while_it_pauses_and_says_what_it_did() -> Result<()> {
    let fabric = InProcess::start(true).await?;
    let plan = plan(vec![
        step("one", &[], Act::Command(call("noop.set", Effect::Idempotent, json!({}))?)),
        step("pause", &[0], Act::Pause(60_000)),
        step("two", &[1], Act::Command(call("noop.fire", Effect::Once, json!({}))?)),
    ])?;
    let (run, trace, _) = start(&fabric, &plan, |_| {}).await?;
    executions(&fabric, 1).await?;
    let (_, receipt) =
        change(&fabric, trace, RunOp::Cancel { run, rollback: false }, None, &fabric.keys.operator).await?;
    ensure!(receipt.verdict == Verdict::Accepted, "{receipt:?}");
    ensure!(outcome(&fabric, run).await? == Outcome::Cancelled);
    ensure!(fabric.executions() == 1);
    let (_, again) =
        change(&fabric, trace, RunOp::Cancel { run, rollback: false }, None, &fabric.keys.operator).await?;
    ensure!(matches!(&again.verdict, Verdict::Rejected(r) if r.code.as_str() == "run_not_going"), "{again:?}");
    fabric.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_has_ended_is_undone_when_asked_and_says_so_once() -> Result<()> {
    let fabric = InProcess::start(true).await?;
    let mut set = step("set", &[], Act::Command(call("noop.set", Effect::Idempotent, json!({"note": "there"}))?));
    set.undo = Undo::Call(call("noop.set", Effect::Idempotent, json!({"note": "back"}))?);
    let (run, trace, _) = start(&fabric, &plan(vec![set])?, |_| {}).await?;
    ensure!(outcome(&fabric, run).await? == Outcome::Succeeded);
    let (_, receipt) = change(&fabric, trace, RunOp::Rollback { run }, None, &fabric.keys.operator).await?;
    ensure!(receipt.verdict == Verdict::Accepted, "{receipt:?}");
    ensure!(outcome(&fabric, run).await? == Outcome::RolledBack);
    ensure!(fabric.executions() == 2);
    let question = LogQuery { trace: Some(trace), limit: 100, ..LogQuery::default() };
    let answer: LogAnswer = fabric.client.query(LOG, &question).await?;
    let refused: Vec<_> = answer.rows.iter().filter(|row| row.status == "rejected").collect();
    ensure!(refused.is_empty(), "{refused:?}");
    fabric.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_told_from_what_else_has_its_trace_or_names_its_steps() -> Result<()> {
    let fabric = InProcess::start(true).await?;
    let trace = new_trace_id();
    let (earlier, payload) = fabric.client.command("noop.set", Effect::Idempotent)?;
    let earlier = Command { trace, ..earlier };
    let receipt = fabric.client.send(&earlier, payload, &fabric.keys.operator).await?;
    ensure!(receipt.verdict == Verdict::Accepted, "{receipt:?}");
    let plan = plan(vec![
        step("pause", &[], Act::Pause(700)),
        step("set", &[0], Act::Command(call("noop.set", Effect::Idempotent, json!({"note": "mine"}))?)),
    ])?;
    let order = order(&plan, fabric.keys.worker.id())?;
    let payload = Payload::new(&plan, new_salt())?;
    let (run, receipt) = change(&fabric, trace, RunOp::Start(order), Some(payload), &fabric.keys.operator).await?;
    ensure!(receipt.verdict == Verdict::Accepted, "{receipt:?}");
    // Somebody with a key of their own sends the very command of the step, and reports its end.
    let tree = plan.tree()?;
    let (leaf, path) = tree.leaves.first().context("a leaf")?;
    let Args::Fixed(payload) = &plan.steps[1].call().context("a call")?.args else { anyhow::bail!("open") };
    let place = StepRef { run, step: 1, phase: Phase::Do, way: 0, open: false, guard: None, path: path.clone() };
    let (command, _) = fabric.client.command(leaf.operation.as_str(), leaf.effect)?;
    let command = Command { trace, payload: payload.hash(), run: Some(Box::new(place)), ..command };
    let receipt = fabric.client.send(&command, payload.clone(), &fabric.keys.operator).await?;
    ensure!(matches!(&receipt.verdict, Verdict::Rejected(r) if r.code.as_str() == "not_in_order"), "{receipt:?}");
    let note = Note::Ended { step: 1, ended: Ended::Failed, text: "so they say".into() };
    let said = RunOp::Note { run, after: u64::MAX, note };
    let (_, receipt) = change(&fabric, trace, said, None, &fabric.keys.operator).await?;
    ensure!(matches!(&receipt.verdict, Verdict::Rejected(r) if r.code.as_str() == "not_allowed"), "{receipt:?}");
    ensure!(outcome(&fabric, run).await? == Outcome::Succeeded);
    ensure!(fabric.executions() == 2);
    fabric.stop().await?;
    Ok(())
}
