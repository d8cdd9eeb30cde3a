//! `config`: check every file of the home directory, or show what holds.

use crate::{
    CliError,
    cli::Catalog,
    client::read_genesis,
    context::Context,
    output::{table, value},
};
use clap::{ArgMatches, Command};
use if_home::{
    Config, Home, HomeError, Trigger, instances, keys, plans,
    triggers::{self, Call, Run},
};
use if_schemas::Name;
use serde_json::{Value, json};

pub fn tree(command: Command) -> Command {
    command
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("check").about("read every file of the home directory and say what is wrong"))
        .subcommand(Command::new("show").about("the configuration that holds, defaults filled in"))
}

pub fn run(context: &Context, matches: &ArgMatches) -> Result<(), CliError> {
    match matches.subcommand_name() {
        Some("show") => show(context),
        _ => check(context),
    }
}

fn show(context: &Context) -> Result<(), CliError> {
    let home = context.home()?;
    let mut document = serde_json::to_value(context.config(&home)?).map_err(|e| CliError::failed(e.to_string()))?;
    // What is in force, not only what the file says.
    document["nats"]["url"] = json!(context.nats_url(&home, &context.config(&home)?)?);
    let document = json!({"if": document});
    match context.out.is_json() {
        true => context.out.document(&document),
        false => {
            context.out.note(&format!("{}", home.config_file().display()));
            context.out.text(&yaml(&document, 0))
        }
    }
}

/// Plain nested `name: value` lines.
fn yaml(value: &Value, depth: usize) -> String {
    let indent = "  ".repeat(depth);
    let Value::Object(map) = value else { return String::new() };
    let entry = |(name, value): (&String, &Value)| match value {
        Value::Object(_) => format!("{indent}{name}:\n{}", yaml(value, depth + 1)),
        Value::Array(items) if !items.is_empty() => {
            let items: String = items.iter().map(|i| format!("{indent}  - {}\n", value::scalar(i))).collect();
            format!("{indent}{name}:\n{items}")
        }
        Value::Array(_) => format!("{indent}{name}: []\n"),
        Value::Null => format!("{indent}{name}: ~\n"),
        Value::String(text) => format!("{indent}{name}: {text}\n"),
        other => format!("{indent}{name}: {other}\n"),
    };
    map.iter().map(entry).collect()
}

/// One finding; `Err` is a problem.
type Finding = (String, Result<String, CliError>);

fn check(context: &Context) -> Result<(), CliError> {
    let home = context.home()?;
    let mut findings: Vec<Finding> = vec![config_file(&home)];
    findings.push(("genesis.bin".into(), read_genesis(&home.genesis_file()).map(|e| format!("signed by {}", e.key()))));
    findings.extend(key_files(&home));
    let (instances, warnings) = instance_files(&home, context.catalog)?;
    findings.extend(instances);
    findings.extend(plugin_manifests(context.catalog));
    findings.extend(rules(&home, context.catalog)?);
    let problems: Vec<&CliError> = findings.iter().filter_map(|(_, f)| f.as_ref().err()).collect();
    if context.out.is_json() {
        let finding = |(what, f): &Finding| match f {
            Ok(text) => json!({"what": what, "ok": true, "text": text}),
            Err(e) => json!({"what": what, "ok": false, "text": e.message, "hint": e.hint}),
        };
        let all: Vec<Value> = findings.iter().map(finding).collect();
        context.out.document(
            &json!({"home": home.root(), "ok": problems.is_empty(), "findings": all, "warnings": warnings}),
        )?;
    } else {
        let style = context.out.style();
        let line = |(what, f): &Finding| (what.clone(), f.as_ref().map_or_else(|_| style.red("wrong"), Clone::clone));
        let rows: Vec<_> = findings.iter().map(line).collect();
        context.out.text(&format!("{}\n{}", home.root().display(), table::fields(style, "  ", &rows)))?;
    }
    warnings.iter().for_each(|w| context.out.warning(w));
    match problems.split_last() {
        None => Ok(()),
        Some((last, others)) => {
            others.iter().for_each(|e| context.out.failure(&CliError::clone(e).printed()));
            Err(CliError { exit: crate::Exit::Config, ..CliError::clone(last) }.printed())
        }
    }
}

