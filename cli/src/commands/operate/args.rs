//! From command-line text to checked arguments.

use crate::{CliError, cli};
use clap::{ArgMatches, parser::ValueSource};
use if_manifest::{FieldSpec, OperationSpec, ParamKind};
use serde_json::{Map, Value};

/// The arguments of an operation, checked against its description, defaults filled in.
pub fn collect(operation: &OperationSpec, matches: &ArgMatches) -> Result<Map<String, Value>, CliError> {
    let mut given = Map::new();
    for p in &operation.params {
        if let Some(value) = value(matches, &p.name, &p.kind, p.positional)? {
            given.insert(p.name.clone(), value);
        }
    }
    let see = format!("see `ifctl {} --help`", operation.id.replace('.', " "));
    operation.check(&given).map_err(|e| CliError::usage(e.to_string(), see))
}

/// The fields of an instance as given; neither checked nor filled in.
pub fn fields(fields: &[FieldSpec], matches: &ArgMatches) -> Result<Map<String, Value>, CliError> {
    let mut given = Map::new();
    for f in fields {
        if let Some(value) = value(matches, &f.name, &f.kind, false)? {
            given.insert(f.name.clone(), value);
        }
    }
    Ok(given)
}

fn value(matches: &ArgMatches, name: &str, kind: &ParamKind, positional: bool) -> Result<Option<Value>, CliError> {
    let id = cli::data_id(name);
    if *kind == ParamKind::Flag && !positional {
        let given = matches.value_source(&id) == Some(ValueSource::CommandLine);
        return Ok(given.then(|| Value::from(matches.get_flag(&id))));
    }
    if *kind == ParamKind::List {
        let items = matches.get_many::<String>(&id);
        return Ok(items.map(|items| items.cloned().map(Value::from).collect()));
    }
    let Some(text) = matches.get_one::<String>(&id) else { return Ok(None) };
    let shown = if positional { name.to_uppercase() } else { format!("--{}", name.replace('_', "-")) };
    let wrong = |expected| CliError::usage(format!("{shown} is {text:?}"), format!("use {expected}"));
    kind.parse_text(text).map(Some).map_err(wrong)
}
