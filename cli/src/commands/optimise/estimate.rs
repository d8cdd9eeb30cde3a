//! `optimise estimate COMMAND…`: what a command may cost at most. Nothing is logged or executed.

use crate::{CliError, cli, commands, context::Context};
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::ffi::OsString;

pub fn tree() -> Command {
    Command::new("estimate")
        .about("what a command may cost at most, and whether the budgets would let it pass; nothing happens")
        .arg(
            Arg::new("command")
                .value_name("COMMAND")
                .required(true)
                .num_args(1..)
                .action(ArgAction::Append)
                .trailing_var_arg(true)
                .allow_hyphen_values(true)
                .help("a whole command without `if`: ai complete openai mygpt4 --prompt \"Explain IF\""),
        )
}

/// The command as it would be typed, asked as a dry run.
pub fn run(context: &Context, m: &ArgMatches) -> Result<(), CliError> {
    let words = m.get_many::<String>("command").unwrap_or_default().map(OsString::from);
    let line: Vec<OsString> = [OsString::from(context.program)].into_iter().chain(words).collect();
    let scanned = cli::Words::scan(&line);
    let tree = cli::build(context.program, &scanned, context.catalog);
    let matches = tree
        .try_get_matches_from(line)
        .map_err(|e| cli::usage_error(&e, context.program, &scanned, context.catalog))?;
    let asked = context.asking(&matches)?;
    commands::dispatch_operation(&asked, &matches)
}
