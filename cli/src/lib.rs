//! The command line of InfraFabric. Thin: it signs commands, asks questions, verifies every answer and shows it.
//!
//! `cli` builds the command tree, `commands/<noun>.rs` holds one command each, `client` talks to the fabric,
//! `output` is the only place that writes to a terminal, `error` maps every failure to an exit code.

mod cli;
mod client;
mod clock;
mod commands;
mod complete;
mod context;
mod error;
mod nats_conf;
mod output;
mod shell_init;
mod supervise;

pub use error::{CliError, Exit};

use clap::{ArgMatches, error::ErrorKind};
use cli::Catalog;
use context::Context;
use output::Output;
use std::{ffi::OsString, process::ExitCode};

/// Runs one command line. Everything a command has to say is said when this returns.
pub fn main(args: Vec<OsString>) -> ExitCode {
    if let Some(code) = complete::answer(&args) {
        return code;
    }
    let program = cli::program_name(args.first());
    let words = cli::Words::scan(&args);
    let plugins = if_home::Home::locate(words.home()).ok().map(|home| home.plugins_dir());
    let catalog = Catalog::new(plugins);
    let tree = cli::build(&program, &words, &catalog);
    let matches = match tree.try_get_matches_from(named(args, &program)) {
        Ok(matches) => matches,
        Err(error) => return usage(&error, &program, &words, &catalog),
    };
    let out = Output::detect(words.json());
    match run(&program, &matches, &out, &catalog) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, &out),
    }
}

fn run(program: &str, matches: &ArgMatches, out: &Output, catalog: &Catalog) -> Result<(), CliError> {
    let context = Context::new(program, matches, out, catalog)?;
    commands::dispatch(&context, matches)
}

/// The first word as it is shown in usage lines, whatever path the binary was started by.
fn named(mut args: Vec<OsString>, program: &str) -> Vec<OsString> {
    match args.first_mut() {
        Some(first) => *first = program.into(),
        None => args.push(program.into()),
    }
    args
}

/// `--help` and `--version` are answers; everything else clap says is a usage error.
fn usage(error: &clap::Error, program: &str, words: &cli::Words, catalog: &Catalog) -> ExitCode {
    if !error.use_stderr() {
        // Nobody reading the help any more is no failure.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let out = Output::detect(words.json());
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand && !out.is_json() {
        let _ = error.print();
        return Exit::Usage.into();
    }
    fail(&cli::usage_error(error, program, words, catalog), &out)
}

fn fail(error: &CliError, out: &Output) -> ExitCode {
    out.failure(error);
    error.exit.into()
}
