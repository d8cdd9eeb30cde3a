//! What the command line asks `if-worker` for as a program, because only a worker has the engine and runs plugins. The answer
//! is one JSON document on stdout: `{"ok": …}` or `{"error": text}`.

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use if_discover::{Network, Product, Progress, Request};
use if_engine::http::cases::run_case;
use if_manifest::cases::Case;
use if_plugin_files::Folder;
use serde_json::{Value, json};
use std::{
    cell::Cell,
    error::Error,
    fs,
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

/// Least time between two lines of progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

pub fn commands() -> [Command; 3] {
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
        Command::new("discover")
            .about("find instances on the network: what `ifctl discover` asks for")
            .hide(true)
            .arg(Arg::new("provider").long("provider").action(ArgAction::Append).required(true).value_parser(product))
            .arg(
                Arg::new("network")
                    .long("network")
                    .action(ArgAction::Append)
                    .value_parser(|text: &str| text.parse::<Network>()),
            ),
    ]
}

/// The answer to one of [`commands`]; `None` if something else was asked.
pub fn answer(matches: &ArgMatches) -> Option<Value> {
    let path = |m: &ArgMatches, name: &str| m.get_one::<PathBuf>(name).cloned().unwrap_or_default();
    let found = match matches.subcommand()? {
        ("run-cases", m) => run_cases(&path(m, "folder")),
        ("check-plugin", m) => check_plugin(&path(m, "folder"), &path(m, "data")),
        ("discover", m) => discover(m),
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

fn product(id: &str) -> Result<Product, String> {
    Product::of(id).ok_or_else(|| format!("{id:?} cannot be looked for"))
}

/// [`if_discover::Report`]. Progress goes to standard error, if somebody is looking.
fn discover(matches: &ArgMatches) -> Result<Value, Box<dyn Error>> {
    let products = matches.get_many("provider").into_iter().flatten().copied().collect();
    let networks = matches.get_many("network").into_iter().flatten().copied().collect();
    let request = Request { products, networks, ..Request::default() };
    let is_seen = std::io::stderr().is_terminal();
    let last = Cell::new(None::<Instant>);
    let show = |p: Progress| {
        let is_due = last.get().is_none_or(|at| at.elapsed() >= PROGRESS_INTERVAL);
        if is_seen && is_due {
            last.set(Some(Instant::now()));
            progress(&format!("asked {} of {}, found {}", p.asked, p.of, p.found));
        }
    };
    let report = runtime()?.block_on(if_discover::discover(&request, show));
    if last.get().is_some() {
        progress("");
    }
    Ok(serde_json::to_value(report?)?)
}

/// Writes over the line before.
fn progress(text: &str) {
    // A search is not given up because nobody can see how far it is.
    let _ = write!(std::io::stderr().lock(), "\r\x1b[K{text}");
}
