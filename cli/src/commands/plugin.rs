//! `plugin`: the executable plugins of this home directory, and which of them may run.

mod list;

use super::{consent, name, trust::change};
use crate::{
    CliError, Exit,
    context::Context,
    output::{table, value},
    supervise,
};
use clap::{Arg, ArgAction, ArgMatches, Command};
use if_home::{Home, private};
use if_plugin_files::{Contents, Folder, FolderError, contents};
use if_schemas::{Hash, Name, TrustOp};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{
    ffi::OsStr,
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
};

pub fn tree(command: Command) -> Command {
    let id = |help: &'static str| Arg::new("id").value_name("ID").required(true).help(help);
    command
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("list").about("every plugin of this home directory, and whether it may run"))
        .subcommand(
            Command::new("check")
                .about("read plugin.yaml, start the plugin in its sandbox, ask what it is")
                .arg(id("plugin, or the path of its folder"))
                .after_help("The plugin is executed, without settings and secrets: read its files first."),
        )
        .subcommand(
            Command::new("new").about("write a small plugin that works, in Python").arg(id("name of the plugin")).arg(
                Arg::new("category")
                    .long("category")
                    .value_name("CATEGORY")
                    .help("where its commands belong")
                    .value_parser(["studio", "cloud", "sip", "payment", "chat", "ai"])
                    .default_value("studio"),
            ),
        )
        .subcommand(
            Command::new("trust")
                .about("let workers run exactly these files (admins only)")
                .arg(id("plugin"))
                .arg(Arg::new("yes").long("yes").action(ArgAction::SetTrue).help("do not ask")),
        )
        .subcommand(Command::new("untrust").about("let no worker run it any more (admins only)").arg(id("plugin")))
}

pub fn run(context: &Context, matches: &ArgMatches) -> Result<(), CliError> {
    let text = |m: &ArgMatches, id: &str| m.get_one::<String>(id).cloned().unwrap_or_default();
    match matches.subcommand() {
        Some(("check", m)) => check(context, &text(m, "id")),
        Some(("new", m)) => new(context, &name("plugin id", &text(m, "id"))?, &text(m, "category")),
        Some(("trust", m)) => trust(context, &name("plugin id", &text(m, "id"))?, m.get_flag("yes")),
        Some(("untrust", m)) => {
            let plugin = name("plugin id", &text(m, "id"))?;
            change::run(context, async |_| Ok(TrustOp::Unpin { plugin }))
        }
        _ => list::list(context),
    }
}

/// Shows everything that is wrong but the last, which it gives.
fn broken(context: &Context, error: &FolderError) -> CliError {
    let mut lines = error.lines();
    let last = lines.pop().unwrap_or_else(|| error.to_string());
    let wrong = |line: String| CliError::config(line, "docs/plugins.md says what a plugin is");
    lines.into_iter().for_each(|line| context.out.failure(&wrong(line).printed()));
    wrong(last)
}

/// The folder that is meant: a plugin of this home directory, or a path.
fn folder(home: &Home, said: &str) -> Result<PathBuf, CliError> {
    if said.contains(std::path::is_separator) {
        return std::path::absolute(said).map_err(|e| CliError::io(said, &e));
    }
    let id = name("plugin id", said)?;
    let dir = home.plugins_dir().join(id.as_str());
    if dir.is_dir() {
        return Ok(dir);
    }
    let hint = format!("see `ifctl plugin list`, or make one: `ifctl plugin new {id}`");
    Err(CliError::usage(format!("there is no plugin {id}: {} is no folder", dir.display()), hint))
}

/// What a plugin says of itself once its files were hashed.
#[derive(Deserialize)]
struct Checked {
    hash: Hash,
    version: String,
    operations: Map<String, Value>,
}

