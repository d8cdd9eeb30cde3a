//! `bus orchestrate --plan`: every step with its command, the state it finds, what it may cost, and what its undo would do.
//! Each command is asked for as a dry run, so nothing happens and what is shown is the broker's word.

use super::live::Live;
use crate::{
    CliError,
    client::{Client, Outgoing},
    clock,
    commands::guard,
    context::Context,
    output::{table, value},
};
use if_home::plans::{self, Values};
use if_schemas::{
    Code, Command, Envelope, Money, Payload, Plan, Reject, Salt, SigningKey, TraceId,
    head::Verdict,
    payload::Arguments,
    plan::{Act, Args, Call, Source, Step, Undo},
    run::Guard,
    subject,
    wire::Submission,
};
use serde_json::{Map, Value, json};
use std::{path::Path, time::Duration};

/// How long the broker may take for one answer.
const ASK_US: i64 = 5_000_000;

/// One step as it would be done.
struct Row {
    id: String,
    command: String,
    args: Value,
    now: Values,
    wanted: Option<String>,
    worst_case: Option<Money>,
    undo: String,
    skip: Option<String>,
    refused: Option<Reject>,
    guard: Option<Guard>,
}

/// `out`: where the plan is saved, if all of it could run.
pub async fn show(
    context: &Context<'_>,
    client: &mut Client,
    key: &SigningKey,
    plan: &Plan,
    out: Option<&Path>,
) -> Result<(), CliError> {
    let trace = TraceId::from_bytes(clock::random()?);
    let mut live = Live::default();
    let mut rows = Vec::with_capacity(plan.steps.len());
    for step in &plan.steps {
        let (worst_case, refused) = match step.call().filter(|_| step.skip.is_none()) {
            None => (None, None),
            Some(call) => admitted(ask(client, key, trace, call).await?, step),
        };
        let now = live.seen_by(client, step).await?;
        rows.push(Row {
            id: step.id.clone(),
            command: command(step),
            args: step.call().map(arguments).unwrap_or(Value::Null),
            now,
            wanted: step.confirm.as_ref().map(|c| c.state.to_string()),
            worst_case,
            undo: undo(&step.undo),
            skip: step.skip.clone(),
            refused,
            guard: step.guard.clone(),
        });
    }
    print(context, plan, &rows)?;
    let refused = rows.iter().filter(|r| r.refused.is_some()).count();
    if refused == 0 {
        let Some(file) = out else { return Ok(()) };
        let seen = rows.iter().filter(|r| r.skip.is_none()).flat_map(|r| r.now.clone()).collect();
        plans::write(file, plan, seen, clock::now())?;
        let shown = file.display();
        context.out.note(&format!("saved; `{} bus orchestrate --from-plan {shown}` carries it out", context.program));
        return Ok(());
    }
    Err(CliError::failed(format!("{refused} of {} steps would be refused", rows.len()))
        .code("plan_refused")
        .hint("each says why")
        .printed())
}

/// The steps that would be refused now, and why.
pub async fn refusals(client: &mut Client, key: &SigningKey, plan: &Plan) -> Result<Vec<(String, Reject)>, CliError> {
    let trace = TraceId::from_bytes(clock::random()?);
    let mut refused = Vec::new();
    for step in plan.steps.iter().filter(|step| step.skip.is_none()) {
        let Some(call) = step.call() else { continue };
        if let (_, Some(reject)) = admitted(ask(client, key, trace, call).await?, step) {
            refused.push((step.id.clone(), reject));
        }
    }
    Ok(refused)
}

/// A command that guardians will be asked about could run, though not alone.
fn admitted((cost, reject): Asked, step: &Step) -> Asked {
    (cost, reject.filter(|reject| step.guard.is_none() || reject.code != Code::ApprovalMissing))
}

/// What a command may cost, and why it would be refused.
type Asked = (Option<Money>, Option<Reject>);

