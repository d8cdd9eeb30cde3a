//! `provider`: what can be operated, and with which arguments. Needs no fabric.

use crate::{
    CliError,
    context::Context,
    output::{Style, table},
};
use clap::{Arg, ArgMatches, Command};
use if_manifest::{OperationSpec, ParamSpec, ProviderSpec, args::nearest, builtin_index, providers};
use serde_json::json;

pub fn tree(command: Command) -> Command {
    command
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("list").about("every provider"))
        .subcommand(
            Command::new("show")
                .about("one provider: settings and operations")
                .arg(Arg::new("id").value_name("ID").required(true).help("provider, like vmix")),
        )
}

pub fn run(context: &Context, matches: &ArgMatches) -> Result<(), CliError> {
    match matches.subcommand() {
        Some(("show", m)) => show(context, m.get_one::<String>("id").map(String::as_str).unwrap_or_default()),
        _ => list(context),
    }
}

fn list(context: &Context) -> Result<(), CliError> {
    let providers = providers();
    if context.out.is_json() {
        let row = |p: &ProviderSpec| json!({"id": p.id, "display_name": p.display_name, "category": p.category, "summary": p.summary, "operations": p.operations.len()});
        return context.out.document(&json!({"providers": providers.iter().map(row).collect::<Vec<_>>()}));
    }
    let row = |p: &ProviderSpec| {
        vec![p.id.clone(), p.display_name.clone(), p.operations.len().to_string(), p.summary.clone()]
    };
    let rows: Vec<Vec<String>> = providers.iter().map(row).collect();
    context.out.text(&table::table(context.out.style(), &["PROVIDER", "NAME", "OPERATIONS", "WHAT"], &rows, None))
}

fn show(context: &Context, id: &str) -> Result<(), CliError> {
    let provider = if_manifest::provider(id).ok_or_else(|| unknown(id))?;
    match context.out.is_json() {
        true => context.out.document(&provider),
        false => context.out.text(&human(context.out.style(), &provider)),
    }
}

fn unknown(id: &str) -> CliError {
    let index = builtin_index();
    let hint = match nearest(id, index.iter().map(|p| p.id.as_str())) {
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
        p.operations.iter().map(|o| vec![usage(o), effect(o), o.summary.clone()]).collect();
    format!(
        "{} ({}): {}\n\nInstances: ifctl {} add NAME …\n{}\nOperations\n{}",
        style.bold(&p.display_name),
        p.id,
        p.summary,
        p.id,
        table::table(style, &["SETTING", "", "WHAT"], &fields, None),
        table::table(style, &["OPERATION", "EFFECT", "WHAT"], &operations, None),
    )
}

/// `vmix fade INSTANCE [--input N]`
fn usage(o: &OperationSpec) -> String {
    let param = |p: &ParamSpec| {
        let text = if p.positional { p.name.to_uppercase() } else { format!("--{}", p.name.replace('_', "-")) };
        if p.required { text } else { format!("[{text}]") }
    };
    let params: Vec<String> = o.params.iter().map(param).collect();
    format!("{} INSTANCE {}", o.id.replace('.', " "), params.join(" ")).trim_end().to_string()
}

fn effect(o: &OperationSpec) -> String {
    serde_json::to_value(o.effect).ok().and_then(|v| v.as_str().map(str::to_string)).unwrap_or_default()
}