fn check(context: &Context, said: &str) -> Result<(), CliError> {
    let home = context.home()?;
    let folder = Folder::load(&folder(&home, said)?).map_err(|e| broken(context, &e))?;
    folder.check_prices().map_err(|e| broken(context, &e))?;
    let data = home.plugins_data_dir();
    let words = [OsStr::new("check-plugin"), folder.dir.as_os_str(), data.as_os_str()];
    let Checked { hash, version, operations } = supervise::ask_worker(&words).map_err(|e| {
        CliError { message: format!("{}: {}", folder.plugin.id, e.message), ..e }
            .hint("what the plugin wrote to its standard error is above; docs/plugins.md has the protocol")
    })?;
    if context.out.is_json() {
        let document = json!({
            "id": folder.plugin.id, "folder": folder.dir, "hash": hash, "version": version, "operations": operations,
        });
        return context.out.document(&document);
    }
    let operations: Vec<&str> = folder.plugin.spec.operations.iter().map(|o| o.id.as_str()).collect();
    let rows = [
        ("folder", folder.dir.display().to_string()),
        ("version", value::printable(&version)),
        ("operations", operations.join(" ")),
        ("hash", hash.to_string()),
    ];
    let style = context.out.style();
    context.out.text(&format!(
        "{}: plugin.yaml is right, and the plugin says the same of itself\n{}",
        style.green(folder.plugin.id.as_str()),
        table::fields(style, "  ", &rows.map(|(n, v)| (n.to_string(), v)))
    ))
}

fn new(context: &Context, id: &Name, category: &str) -> Result<(), CliError> {
    if if_manifest::provider(id.as_str()).is_some() {
        return Err(CliError::usage(format!("{id} is a provider that is there already"), "choose another id"));
    }
    let files = if_plugin_files::template(id, category);
    let files = files.map_err(|errors| broken(context, &FolderError::Wrong(errors)))?;
    let dir = context.home()?.plugins_dir().join(id.as_str());
    if dir.exists() {
        return Err(CliError::usage(format!("{} is there already", dir.display()), "choose another id"));
    }
    private::create_dir(&dir)?;
    for (file, text) in &files {
        let path = dir.join(file);
        let written = OpenOptions::new().write(true).create_new(true).open(&path);
        let written = written.and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|e| CliError::io(path.display(), &e))?;
    }
    if context.out.is_json() {
        return context.out.document(&json!({"id": id, "folder": dir, "files": files.map(|(file, _)| file)}));
    }
    context.out.text(&format!(
        "{id} is in {}\nnext: `ifctl plugin check {id}`, then an admin runs `ifctl plugin trust {id}`",
        dir.display()
    ))
}

fn trust(context: &Context, id: &Name, yes: bool) -> Result<(), CliError> {
    let home = context.home()?;
    let folder = Folder::load(&folder(&home, id.as_str())?).map_err(|e| broken(context, &e))?;
    let contents = contents(&folder.dir).map_err(|e| CliError::config(e.to_string(), "see docs/plugins.md"))?;
    show(context, &folder, &contents);
    if !yes && !agreed(context)? {
        return Err(CliError::new(Exit::Failed, "nothing was changed"));
    }
    let (plugin, hash): (Name, Hash) = (id.clone(), contents.hash);
    change::run(context, async |_| Ok(TrustOp::Pin { plugin, hash }))
}

/// What is about to be trusted, on stderr: stdout is for the change itself.
fn show(context: &Context, folder: &Folder, contents: &Contents) {
    let plugin = &folder.plugin;
    let shown = |names: &[String]| names.iter().map(|n| value::printable(n)).collect::<Vec<_>>().join(" ");
    context.out.note(&format!("{} in {}", plugin.id, folder.dir.display()));
    context.out.note(&format!("  starts        {}", shown(&plugin.command)));
    if !plugin.environment.is_empty() {
        context.out.note(&format!("  and is given  {}", shown(&plugin.environment)));
    }
    for file in &contents.files {
        let mark = if file.executable { " *" } else { "" };
        context.out.note(&format!("  {:>12} B  {}{mark}", file.bytes, value::printable(&file.path)));
    }
    context.out.note(&format!("  hash          {}", contents.hash));
}

fn agreed(context: &Context) -> Result<bool, CliError> {
    consent::given(
        context,
        "It will run on every worker of this fabric that has these files, with that worker's rights. Trust it?",
        "say --yes once you have read the files",
    )
}

/// A path as it is best shown.
fn shown(path: &Path) -> String {
    value::printable(&path.to_string_lossy())
}
