//! `trigger add` and `on`: a new rule, its key, and its place in the log.

use super::sign;
use crate::{
    CliError,
    commands::{self, bus, typed},
    context::Context,
};
use clap::{ArgMatches, parser::ValueSource};
use if_home::{
    Home, Trigger,
    triggers::{self, Call, Profile, Run, StateMatch, Target, Watch, WatchError},
};
use if_schemas::{Name, limits::DEADLINE_MAX_US, time::parse_duration_us};
use serde_json::{Map, Value, json};
use std::{ffi::OsString, time::Duration};

/// Names tried for a rule that was given none.
const NAMES_MAX: usize = 1_000;
/// Longest name made of what is looked at, characters.
const NAME_LENGTH: usize = 40;

fn wrong(e: WatchError) -> CliError {
    CliError::usage(e.what, e.hint)
}

/// What `on` says.
pub fn watch_of(m: &ArgMatches) -> Result<Watch, CliError> {
    m.get_one::<String>("on").map(String::as_str).unwrap_or_default().parse().map_err(wrong)
}

/// A name that no rule has: `myvmix-tally-program-3`.
pub fn free_name(home: &Home, on: &Watch) -> Result<Name, CliError> {
    let known = triggers::load_each(&home.triggers_file())?;
    let text = match on {
        Watch::State(state) => state.to_string().split_once('/').map_or(String::new(), |(_, rest)| rest.to_string()),
        Watch::Result(result) => format!("{}-{}", result.target.instance, result.operation),
    };
    let plain = text.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), " ");
    let base: String = plain.split_whitespace().collect::<Vec<_>>().join("-").chars().take(NAME_LENGTH).collect();
    let names = std::iter::once(base.clone()).chain((2..NAMES_MAX).map(|n| format!("{base}-{n}")));
    let free = names.filter_map(|n| n.parse::<Name>().ok()).find(|n| !known.contains_key(n));
    free.ok_or_else(|| CliError::usage("no name could be made for it", "give it one: --name NAME"))
}

pub fn add(context: &Context, name: &Name, on: Watch, m: &ArgMatches) -> Result<(), CliError> {
    let home = context.home()?;
    let run = run_of(context, m)?;
    let trigger = Trigger {
        conditions: conditions(m)?,
        debounce: duration(m, "debounce")?,
        cooldown: duration(m, "cooldown")?,
        deadline: context.globals.deadline_us.map_or(run.deadline(), |us| Duration::from_micros(us.unsigned_abs())),
        run,
        enabled: true,
        on,
    };
    let file = home.triggers_file();
    if triggers::load_each(&file)?.contains_key(name) {
        let text = format!("trigger {name} exists already");
        return Err(CliError::usage(text, format!("choose another name, or `ifctl trigger remove {name}` first")));
    }
    let signed = sign::let_in(context, &home, name, &trigger)?;
    triggers::add(&file, name, &trigger).map_err(|e| {
        let hint = format!("its key is let in; mend the file, then `ifctl trigger remove {name}` and add it again");
        CliError::from(e).hint(hint)
    })?;
    let armed = super::await_armed(context, name);
    if context.out.is_json() {
        let (operation, instance, profile) = match &trigger.run {
            Run::Command(call) => (Some(&call.operation), Some(call.target.to_string()), None),
            Run::Profile(profile) => (None, None, Some(&profile.name)),
        };
        return context.out.document(&json!({
            "trigger": name, "on": trigger.on.to_string(), "operation": operation, "instance": instance,
            "profile": profile, "may": signed.grants, "signed_by": signed.member, "witness": {"index": signed.head.index, "hash": signed.head.hash},
            "armed": armed, "file": file,
        }));
    }
    context.out.text(&format!(
        "trigger {name}{}: on {}, {}\n  signed by {}, let in by entry #{}",
        if armed { " is armed" } else { "" },
        trigger.on,
        trigger.run,
        signed.member,
        signed.head.index
    ))
}

fn conditions(m: &ArgMatches) -> Result<Vec<StateMatch>, CliError> {
    let condition = |text: &String| match text.parse::<StateMatch>().map_err(wrong)? {
        StateMatch { test: None, .. } => {
            Err(CliError::usage(format!("--if: {text:?} compares nothing"), "like obs/myobs:studio_mode==false"))
        }
        condition => Ok(condition),
    };
    m.get_many::<String>("if").unwrap_or_default().map(condition).collect()
}

fn duration(m: &ArgMatches, id: &str) -> Result<Duration, CliError> {
    let Some(text) = m.get_one::<String>(id) else { return Ok(Duration::ZERO) };
    let us = parse_duration_us(text).ok().filter(|us| (0..=DEADLINE_MAX_US).contains(us));
    us.map(|us| Duration::from_micros(us.unsigned_abs()))
        .ok_or_else(|| CliError::usage(format!("--{id}: {text:?} is no duration"), "like 200ms, 5s or 2m, at most 24h"))
}

/// The command after the word `run`.
fn run_of(context: &Context, m: &ArgMatches) -> Result<Run, CliError> {
    let mut words = m.get_many::<String>("run").unwrap_or_default();
    if words.next().map(String::as_str) != Some("run") {
        let hint = "like `on vmix/myvmix:tally.program==3 run obs scene switch myobs Close-up`";
        return Err(CliError::usage("the word `run` is missing before the command", hint));
    }
    let parsed = typed::parse(context, words.map(OsString::from))?;
    if let Some(m) = parsed.subcommand_matches("bus").and_then(|m| m.subcommand_matches("orchestrate")) {
        return profile_of(m).map(Run::Profile);
    }
    let typed = typed::operation(context, &parsed)?;
    let given = |name: &str, value: &Value| {
        // What is the default anyway is left to the day it fires.
        let param = typed.operation.params.iter().find(|p| p.name == *name);
        let default = param.and_then(|p| p.kind.parse_text(p.default.as_deref()?).ok());
        default.as_ref() != Some(value)
    };
    let args: Map<String, Value> =
        typed.args.iter().filter(|(n, v)| given(n, v)).map(|(n, v)| (n.clone(), v.clone())).collect();
    Ok(Run::Command(Call {
        operation: typed.operation.id.parse()?,
        target: Target { provider: typed.provider.id.parse()?, instance: typed.instance },
        args,
    }))
}

/// `bus orchestrate --profile NAME --set …`, and nothing else: the rest is for those who sit at a terminal.
fn profile_of(m: &ArgMatches) -> Result<Profile, CliError> {
    let other = m.ids().find(|id| {
        let given = m.value_source(id.as_str()) == Some(ValueSource::CommandLine);
        given && !["profile", "set"].contains(&id.as_str())
    });
    if let Some(other) = other {
        return Err(CliError::usage(format!("--{other} is not for triggers"), "a trigger takes --profile and --set"));
    }
    let text = m.get_one::<String>("profile").map(String::as_str).unwrap_or_default();
    Ok(Profile { name: commands::name("profile name", text)?, set: bus::given(m)? })
}
