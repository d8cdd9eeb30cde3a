//! `on EXPRESSION run COMMAND`: a trigger in one line.

use super::{trigger, typed};
use crate::{CliError, context::Context};
use clap::{Arg, ArgMatches, Command};

pub fn tree(command: Command) -> Command {
    let command =
        command
            .arg(Arg::new("on").value_name("WHAT").required(true).help(
                "vmix/myvmix:tally.program==3 (live state), or vmix.cut@vmix/myvmix==failed (the end of a command)",
            ))
            .arg(Arg::new("name").long("name").value_name("NAME").help("its name [default: made of what it looks at]"));
    trigger::options(command)
        .arg(typed::words("run", "the word `run`, then a command without `if`: run obs scene switch myobs Close-up"))
        .after_help(trigger::AFTER_HELP)
}

pub fn run(context: &Context, m: &ArgMatches) -> Result<(), CliError> {
    let on = trigger::watch_of(m)?;
    let name = match m.get_one::<String>("name") {
        Some(name) => super::name("trigger name", name)?,
        None => trigger::free_name(&context.home()?, &on)?,
    };
    trigger::add(context, &name, on, m)
}
