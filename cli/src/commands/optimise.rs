//! `optimise`: what things cost, who may spend how much, and what was spent.

pub mod amount;
mod budget;
mod change;
mod estimate;
mod forecast;
mod price;
mod rates;
mod report;
mod status;

pub use status::{left_lines, of_command, tightest, warnings};

use super::name;
use crate::{CliError, context::Context};
use clap::{Arg, ArgMatches, Command};
use if_schemas::Name;

pub fn tree(command: Command) -> Command {
    command
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(budget::tree())
        .subcommand(report::tree())
        .subcommand(forecast::tree())
        .subcommand(estimate::tree())
        .subcommand(rates::tree())
        .subcommand(price::tree())
}

pub fn run(context: &Context, matches: &ArgMatches) -> Result<(), CliError> {
    match matches.subcommand() {
        Some(("budget", m)) => budget::run(context, m),
        Some(("report", m)) => report::run(context, m),
        Some(("forecast", m)) => forecast::run(context, m),
        Some(("estimate", m)) => estimate::run(context, m),
        Some(("rates", m)) => rates::run(context, m),
        Some(("price", m)) => price::run(context, m),
        _ => Err(CliError::usage("a command is missing", "see `ifctl optimise --help`")),
    }
}

/// A flag with a value.
fn flag(id: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(id).long(id).value_name(value).help(help)
}

fn text<'a>(m: &'a ArgMatches, id: &str) -> Option<&'a str> {
    m.get_one::<String>(id).map(String::as_str)
}

/// The name a flag gives, checked.
fn named(m: &ArgMatches, id: &str) -> Result<Option<Name>, CliError> {
    text(m, id).map(|t| name(&format!("--{id}"), t)).transpose()
}
