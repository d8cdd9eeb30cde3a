//! What a shell offers at the tab key: commands and parameters from the descriptions, instances from the files of the home
//! directory, names of inputs, scenes and entities from live state. Whatever cannot be found out in time is not offered.

use crate::{
    cli::{self, Catalog, Words},
    client::Client,
    context::{Context, Globals},
    output::Output,
};
use clap_complete::{CompleteEnv, engine::CompletionCandidate};
use if_bus::BusError;
use if_home::Home;
use if_schemas::{Name, state::segment_name};
use serde_json::Value;
use std::{collections::BTreeSet, ffi::OsString, process::ExitCode, sync::OnceLock, time::Duration};

/// Set by the script of `completions` when it asks.
pub const VARIABLE: &str = "IF_COMPLETE";
/// The program that completions are for: `if` is a reserved word wherever they could help.
pub const PROGRAM: &str = "ifctl";
/// Longest a person waits for names that are asked from the fabric.
const ASK_TIMEOUT: Duration = Duration::from_millis(700);
/// The part of a pattern that is offered.
const NAME_PART: &str = "{}";
/// Who asks. The engine takes the variable away before it asks for names.
static SHELL: OnceLock<OsString> = OnceLock::new();
/// Most names offered from live state.
const NAMES_MAX: usize = 500;

/// Answers a shell, if one asks.
pub fn answer(args: &[OsString]) -> Option<ExitCode> {
    let shell = std::env::var_os(VARIABLE)?;
    // Set once in the life of the process.
    let _ = SHELL.set(shell);
    let catalog = catalog(args);
    let tree = || match args.iter().position(|a| a == "--") {
        Some(dashes) => cli::build(PROGRAM, &Words::scan(args.get(dashes + 1..).unwrap_or_default()), &catalog),
        None => cli::build_all(PROGRAM, &catalog),
    };
    let folder = std::env::current_dir().ok();
    match CompleteEnv::with_factory(tree).var(VARIABLE).try_complete(args.to_vec(), folder.as_deref()) {
        Ok(true) => Some(ExitCode::SUCCESS),
        Ok(false) => None,
        // Said on stderr it would be in the middle of what somebody types.
        Err(_) => Some(ExitCode::FAILURE),
    }
}

fn catalog(args: &[OsString]) -> Catalog {
    let words = Words::scan(typed(args));
    Catalog::new(Home::locate(words.home()).ok().map(|home| home.plugins_dir()))
}

/// The command line being typed: what the script passes on after `--`.
fn typed(args: &[OsString]) -> &[OsString] {
    let dashes = args.iter().position(|a| a == "--").map_or(args.len(), |at| at + 1);
    args.get(dashes..).unwrap_or_default()
}

/// The instances of a provider that this home directory knows.
pub fn instances(provider: &str) -> Vec<CompletionCandidate> {
    let args: Vec<OsString> = std::env::args_os().collect();
    let words = Words::scan(typed(&args));
    let found = || {
        let home = Home::locate(words.home()).ok()?;
        let catalog = Catalog::new(Some(home.plugins_dir()));
        let file = home.provider_file(&provider.parse().ok()?);
        if_home::instances::load_each(&file, &catalog.provider(provider)?).ok()
    };
    let names = found().unwrap_or_default().into_keys();
    names.map(|name| CompletionCandidate::new(name.to_string())).collect()
}

/// Names under a pattern of live state ([`if_manifest::ParamSpec::live`]), of the instance that is the word at `place` of the
/// command line.
pub fn live(provider: &str, place: usize, pattern: &str) -> Vec<CompletionCandidate> {
    let args: Vec<OsString> = std::env::args_os().collect();
    let typed = typed(&args);
    let words = Words::scan(typed);
    let found = || {
        let (provider, instance): (Name, Name) = (provider.parse().ok()?, words.at(place)?.parse().ok()?);
        let catalog = catalog(&args);
        let globals = Globals { home: words.home(), nats: words.nats(), ..Globals::default() };
        let context = Context { program: PROGRAM, globals, out: &Output::detect(false), catalog: &catalog };
        let asked = context.with_client(async |client| {
            Ok(tokio::time::timeout(ASK_TIMEOUT, names(client, &provider, &instance, pattern)).await.ok())
        });
        asked.ok()??.ok()
    };
    found().unwrap_or_default().into_iter().map(|name| CompletionCandidate::new(quoted(name))).collect()
}

/// bash puts what is offered on the command line as it is; the other shells quote it themselves.
fn quoted(name: String) -> String {
    if SHELL.get().is_none_or(|shell| shell != "bash") {
        return name;
    }
    let plain = |c: char| c.is_alphanumeric() || "_-./:@%+,".contains(c);
    name.chars().flat_map(|c| (!plain(c)).then_some('\\').into_iter().chain([c])).collect()
}

async fn names(
    client: &mut Client,
    provider: &Name,
    instance: &Name,
    pattern: &str,
) -> Result<BTreeSet<String>, BusError> {
    let part = pattern.split('.').position(|part| part == NAME_PART);
    let mut state = client.bus.watch_state(provider, instance, &pattern.replace(NAME_PART, "*")).await?;
    let (mut names, mut pending) = (BTreeSet::new(), state.pending);
    while pending > 0 && names.len() < NAMES_MAX {
        let message = state.next().await?;
        pending = message.pending;
        let Some(report) = client.state_report(&message.payload).await else { continue };
        let Some(value) = report.value.filter(|_| report.provider == *provider && report.instance == *instance) else {
            continue;
        };
        names.extend(match part {
            Some(part) => report.path.split('.').nth(part).and_then(segment_name),
            None => text(value),
        });
    }
    Ok(names)
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
