//! `witness`: the log. What only the broker says is shown as such; `verify` proves.

mod against;
mod anchor;
mod audit;
mod chain;
mod export;
mod finder;
mod head;
mod log;
mod partial;
pub mod show;
mod tail;
mod verify;
mod view;

pub use log::{parse_time, target};
pub use view::View;

use crate::{CliError, context::Context};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use std::path::PathBuf;

/// What `--status` may say.
const STATUSES: [&str; 7] = ["succeeded", "failed", "indeterminate", "expired", "pending", "rejected", "applied"];

pub fn tree(command: Command) -> Command {
    let text = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let index = |name: &'static str, help: &'static str| text(name, "INDEX", help).value_parser(value_parser!(u64));
    let path = |name: &'static str, help: &'static str| text(name, "FILE", help).value_parser(value_parser!(PathBuf));
    let id = || {
        Arg::new("id").value_name("ID").required(true).help("command id (or the start of one), #INDEX, or entry hash")
    };
    command
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("log")
                .about("operations, newest last, as the broker tells them")
                .arg(text("operation", "ID", "only this operation: vmix.cut"))
                .arg(text("since", "TIME", "not before: RFC 3339, or \"1 hour ago\""))
                .arg(text("until", "TIME", "not after"))
                .arg(text("provider", "NAME", "only this provider"))
                .arg(text("instance", "NAME", "only this instance"))
                .arg(text("status", "STATUS", "only this status").value_parser(STATUSES))
                .arg(text("actor", "NAME", "only this member: name or key id"))
                .arg(
                    text("limit", "N", "at most this many rows")
                        .value_parser(value_parser!(u64).range(1..=1_000))
                        .default_value("50"),
                )
                .after_help("The global --trace ID shows only the commands of that trace."),
        )
        .subcommand(Command::new("show").about("everything about one operation, signatures checked").arg(id()))
        .subcommand(
            Command::new("verify")
                .about("recompute every hash, signature and state transition of the log")
                .arg(text("operation-id", "ID", "also show the proof of this operation"))
                .arg(path("file", "verify an export offline: no broker, no home directory"))
                .arg(
                    path(
                        "trust",
                        "with --file: genesis.bin, or a list of public keys or key ids of its admin and broker",
                    )
                    .requires("file"),
                )
                .arg(path("against", "a saved `witness head --json`: finds truncation and rewriting")),
        )
        .subcommand(
            Command::new("chain").about("what led to what: command, admission, work, result, settlement").arg(
                text("trace-from", "ID", "command id (or the start of one), #INDEX, entry hash, or trace id")
                    .required(true),
            ),
        )
        .subcommand(Command::new("head").about("the newest entry, signed by the broker"))
        .subcommand(
            Command::new("tail")
                .about("entries as they are committed, each one checked")
                .arg(index("from", "begin with this entry instead of the next one")),
        )
        .subcommand(
            Command::new("export")
                .about("write entries to a file anybody can verify")
                .arg(index("from", "first entry [default: 0]"))
                .arg(index("to", "last entry [default: the newest]"))
                .arg(
                    Arg::new("no-payloads")
                        .long("no-payloads")
                        .action(ArgAction::SetTrue)
                        .help("leave arguments and results out; the entries still verify"),
                )
                .arg(path("out", "file to write; an existing one is not overwritten").required(true)),
        )
}

pub fn run(context: &Context, matches: &ArgMatches) -> Result<(), CliError> {
    match matches.subcommand() {
        Some(("log", m)) => log::run(context, m),
        Some(("show", m)) => show::run(context, m),
        Some(("verify", m)) => verify::run(context, m),
        Some(("chain", m)) => chain::run(context, m),
        Some(("head", _)) => head::run(context),
        Some(("tail", m)) => tail::run(context, m),
        Some(("export", m)) => export::run(context, m),
        _ => Err(CliError::usage("a command is missing", "see `ifctl witness --help`")),
    }
}

#[cfg(test)]
mod tests;
