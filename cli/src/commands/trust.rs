use crate::{CliError, context::Context};
use clap::{ArgMatches, Command};
pub fn tree(command: Command) -> Command { command }
pub fn run(_: &Context, _: &ArgMatches) -> Result<(), CliError> { Ok(()) }
