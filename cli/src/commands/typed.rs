//! A whole command line given as words of another one: `optimise estimate ai complete …`, `on … run obs scene switch …`.

use super::operate;
use crate::{CliError, cli, context::Context};
use clap::{Arg, ArgAction, ArgMatches};
use if_manifest::{OperationSpec, ProviderSpec};
use if_schemas::Name;
use serde_json::{Map, Value};
use std::ffi::OsString;

/// An operation of a provider, with its arguments checked.
pub struct Typed {
    pub provider: ProviderSpec,
    pub operation: OperationSpec,
    pub instance: Name,
    pub args: Map<String, Value>,
}

/// The argument that takes all the words that are left.
pub fn words(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .value_name("COMMAND")
        .required(true)
        .num_args(1..)
        .action(ArgAction::Append)
        .trailing_var_arg(true)
        .allow_hyphen_values(true)
        .help(help)
}

/// The words as they would be parsed on a line of their own.
pub fn parse(context: &Context, words: impl Iterator<Item = OsString>) -> Result<ArgMatches, CliError> {
    let line: Vec<OsString> = [OsString::from(context.program)].into_iter().chain(words).collect();
    let scanned = cli::Words::scan(&line);
    let tree = cli::build(context.program, &scanned, context.catalog);
    tree.try_get_matches_from(line).map_err(|e| cli::usage_error(&e, context.program, &scanned, context.catalog))
}

/// The operation the words name; nothing else a command line may be.
pub fn operation(context: &Context, matches: &ArgMatches) -> Result<Typed, CliError> {
    let (spec, id, innermost) = super::operation_of(context, matches).ok_or_else(|| {
        CliError::usage("that is no operation of a provider", "like `obs scene switch myobs \"Close-up\"`")
    })?;
    let operation = spec.operation(&id).ok_or_else(|| {
        CliError::usage(format!("{} is no operation of {}", id.replace('.', " "), spec.display_name), "see --help")
    })?;
    let instance = super::instance_name(innermost)?;
    let args = operate::args::collect(operation, innermost)?;
    Ok(Typed { operation: operation.clone(), provider: spec, instance, args })
}
