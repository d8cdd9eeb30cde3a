//! `node list`: who is there and what each serves.

use super::status;
use crate::{CliError, context::Context};
use clap::{ArgMatches, Command};
use if_schemas::query::{self, NodesAnswer};

pub fn tree(command: Command) -> Command {
    command
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("list").about("live nodes, their instances and states"))
}

pub fn run(context: &Context, _: &ArgMatches) -> Result<(), CliError> {
    let home = context.home()?;
    let config = context.config(&home)?;
    let answer: NodesAnswer =
        context.block_on(async { context.connect(&home, &config).await?.query(query::NODES).await })?;
    match context.out.is_json() {
        true => context.out.document(&answer),
        false => context.out.text(&status::nodes(context.out.style(), &answer.nodes)),
    }
}
