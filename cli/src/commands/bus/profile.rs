//! `bus profile`: what can be carried out.

use super::sources;
use crate::{CliError, commands::name, context::Context, output::table};
use clap::{Arg, ArgAction, ArgMatches, Command};
use if_profile::{Severity, builtins, template};
use if_schemas::Name;
use serde_json::json;

pub fn tree(command: Command) -> Command {
    let named = |help: &'static str| Arg::new("name").value_name("NAME").required(true).help(help);
    let set = Arg::new("set")
        .long("set")
        .value_name("NAME=VALUE")
        .action(ArgAction::Append)
        .help("a variable, where it has no default");
    command
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("list").about("the profiles of this home, and the built-in ones"))
        .subcommand(Command::new("show").about("the text of a profile").arg(named("the profile")))
        .subcommand(
            Command::new("check")
                .about("everything that is wrong with a profile; nothing happens")
                .arg(named("the profile"))
                .arg(set),
        )
        .subcommand(Command::new("new").about("write a profile to begin with").arg(named("its name")))
}

pub fn run(context: &Context, m: &ArgMatches) -> Result<(), CliError> {
    let Some((verb, m)) = m.subcommand() else { return list(context) };
    let named = || name("profile name", m.get_one::<String>("name").map(String::as_str).unwrap_or_default());
    match verb {
        "show" => show(context, &named()?),
        "check" => check(context, &named()?, m),
        "new" => new(context, &named()?),
        _ => list(context),
    }
}

fn list(context: &Context) -> Result<(), CliError> {
    let home = context.home()?;
    let own = |file: &str| !builtins().values().any(|b| b.file == file);
    let sources = sources::load(&home)?;
    if context.out.is_json() {
        let rows = sources.iter().map(|(n, s)| json!({"name": n, "file": s.file, "built_in": !own(&s.file)}));
        return context.out.document(&json!({"profiles": rows.collect::<Vec<_>>()}));
    }
    let rows: Vec<Vec<String>> = sources
        .iter()
        .map(|(n, s)| vec![n.to_string(), if own(&s.file) { s.file.clone() } else { "built in".into() }])
        .collect();
    context.out.text(&table::table(context.out.style(), &["PROFILE", "FROM"], &rows, None))
}

fn show(context: &Context, profile: &Name) -> Result<(), CliError> {
    let sources = sources::load(&context.home()?)?;
    let Some(source) = sources.get(profile) else { return Err(unknown(profile, &sources)) };
    if context.out.is_json() {
        return context.out.document(&json!({"name": profile, "file": source.file, "text": source.text}));
    }
    context.out.text(&source.text)
}

fn unknown(profile: &Name, sources: &if_profile::Sources) -> CliError {
    let near = if_manifest::args::nearest(profile.as_str(), sources.keys().map(Name::as_str));
    let hint = near.map_or("`ifctl bus profile list` shows them".into(), |near| format!("did you mean {near}?"));
    CliError::usage(format!("there is no profile {profile}"), hint).code("not_found")
}

fn check(context: &Context, profile: &Name, m: &ArgMatches) -> Result<(), CliError> {
    let home = context.home()?;
    let sources = sources::load(&home)?;
    if !sources.contains_key(profile) {
        return Err(unknown(profile, &sources));
    }
    let mut instances = sources::own_instances(&home, &context.catalog.providers())?;
    // Without a fabric the instances of this home are all that is known.
    if let Ok(live) = context.with_client(async |client| sources::live_instances(client).await) {
        instances.extend(live);
    }
    let compiled = sources::compiled(context, profile, &sources, &sources::given(m)?, &instances)?;
    let (steps, problems) = match compiled {
        Ok(compiled) => (Some(compiled.plan.steps.len()), compiled.warnings),
        Err(problems) => (None, problems),
    };
    if context.out.is_json() {
        context
            .out
            .document(&json!({"profile": profile, "ok": steps.is_some(), "steps": steps, "problems": problems}))?;
    } else {
        for problem in problems.iter().filter(|p| steps.is_some() && p.severity == Severity::Warning) {
            context.out.warning(&problem.to_string());
        }
        if let Some(steps) = steps {
            context.out.text(&format!("{profile}: {steps} steps, nothing is wrong"))?;
        }
    }
    match steps {
        Some(_) => Ok(()),
        None if context.out.is_json() => Err(sources::refused(profile, &problems).printed()),
        None => Err(sources::refused(profile, &problems)),
    }
}

fn new(context: &Context, profile: &Name) -> Result<(), CliError> {
    let dir = context.home()?.profiles_dir();
    let file = dir.join(format!("{profile}.yaml"));
    let failed = |e: std::io::Error| CliError::io(format!("{} cannot be written", file.display()), &e);
    std::fs::create_dir_all(&dir).map_err(failed)?;
    let mut options = std::fs::OpenOptions::new();
    let opened = options.write(true).create_new(true).open(&file);
    match opened {
        Ok(mut out) => std::io::Write::write_all(&mut out, template(profile).as_bytes()).map_err(failed)?,
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(CliError::usage(format!("{} is there already", file.display()), "choose another name"));
        }
        Err(e) => return Err(failed(e)),
    }
    if context.out.is_json() {
        return context.out.document(&json!({"profile": profile, "file": file}));
    }
    context.out.text(&format!(
        "{}\nNext: edit it, then `{} bus profile check {profile}`",
        file.display(),
        context.program
    ))
}
