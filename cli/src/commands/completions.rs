//! `completions`: a script the shell reads once.

use crate::{CliError, cli, context::Context};
use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::Shell;

pub fn tree(command: Command) -> Command {
    command.arg(Arg::new("shell").value_name("SHELL").required(true).value_parser(value_parser!(Shell)).help("bash, zsh, fish, elvish or powershell")).after_help(
        "bash: source <(ifctl completions bash)\nzsh: ifctl completions zsh > a directory of $fpath, named _ifctl\nfish: ifctl completions fish | source",
    )
}

pub fn run(context: &Context, matches: &ArgMatches) -> Result<(), CliError> {
    let Some(shell) = matches.get_one::<Shell>("shell").copied() else {
        return Err(CliError::usage("a shell is missing", "name one: bash, zsh, fish"));
    };
    // For `ifctl`, whatever this was called by: `if` is a reserved word wherever completion could help.
    let mut tree = cli::build_all("ifctl", context.catalog);
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut tree, "ifctl", &mut script);
    context.out.text(&String::from_utf8_lossy(&script))
}