fn config_file(home: &Home) -> Finding {
    let file = home.config_file();
    let text = if file.exists() { "ok" } else { "not there: defaults hold" };
    ("config.yaml".into(), Config::load(&file).map(|_| text.to_string()).map_err(Into::into))
}

fn check_call(catalog: &Catalog, call: &Call) -> Result<(), CliError> {
    let provider = catalog.provider(call.target.provider.as_str());
    let operation = provider.as_ref().and_then(|p| p.operation(call.operation.as_str()));
    let unknown = || CliError::config(format!("there is no operation {}", call.operation), "see `ifctl provider list`");
    let checked = operation.ok_or_else(unknown)?.check(&call.args);
    checked.map(|_| ()).map_err(|e| CliError::config(e.to_string(), "mend the rule's `args`"))
}

/// The rules of `triggers.yaml`, with what they send.
fn rules(home: &Home, catalog: &Catalog) -> Result<Vec<Finding>, CliError> {
    let each = triggers::load_each(&home.triggers_file())?;
    let check = |name: &Name, trigger: Trigger| {
        let member = triggers::member_name(name);
        match &trigger.run {
            Run::Command(call) => check_call(catalog, call)?,
            Run::Profile(profile) => {
                let file = member.as_ref().map(|member| home.trigger_plan_file(member)).unwrap_or_default();
                let hint = format!("`ifctl trigger allow {name}` makes it anew");
                let (plan, _) = plans::read(&file).map_err(|e| CliError::from(e).hint(hint.as_str()))?;
                if plan.profile != profile.name {
                    return Err(CliError::config(format!("its plan is of the profile {}", plan.profile), hint));
                }
            }
        }
        if !member.is_some_and(|member| home.key_file(member.as_str()).exists()) {
            let hint = format!("`ifctl trigger allow {name}` makes one");
            return Err(CliError::config(format!("the trigger {name} has no key"), hint));
        }
        Ok(format!("on {}", trigger.on))
    };
    let finding = |(name, trigger): (Name, Result<Trigger, HomeError>)| {
        (format!("trigger {name}"), trigger.map_err(CliError::from).and_then(|t| check(&name, t)))
    };
    Ok(each.into_iter().map(finding).collect())
}

/// Manifests of the plugins folder that cannot be used.
fn plugin_manifests(catalog: &Catalog) -> Vec<Finding> {
    let wrong = |text: String| {
        let hint = "correct it: `ifctl provider check FOLDER` says what is wrong";
        ("plugins".to_string(), Err(CliError::config(text, hint)))
    };
    catalog.complaints().into_iter().map(wrong).collect()
}

/// Keys that are there must be private and readable; the operator's must be there.
fn key_files(home: &Home) -> Vec<Finding> {
    let read = |name: &str| {
        let path = home.key_file(name);
        let needed = name == "ed25519" && !home.key_file("worker").exists();
        if !path.exists() && !needed {
            return None;
        }
        let found = keys::read(&path).map(|k| format!("key id {}", k.id())).map_err(CliError::from);
        Some((format!("keys/{name}.key"), found))
    };
    ["ed25519", "broker", "worker"].into_iter().filter_map(read).collect()
}

fn instance_files(home: &Home, catalog: &Catalog) -> Result<(Vec<Finding>, Vec<String>), CliError> {
    let scan = instances::scan(&home.providers_dir(), &catalog.providers())?;
    let mut findings = Vec::new();
    for (provider, file) in scan.providers {
        let what = format!("providers/{provider}.yaml");
        match file {
            Err(e) => findings.push((what, Err(e.into()))),
            Ok(each) => {
                let count = each.len();
                let wrong: Vec<HomeError> = each.into_values().filter_map(Result::err).collect();
                findings.push((what.clone(), Ok(format!("{count} instances, {} wrong", wrong.len()))));
                findings.extend(wrong.into_iter().map(|e| (what.clone(), Err(e.into()))));
            }
        }
    }
    Ok((findings, scan.warnings.iter().map(ToString::to_string).collect()))
}
