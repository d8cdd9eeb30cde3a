//! `guard request`: one command as a run of its own, so that guardians can agree to exactly that.

use crate::{
    CliError, clock,
    commands::{bus, name, typed},
    context::Context,
};
use clap::{Arg, ArgMatches, Command};
use if_schemas::{
    Name, Payload, Plan, Salt, Target,
    payload::Arguments,
    plan::{Act, Args, Call, OnFailure, Step, Undo},
};
use std::ffi::OsString;

/// How long one attempt may take where nothing is said, milliseconds.
const TIMEOUT_MS: u64 = 10_000;

pub fn tree(command: Command) -> Command {
    command
        .arg(Arg::new("on").long("on").value_name("NODE").help("the worker node that carries it out"))
        .arg(typed::words("command", "a command without `if`: payment charge stripe mypayments --amount 100000"))
}

pub fn run(context: &Context, m: &ArgMatches) -> Result<(), CliError> {
    let words = m.get_many::<String>("command").unwrap_or_default();
    let typed = typed::operation(context, &typed::parse(context, words.map(OsString::from))?)?;
    let node = m.get_one::<String>("on").map(|text| name("--on", text)).transpose()?;
    let plan = plan(context, typed)?;
    bus::order(context, plan, node)
}

/// The command as the only step. Its guards are those of the policies that cover it.
fn plan(context: &Context, typed: typed::Typed) -> Result<Plan, CliError> {
    let arguments = Arguments { args: typed.args, why: context.globals.why.clone(), cause: None };
    let payload = Payload::new(&arguments, Salt(clock::random()?))?;
    let target = Target { provider: typed.provider.id.parse()?, instance: typed.instance };
    let call = Call {
        operation: typed.operation.id.parse()?,
        target,
        effect: typed.operation.effect,
        args: Args::Fixed(payload),
    };
    let deadline = context.globals.deadline_us.and_then(|us| u64::try_from(us / 1_000).ok());
    let profile: Name = "request".parse()?;
    let step = Step {
        id: call.operation.to_string(),
        needs: Vec::new(),
        skip: None,
        when: Vec::new(),
        act: Act::Command(call),
        confirm: None,
        retries: 0,
        retry_pause_ms: 0,
        timeout_ms: deadline.unwrap_or(TIMEOUT_MS),
        on_failure: OnFailure::Stop,
        undo: Undo::Impossible("it was requested alone".into()),
        guard: None,
    };
    let description = "one command, with the consent of its guardians".into();
    Ok(Plan { profile, description, vars: serde_json::Map::new(), concurrency: 1, steps: vec![step] })
}
