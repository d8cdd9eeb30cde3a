//! Runs, as a test orders them: plans by hand, orders signed by the operator.

use crate::{
    InProcess,
    world::{new_command_id, new_salt, new_trace_id, now},
};
use anyhow::{Context, Result};
use if_schemas::{
    CommandId, Effect, Envelope, KeyId, Order, Payload, Plan, RunChange, RunOp, SigningKey, TraceId,
    head::Receipt,
    payload::Arguments,
    plan::{Act, Args, Call, OnFailure, Step, Undo},
    query::{RUNS, RunRow, RunStanding, RunsAnswer},
    run::{OnConflict, Outcome, Reserve},
    subject,
    wire::{Message as _, Submission},
};
use std::time::Duration;

/// How long a change may be on its way, microseconds.
const LIFE_US: i64 = 10_000_000;
/// How long a run may take to come to its end.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Pause between two looks at a run.
const LOOK: Duration = Duration::from_millis(5);

/// A command on `noop/main`.
pub fn call(operation: &str, effect: Effect, args: serde_json::Value) -> Result<Call> {
    let args = args.as_object().cloned().unwrap_or_default();
    let payload = Payload::new(&Arguments { args, why: None, cause: None }, new_salt())?;
    Ok(Call { operation: operation.parse()?, target: "noop/main".parse()?, effect, args: Args::Fixed(payload) })
}

pub fn step(id: &str, needs: &[u32], act: Act) -> Step {
    Step {
        id: id.into(),
        needs: needs.into(),
        skip: None,
        when: Vec::new(),
        act,
        confirm: None,
        retries: 0,
        retry_pause_ms: 0,
        timeout_ms: 10_000,
        on_failure: OnFailure::Stop,
        undo: Undo::Needless,
        guard: None,
    }
}

pub fn plan(steps: Vec<Step>) -> Result<Plan> {
    let vars = serde_json::Map::new();
    Ok(Plan { profile: "test".parse()?, description: String::new(), vars, concurrency: 4, steps })
}

pub fn order(plan: &Plan, delegate: KeyId) -> Result<Order> {
    Ok(Order {
        profile: plan.profile.clone(),
        delegate,
        until: now().saturating_add_us(120_000_000),
        root: plan.tree()?.root,
        steps: u32::try_from(plan.steps.len())?,
        writes: plan.writes().into_iter().collect(),
        on_conflict: OnConflict::Wait,
        max_cost: None,
        reserve: Reserve::Run,
        session: None,
        cause: None,
    })
}

pub async fn change(
    fabric: &InProcess,
    trace: TraceId,
    op: RunOp,
    payload: Option<Payload>,
    key: &SigningKey,
) -> Result<(CommandId, Receipt)> {
    let id = new_command_id();
    let bytes = signed((id, trace), op, payload, key, LIFE_US)?;
    Ok((id, fabric.client.send_raw(subject::RUN, bytes).await?))
}

/// The message of a change that may be on its way for so many microseconds.
pub fn signed(
    (id, trace): (CommandId, TraceId),
    op: RunOp,
    payload: Option<Payload>,
    key: &SigningKey,
    life_us: i64,
) -> Result<Vec<u8>> {
    let issued_at = now();
    let deadline = issued_at.saturating_add_us(life_us);
    let change = RunChange { id, trace, issued_at, deadline, op, payload: payload.as_ref().map(Payload::hash) };
    Ok(Submission { envelope: Envelope::seal(&change, key)?, payload }.to_message()?)
}

/// Starts a run of the plan; its order may be another one than is usual.
pub async fn start(
    fabric: &InProcess,
    plan: &Plan,
    how: impl FnOnce(&mut Order),
) -> Result<(CommandId, TraceId, Receipt)> {
    let mut order = order(plan, fabric.keys.worker.id())?;
    how(&mut order);
    let trace = new_trace_id();
    let payload = Payload::new(plan, new_salt())?;
    let (run, receipt) = change(fabric, trace, RunOp::Start(order), Some(payload), &fabric.keys.operator).await?;
    Ok((run, trace, receipt))
}

pub async fn row(fabric: &InProcess, run: CommandId) -> Result<RunRow> {
    let answer: RunsAnswer = fabric.client.query(RUNS, &()).await?;
    answer.runs.into_iter().find(|row| row.run == run).context("the run is not there")
}

pub async fn outcome(fabric: &InProcess, run: CommandId) -> Result<Outcome> {
    let wait = async {
        loop {
            match row(fabric, run).await {
                Ok(RunRow { standing: RunStanding::Ended { outcome, .. }, explained: true, .. }) => return outcome,
                _ => tokio::time::sleep(LOOK).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.context("the run does not end")
}
