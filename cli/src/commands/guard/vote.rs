//! `guard pending`, `approve`, `reject`: steps of runs that wait for guardians, and their votes.

use super::policy::needs;
use crate::{
    CliError,
    commands::bus::{self, Signing, find, rows},
    context::Context,
    output::{table, value},
};
use clap::{Arg, ArgMatches, Command};
use if_home::keys;
use if_schemas::{
    RunOp,
    payload::Arguments,
    plan::{Args, Step},
    run::Vote,
};
use serde_json::{Value, json};

pub fn trees() -> [Command; 2] {
    let vote = |verb: &'static str, about: &'static str| {
        Command::new(verb)
            .about(about)
            .arg(Arg::new("run").value_name("RUN").required(true).help("the run, the beginning of its id, or `last`"))
            .arg(Arg::new("step").value_name("STEP").required(true).help("the step, as `guard pending` names it"))
    };
    [vote("approve", "agree to exactly this step of this run"), vote("reject", "say no to it")]
}

pub fn pending(context: &Context) -> Result<(), CliError> {
    let found = context.with_client(async |client| {
        let mut found = Vec::new();
        for row in rows(client).await?.into_iter().filter(|row| !row.awaiting.is_empty()) {
            let known = bus::read(client, row.run).await?;
            found.push((row, known));
        }
        Ok(found)
    })?;
    let mut all = Vec::new();
    for (row, known) in &found {
        for place in &row.awaiting {
            let step = usize::try_from(*place).ok().and_then(|p| known.progress.plan().steps.get(p));
            if let Some((step, guard)) = step.and_then(|step| Some((step, step.guard.as_ref()?))) {
                all.push((row, step, guard));
            }
        }
    }
    if context.out.is_json() {
        let rows: Vec<Value> = all
            .iter()
            .map(|(row, step, guard)| {
                json!({
                    "run": row.run, "profile": row.profile, "operator": row.operator, "step": step.id,
                    "command": command(step), "args": arguments(step), "guard": guard,
                })
            })
            .collect();
        return context.out.document(&json!({"pending": rows}));
    }
    if all.is_empty() {
        return context.out.text("nothing waits for an approval");
    }
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|(row, step, guard)| {
            let by = row.operator.as_ref().map(ToString::to_string).unwrap_or_default();
            let what = format!("{} {}", command(step), value::scalar(&arguments(step)));
            vec![row.run.to_string(), step.id.clone(), by, what, needs(guard)]
        })
        .collect();
    context.out.text(&table::table(context.out.style(), &["RUN", "STEP", "BY", "COMMAND", "NEEDS"], &rows, None))
}

fn command(step: &Step) -> String {
    step.call().map(|call| format!("{} on {}", call.operation, call.target)).unwrap_or_default()
}

fn arguments(step: &Step) -> Value {
    match step.call().map(|call| &call.args) {
        Some(Args::Fixed(payload)) => payload.read::<Arguments>().map(|a| Value::Object(a.args)).unwrap_or_default(),
        _ => Value::Null,
    }
}

pub fn cast(context: &Context, m: &ArgMatches, approve: bool) -> Result<(), CliError> {
    let text = |id: &str| m.get_one::<String>(id).map(String::as_str).unwrap_or_default();
    let home = context.home()?;
    let config = context.config(&home)?;
    let key = keys::read(&config.witness.signing_key)?;
    context.block_on(async {
        let mut client = context.connect(&home, &config).await?;
        let run = find(&mut client, text("run")).await?;
        let known = bus::read(&mut client, run).await?;
        let steps = &known.progress.plan().steps;
        let place = steps.iter().position(|step| step.id == text("step") && step.guard.is_some());
        let place = place.and_then(|p| u32::try_from(p).ok()).ok_or_else(|| {
            let what = format!("the run {run} has no step {:?} that needs an approval", text("step"));
            CliError::usage(what, "see `ifctl guard pending`").code("not_found")
        })?;
        let leaf = known.progress.voted_on(place).ok_or_else(|| CliError::damaged("the plan has no such step"))?;
        let op = RunOp::Vote(Vote { run, step: place, leaf, approve });
        let signing = Signing { key: &key, trace: known.trace, deadline_us: context.deadline_us(&config) };
        let (_, head) = signing.submit(&mut client, op, None).await?;
        let said = if approve { "approved" } else { "rejected" };
        if context.out.is_json() {
            return context.out.document(&json!({
                "run": run, "step": text("step"), "approve": approve,
                "witness": {"index": head.index, "hash": head.hash},
            }));
        }
        context.out.text(&format!("{said} step {} of run {run}, entry #{}", text("step"), head.index))
    })
}
