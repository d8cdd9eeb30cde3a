//! `optimise estimate COMMAND…`: what a command may cost at most. Nothing is logged or executed.

use crate::{
    CliError,
    commands::{self, typed},
    context::Context,
};
use clap::{ArgMatches, Command};
use std::ffi::OsString;

pub fn tree() -> Command {
    Command::new("estimate")
        .about("what a command may cost at most, and whether the budgets would let it pass; nothing happens")
        .arg(typed::words("command", "a whole command without `if`: ai complete openai mygpt4 --prompt \"Explain IF\""))
}

/// The command as it would be typed, asked as a dry run.
pub fn run(context: &Context, m: &ArgMatches) -> Result<(), CliError> {
    let words = m.get_many::<String>("command").unwrap_or_default().map(OsString::from);
    let matches = typed::parse(context, words)?;
    let asked = context.asking(&matches)?;
    commands::dispatch_operation(&asked, &matches)
}
