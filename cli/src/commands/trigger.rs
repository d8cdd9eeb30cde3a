//! `trigger`: rules that a worker follows by itself.

mod add;
mod list;
mod log;
mod remove;
mod sign;
mod test;

pub use add::{add, free_name, watch_of};

use super::{name, typed};
use crate::{CliError, context::Context};
use clap::{Arg, ArgAction, ArgMatches, Command};
use if_home::{Home, Trigger, triggers};
use if_schemas::Name;
use std::time::Duration;

/// How long a worker may take to follow a rule that was just written.
const ARM_TIMEOUT: Duration = Duration::from_secs(3);
/// Pause between two looks at that.
const ARM_POLL: Duration = Duration::from_millis(100);

pub const AFTER_HELP: &str = "\
Live state is what `ifctl watch PROVIDER/INSTANCE` shows; ==, !=, <, <=, > and >= compare, and without them every change
counts. The path _state is that of the connection: ok, connecting, disconnected. A trigger fires when its test begins to
hold, and never for what was so already. It signs with a key of its own that may send this one command.";

/// What a rule has besides its name, what it looks at, and its command.
pub fn options(command: Command) -> Command {
    let time = |name: &'static str, help: &'static str| Arg::new(name).long(name).value_name("TIME").help(help);
    command
        .arg(
            Arg::new("if")
                .long("if")
                .value_name("CONDITION")
                .action(ArgAction::Append)
                .help("only while this holds too: obs/myobs:studio_mode==false; may be repeated"),
        )
        .arg(time("debounce", "what is seen must stay so for this long: 200ms"))
        .arg(time("cooldown", "least time between two firings"))
}

pub fn tree(command: Command) -> Command {
    let named = |help: &'static str| Arg::new("name").value_name("NAME").required(true).help(help);
    let add = Command::new("add").about("add a rule (admins only: its key is let in)").arg(named("its name")).arg(
        Arg::new("on")
            .long("on")
            .value_name("WHAT")
            .required(true)
            .help("what sets it off: vmix/myvmix:tally.program==3"),
    );
    let verb =
        |verb: &'static str, about: &'static str, help: &'static str| Command::new(verb).about(about).arg(named(help));
    command
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("list").about("the rules, and what each did last"))
        .subcommand(
            options(add)
                .arg(typed::words("run", "the word `run`, then a command without `if`: run vmix cut myvmix --input 2"))
                .after_help(AFTER_HELP),
        )
        .subcommand(verb("remove", "remove a rule and end the membership of its key", "the rule"))
        .subcommand(verb(
            "test",
            "what it sees now, and whether its command would be admitted; nothing happens",
            "the rule",
        ))
        .subcommand(
            Command::new("log")
                .about("what triggers did, and why")
                .arg(Arg::new("name").value_name("NAME").help("only this one"))
                .arg(Arg::new("since").long("since").value_name("TIME").help("\"1 hour ago\", or RFC 3339"))
                .arg(
                    Arg::new("limit")
                        .long("limit")
                        .value_name("N")
                        .default_value("20")
                        .value_parser(clap::value_parser!(u64).range(1..=200))
                        .help("newest firings shown"),
                ),
        )
        .subcommand(verb("allow", "make a new key for a rule written by hand, and let it in (admins only)", "the rule"))
        .subcommand(verb("enable", "start a rule, also one that was stopped as a loop", "the rule"))
        .subcommand(verb("disable", "stop a rule", "the rule"))
}

pub fn run(context: &Context, matches: &ArgMatches) -> Result<(), CliError> {
    let Some((verb, m)) = matches.subcommand() else { return list::run(context) };
    let named = || name("trigger name", m.get_one::<String>("name").map(String::as_str).unwrap_or_default());
    match verb {
        "add" => add(context, &named()?, watch_of(m)?, m),
        "remove" => remove::run(context, &named()?),
        "test" => test::run(context, &named()?),
        "log" => log::run(context, m),
        "allow" => sign::allow(context, &named()?),
        "enable" => switch(context, &named()?, true),
        "disable" => switch(context, &named()?, false),
        _ => list::run(context),
    }
}

fn switch(context: &Context, name: &Name, enabled: bool) -> Result<(), CliError> {
    let file = context.home()?.triggers_file();
    triggers::set_enabled(&file, name, enabled)?;
    let armed = enabled && await_armed(context, name);
    if context.out.is_json() {
        let document = serde_json::json!({"trigger": name, "enabled": enabled, "armed": armed, "file": file});
        return context.out.document(&document);
    }
    let state = match (enabled, armed) {
        (false, _) => "disabled",
        (true, true) => "enabled and armed",
        (true, false) => "enabled",
    };
    context.out.text(&format!("trigger {name} is {state}"))
}

/// Waits until a worker follows the rule; says why not where none does in time. Never worth failing for.
fn await_armed(context: &Context, name: &Name) -> bool {
    let waiting = context.with_client(async |client| {
        let give_up = tokio::time::Instant::now() + ARM_TIMEOUT;
        loop {
            let rules = client.rules().await?;
            if rules.armed.contains(name.as_str()) || tokio::time::Instant::now() >= give_up {
                return Ok(rules);
            }
            tokio::time::sleep(ARM_POLL).await;
        }
    });
    let Ok(rules) = waiting else { return false };
    let armed = rules.armed.contains(name.as_str());
    if !armed {
        let own = format!("trigger {name}: ");
        let why = rules.complaints.iter().find(|c| c.starts_with(&own)).cloned();
        let why = why.unwrap_or_else(|| "no worker sees what it looks at".into());
        context.out.warning(&format!("not armed: {}", crate::output::value::printable(&why)));
    }
    armed
}

/// One rule of the file.
fn load(home: &Home, name: &Name) -> Result<Trigger, CliError> {
    let mut each = triggers::load_each(&home.triggers_file())?;
    match each.remove(name) {
        Some(trigger) => Ok(trigger?),
        None => {
            let known = each.keys().map(Name::as_str);
            let hint = match if_manifest::args::nearest(name.as_str(), known) {
                Some(near) => format!("did you mean {near}?"),
                None => "`ifctl trigger list` shows them".to_string(),
            };
            Err(CliError::usage(format!("there is no trigger {name}"), hint))
        }
    }
}

/// Every rule, also the wrong ones.
fn load_all(home: &Home) -> Result<triggers::Each, CliError> {
    Ok(triggers::load_each(&home.triggers_file())?)
}
