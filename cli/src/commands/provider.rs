//! `provider`: what can be operated, and with which arguments. Needs no fabric.

mod check;

use crate::{
    CliError,
    context::Context,
    output::{Style, table},
};
use clap::{Arg, ArgMatches, Command, value_parser};
use if_manifest::{OperationSpec, ParamSpec, ProviderSpec, args::nearest};
use serde_json::json;
use std::path::{Path, PathBuf};

pub fn tree(command: Command) -> Command {
    command
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("list").about("every provider"))
        .subcommand(
            Command::new("check")
                .about("is a folder with a manifest sound, and do its cases come out as they say?")
                .arg(
                    Arg::new("path")
                        .value_name("PATH")
                        .required(true)
                        .value_parser(value_parser!(PathBuf))
                        .help("the folder, or the manifest.yaml in it"),
                ),
        )
        .subcommand(
            Command::new("show")
                .about("one provider: settings and operations")
                .arg(Arg::new("id").value_name("ID").required(true).help("provider, like vmix")),
        )
}

/// Longest usage shown in the table of operations; `--help` of the operation shows all of it.
const USAGE_MAX_CHARS: usize = 60;

pub fn run(context: &Context, matches: &ArgMatches) -> Result<(), CliError> {
    match matches.subcommand() {
        Some(("check", m)) => {
            check::check(context, m.get_one::<PathBuf>("path").map(PathBuf::as_path).unwrap_or(Path::new(".")))
        }
        Some(("show", m)) => show(context, m.get_one::<String>("id").map(String::as_str).unwrap_or_default()),
        _ => list(context),
    }
}

fn list(context: &Context) -> Result<(), CliError> {
    of_family(context, &context.catalog.providers())
}

/// A table of these providers.
pub fn of_family(context: &Context, providers: &[ProviderSpec]) -> Result<(), CliError> {
    if context.out.is_json() {
        let row = |p: &ProviderSpec| json!({"id": p.id, "display_name": p.display_name, "category": p.category, "summary": p.summary, "operations": p.operations.len()});
        return context.out.document(&json!({"providers": providers.iter().map(row).collect::<Vec<_>>()}));
    }
    let row = |p: &ProviderSpec| {
        let operations = p.operations.len().to_string();
        vec![p.id.clone(), p.category.as_str().to_string(), p.display_name.clone(), operations, p.summary.clone()]
    };
    let rows: Vec<Vec<String>> = providers.iter().map(row).collect();
    let header = ["PROVIDER", "CATEGORY", "NAME", "OPERATIONS", "WHAT"];
    context.out.text(&table::table(context.out.style(), &header, &rows, None))
}

fn show(context: &Context, id: &str) -> Result<(), CliError> {
    let provider = context.catalog.provider(id).ok_or_else(|| unknown(context, id))?;
    match context.out.is_json() {
        true => context.out.document(&provider),
        false => context.out.text(&human(context.out.style(), &provider)),
    }
}

fn unknown(context: &Context, id: &str) -> CliError {
    let providers = context.catalog.providers();
    let hint = match nearest(id, providers.iter().map(|p| p.id.as_str())) {
        Some(near) => format!("did you mean {near}?"),
        None => "see `ifctl provider list`".into(),
    };
    CliError::usage(format!("there is no provider {id:?}"), hint)
}

fn human(style: Style, p: &ProviderSpec) -> String {
    let fields = p.instance.iter().map(|f| {
        let need = if f.required {
            "required".to_string()
        } else {
            f.default.as_ref().map_or("optional".into(), |d| format!("default {d}"))
        };
        vec![format!("--{}", f.name.replace('_', "-")), if f.secret { "secret".into() } else { need }, f.help.clone()]
    });
    let fields: Vec<Vec<String>> = fields.collect();
    let operations: Vec<Vec<String>> =
        p.operations.iter().map(|o| vec![usage(p, o), effect(o), o.summary.clone()]).collect();
    format!(
        "{} ({}): {}\n\nInstances: ifctl {} NAME …\n{}\nOperations\n{}",
        style.bold(&p.display_name),
        p.id,
        p.summary,
        p.instance_command("add"),
        table::table(style, &["SETTING", "", "WHAT"], &fields, None),
        table::table(style, &["OPERATION", "EFFECT", "WHAT"], &operations, None),
    )
}

/// `vmix fade INSTANCE [--input]`, `chat send telegram INSTANCE TEXT`; what is too long for a table ends in `…`.
fn usage(provider: &ProviderSpec, o: &OperationSpec) -> String {
    let param = |p: &ParamSpec| {
        let text = if p.positional { p.name.to_uppercase() } else { format!("--{}", p.name.replace('_', "-")) };
        if p.required && p.from.is_none() { text } else { format!("[{text}]") }
    };
    let provider = (provider.family() != provider.id).then(|| provider.id.clone());
    let words = [Some(o.id.replace('.', " ")), provider, Some("INSTANCE".into())];
    let mut usage = String::new();
    for word in words.into_iter().flatten().chain(o.params.iter().map(param)) {
        if usage.len() + word.len() > USAGE_MAX_CHARS {
            return usage + " …";
        }
        if !usage.is_empty() {
            usage.push(' ');
        }
        usage.push_str(&word);
    }
    usage
}

fn effect(o: &OperationSpec) -> String {
    serde_json::to_value(o.effect).ok().and_then(|v| v.as_str().map(str::to_string)).unwrap_or_default()
}
