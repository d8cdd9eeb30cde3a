//! `completions`: a script the shell reads once. At the tab key it asks this program, so what is offered is never out of date.

use crate::{
    CliError,
    complete::{PROGRAM, VARIABLE},
    context::Context,
};
use clap::{Arg, ArgMatches, Command};
use clap_complete::env::Shells;

pub fn tree(command: Command) -> Command {
    let shells: Vec<&str> = Shells::builtins().names().collect();
    command
        .arg(
            Arg::new("shell")
                .value_name("SHELL")
                .required(true)
                .value_parser(shells)
                .help("bash, zsh, fish, elvish or powershell"),
        )
        .after_help(
            "bash: source <(ifctl completions bash)\nzsh: source <(ifctl completions zsh)\nfish: ifctl completions fish | source",
        )
}

pub fn run(context: &Context, matches: &ArgMatches) -> Result<(), CliError> {
    let said = matches.get_one::<String>("shell").map(String::as_str).unwrap_or_default();
    let shells = Shells::builtins();
    let shell =
        shells.completer(said).ok_or_else(|| CliError::usage("a shell is missing", "name one: bash, zsh, fish"))?;
    let mut script = Vec::new();
    let written = shell.write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, &mut script);
    written.map_err(|e| CliError::io("the script cannot be written", &e))?;
    context.out.text(&String::from_utf8_lossy(&script))
}
