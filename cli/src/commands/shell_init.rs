//! `shell-init`: makes the bare word `if` work at an interactive prompt; real `if …; then … fi` stays what it is.

use crate::{CliError, cli, context::Context, shell_init};
use clap::{Arg, ArgMatches, Command};

pub fn tree(command: Command) -> Command {
    let shells = shell_init::Shell::ALL.map(|s| s.as_str());
    command
        .arg(Arg::new("shell").value_name("SHELL").required(true).value_parser(shells).help("the shell you use"))
        .after_help("Put this at the end of ~/.bashrc or ~/.zshrc:  eval \"$(ifctl shell-init bash)\"\nfish, in config.fish:  ifctl shell-init fish | source")
}

pub fn run(context: &Context, matches: &ArgMatches) -> Result<(), CliError> {
    let text = matches.get_one::<String>("shell").map(String::as_str).unwrap_or_default();
    let shell = shell_init::Shell::ALL.into_iter().find(|s| s.as_str() == text);
    let shell = shell
        .ok_or_else(|| CliError::usage(format!("there is no integration for {text:?}"), "use bash, zsh or fish"))?;
    let words = cli::top_words(context.catalog);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    context.out.text(&shell_init::script(shell, &words))
}
