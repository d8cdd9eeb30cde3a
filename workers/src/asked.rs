//! What the command line asks `if-worker` for as a program, because only a worker has the engine and runs plugins. The answer
//! is one JSON document on stdout: `{"ok": …}` or `{"error": text}`.

use clap::{Arg, ArgMatches, Command, value_parser};
use if_engine::http::cases::run_case;
use if_manifest::cases::Case;
use if_plugin_files::Folder;
use serde_json::{Value, json};
use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

pub fn commands() -> [Command; 2] {
    let path = |name: &'static str| Arg::new(name).required(true).value_parser(value_parser!(PathBuf));
    [
        Command::new("run-cases")
            .about("run the cases of a provider's folder: what `ifctl provider check` asks for")
            .hide(true)
            .arg(path("folder")),
        Command::new("check-plugin")
            .about("start a plugin and ask what it is: what `ifctl plugin check` asks for")
            .hide(true)
            .arg(path("folder"))
            .arg(path("data")),
    ]
}

/// The answer to one of [`commands`]; `None` if something else was asked.
pub fn answer(matches: &ArgMatches) -> Option<Value> {
    let path = |m: &ArgMatches, name: &str| m.get_one::<PathBuf>(name).cloned().unwrap_or_default();
    let found = match matches.subcommand()? {
        ("run-cases", m) => run_cases(&path(m, "folder")),
        ("check-plugin", m) => check_plugin(&path(m, "folder"), &path(m, "data")),
        _ => return None,
    };
    Some(match found {
        Ok(found) => json!({"ok": found}),
        Err(e) => json!({"error": e.to_string()}),
    })
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// `{"hash", "version", "operations"}`. What the plugin writes to its standard error goes to that of this process.
fn check_plugin(folder: &Path, data: &Path) -> Result<Value, Box<dyn Error>> {
    let folder = Folder::load(folder)?;
    let (hash, described) = runtime()?.block_on(if_plugin::check(&folder, data))?;
    Ok(json!({"hash": hash, "version": described.version, "operations": described.operations}))
}

/// `[{"name", "differences"}]`, in the order of the files' names. The folder is sound: whoever asks has checked it.
fn run_cases(folder: &Path) -> Result<Value, Box<dyn Error>> {
    let id = folder.file_name().and_then(|n| n.to_str()).ok_or("the folder has no name")?;
    let text = fs::read_to_string(folder.join("manifest.yaml"))?;
    let plan = if_manifest::compile_as(id, "manifest.yaml", &text);
    let plan = Arc::new(plan.map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?);
    let mut files: Vec<_> =
        fs::read_dir(folder.join("cases"))?.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>()?;
    files.retain(|p| p.extension().is_some_and(|e| e == "json"));
    files.sort();
    let runtime = runtime()?;
    let mut reports = Vec::with_capacity(files.len());
    for file in files {
        let case = Case::parse(&file.to_string_lossy(), &fs::read_to_string(&file)?).map_err(|e| e.to_string())?;
        let report = runtime.block_on(run_case(&plan, &case));
        reports.push(json!({"name": report.name, "differences": report.differences}));
    }
    Ok(Value::from(reports))
}