/// What the broker says to the command alone.
pub async fn ask(client: &mut Client, key: &SigningKey, trace: TraceId, call: &Call) -> Result<Asked, CliError> {
    let payload = match &call.args {
        Args::Fixed(payload) => payload.clone(),
        Args::Open(open) => {
            let known = open.iter().filter_map(|(name, source)| match source {
                Source::Value(value) => Some((name.clone(), value.clone())),
                Source::Result { .. } | Source::Recorded(_) => None,
            });
            let arguments = Arguments { args: known.collect::<Map<_, _>>(), why: None, cause: None };
            Payload::new(&arguments, Salt(clock::random()?))?
        }
    };
    let issued_at = clock::now();
    let id = clock::command_id(issued_at)?;
    let command = Command {
        id,
        trace,
        issued_at,
        deadline: issued_at.saturating_add_us(ASK_US),
        operation: call.operation.clone(),
        provider: call.target.provider.clone(),
        instance: call.target.instance.clone(),
        effect: call.effect,
        dry_run: true,
        session: None,
        payload: payload.hash(),
        run: None,
    };
    let to = subject::command(&command.provider, &command.instance, &command.operation);
    let submission = Submission { envelope: Envelope::seal(&command, key)?, payload: Some(payload) };
    let deadline = Duration::from_micros(ASK_US.unsigned_abs());
    let outgoing = Outgoing { subject: &to, submission: &submission, id, dry_run: true, deadline, trace: Some(trace) };
    Ok(match client.submit(&outgoing).await?.receipt.verdict {
        Verdict::Rejected(reject) => (None, Some(reject)),
        Verdict::WouldAccept { estimate } => (estimate.map(|e| e.reserved), None),
        Verdict::Accepted => return Err(CliError::damaged("a dry run was admitted")),
    })
}

/// What a step does, in words.
pub fn command(step: &Step) -> String {
    match &step.act {
        Act::Command(call) => format!("{} on {}", call.operation, call.target),
        Act::Pause(ms) => {
            format!("wait {}", value::duration(i64::try_from(*ms).unwrap_or(i64::MAX).saturating_mul(1_000)))
        }
        Act::Until(wanted) => format!("wait until {}", wanted.state),
        Act::Nothing => String::new(),
    }
}

fn arguments(call: &Call) -> Value {
    match &call.args {
        Args::Fixed(payload) => payload.read::<Arguments>().map(|a| Value::Object(a.args)).unwrap_or_default(),
        Args::Open(open) => {
            let shown = |source: &Source| match source {
                Source::Value(value) => value.clone(),
                Source::Result { step, pointer } => Value::from(format!("(of the result of step {step}: {pointer})")),
                Source::Recorded(state) => Value::from(format!("(as recorded: {state})")),
            };
            Value::Object(open.iter().map(|(name, source)| (name.clone(), shown(source))).collect())
        }
    }
}

fn undo(undo: &Undo) -> String {
    match undo {
        Undo::Impossible(why) => format!("cannot be undone: {why}"),
        Undo::Needless => String::new(),
        Undo::Call(call) => format!("{} on {}", call.operation, call.target),
        Undo::Restore(restore) => {
            let paths: Vec<&str> = restore.record.iter().map(|r| r.path.as_str()).collect();
            format!("back to what it was: {}", paths.join(", "))
        }
    }
}

fn print(context: &Context, plan: &Plan, rows: &[Row]) -> Result<(), CliError> {
    if context.out.is_json() {
        let row = |r: &Row| {
            json!({
                "id": r.id, "command": r.command, "args": r.args, "now": r.now, "wanted": r.wanted,
                "worst_case": r.worst_case, "undo": r.undo, "skip": r.skip, "refused": r.refused, "guard": r.guard,
            })
        };
        let rows: Vec<Value> = rows.iter().map(row).collect();
        return context.out.document(&json!({"profile": plan.profile, "vars": plan.vars, "steps": rows}));
    }
    let style = context.out.style();
    let state = |r: &Row| match (&r.refused, &r.skip) {
        (Some(reject), _) => format!("refused: {reject}"),
        (None, Some(why)) => format!("skipped: {why}"),
        (None, None) => match &r.guard {
            Some(guard) => format!("needs {}", guard::policy::needs(guard)),
            None => "can run".to_string(),
        },
    };
    let now = |r: &Row| r.now.iter().map(|(k, v)| format!("{k} is {v}")).collect::<Vec<_>>().join(", ");
    let row = |r: &Row| {
        let cost = r.worst_case.map(|m| m.to_string()).unwrap_or_default();
        vec![
            r.id.clone(),
            r.command.clone(),
            state(r),
            now(r),
            r.wanted.clone().unwrap_or_default(),
            cost,
            r.undo.clone(),
        ]
    };
    let table_rows: Vec<_> = rows.iter().map(row).collect();
    let headings = ["STEP", "COMMAND", "", "NOW", "WANTED", "AT MOST", "UNDO"];
    context.out.text(&format!(
        "plan of {}: {} steps\n{}",
        plan.profile,
        rows.len(),
        table::table(style, &headings, &table_rows, None)
    ))
}
