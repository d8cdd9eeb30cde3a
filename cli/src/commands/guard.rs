//! `guard`: what guardians must agree to, what waits for them, and their votes.

pub mod policy;
mod request;
mod vote;

use crate::{CliError, context::Context};
use clap::{ArgMatches, Command};

pub fn tree(command: Command) -> Command {
    command
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("pending").about("steps that wait, with the exact command of each"))
        .subcommands(vote::trees())
        .subcommand(policy::tree(
            Command::new("policy").about("kinds of commands that are never done without guardians"),
        ))
        .subcommand(request::tree(Command::new("request").about("do one command once its guardians agree")))
}

pub fn run(context: &Context, m: &ArgMatches) -> Result<(), CliError> {
    match m.subcommand() {
        Some(("approve", m)) => vote::cast(context, m, true),
        Some(("reject", m)) => vote::cast(context, m, false),
        Some(("policy", m)) => policy::run(context, m),
        Some(("request", m)) => request::run(context, m),
        _ => vote::pending(context),
    }
}
