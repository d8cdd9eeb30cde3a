//! `bus`: profiles and runs.

mod change;
mod drift;
mod follow;
mod generic;
mod guarded;
mod known;
mod live;
mod orchestrate;
mod plan;
mod profile;
mod runs;
mod screen;
mod show;
mod sources;

pub use change::Signing;
pub use known::{find, read, rows};
pub use orchestrate::{compiled, order};
pub use plan::refusals;
pub use sources::given;

use crate::{CliError, context::Context};
use clap::{Arg, ArgAction, ArgMatches, Command};

pub fn tree(command: Command) -> Command {
    command
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(orchestrate::tree(Command::new("orchestrate").about("carry out a profile as one run")))
        .subcommand(profile::tree(Command::new("profile").about("profiles: list, show, check, new")))
        .subcommand(
            Command::new("runs").about("runs that go on, and the newest that ended").arg(
                Arg::new("active").long("active").action(ArgAction::SetTrue).help("only those that have not ended"),
            ),
        )
        .subcommand(run_tree(Command::new("run").about("one run: show, watch, cancel, resume, rollback")))
        .subcommands(generic::trees())
}

fn run_tree(command: Command) -> Command {
    let id = || Arg::new("run").value_name("RUN").required(true).help("its id, the beginning of it, or `last`");
    let verb = |name: &'static str, about: &'static str| Command::new(name).about(about).arg(id());
    let flag = |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    command
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            verb("show", "what it did, step by step").arg(
                Arg::new("format")
                    .long("format")
                    .value_name("FORMAT")
                    .value_parser(["text", "svg", "mermaid"])
                    .default_value("text")
                    .help("svg and mermaid draw its steps"),
            ),
        )
        .subcommand(verb("watch", "follow it until it ends"))
        .subcommand(
            verb("cancel", "begin nothing more; what is under way is waited for")
                .arg(flag("rollback", "undo what was done")),
        )
        .subcommand(verb("resume", "go on with a run that stopped, from what failed"))
        .subcommand(verb("rollback", "undo a run that has ended"))
}

pub fn run(context: &Context, matches: &ArgMatches) -> Result<(), CliError> {
    match matches.subcommand() {
        Some(("orchestrate", m)) => orchestrate::run(context, m),
        Some(("profile", m)) => profile::run(context, m),
        Some(("run", m)) => match m.subcommand() {
            Some(("show", m)) => show::run(context, m),
            Some(("watch", m)) => follow::watch(context, m),
            Some((verb, m)) => change::run(context, verb, m),
            None => runs::run(context, false),
        },
        Some((verb, m)) if verb != "runs" => {
            generic::run(context, verb, m).unwrap_or_else(|| runs::run(context, false))
        }
        Some((_, m)) => runs::run(context, m.try_get_one("active").ok().flatten().is_some_and(|active| *active)),
        None => runs::run(context, false),
    }
}
