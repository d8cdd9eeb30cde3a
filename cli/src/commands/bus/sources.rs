//! Profiles of the home directory and those that come with the product, and what they may name.

use crate::{CliError, client::Client, clock, context::Context};
use clap::ArgMatches;
use if_home::{Home, instances};
use if_manifest::ProviderSpec;
use if_profile::{Compiled, Fabric, PROFILE_MAX_BYTES, Problem, Source, Sources, builtins, compile};
use if_schemas::{
    Name, Salt, Target,
    query::{NODES, NodesAnswer},
};
use std::collections::{BTreeMap, BTreeSet};

/// Most profiles of a home directory.
const PROFILES_MAX: usize = 1_000;

/// Every profile; one of the home directory goes before a built-in of the same name.
pub fn load(home: &Home) -> Result<Sources, CliError> {
    let mut sources = builtins();
    let dir = home.profiles_dir();
    let entries = match std::fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(sources),
        Err(e) => return Err(CliError::io(format!("{} cannot be read", dir.display()), &e)),
    };
    for entry in entries.take(PROFILES_MAX) {
        let path = entry.map_err(|e| CliError::io(format!("{} cannot be read", dir.display()), &e))?.path();
        let name = path.file_stem().and_then(|s| s.to_str()).and_then(|s| s.parse::<Name>().ok());
        let Some(name) = name.filter(|_| path.extension().is_some_and(|e| e == "yaml")) else { continue };
        let meta = std::fs::metadata(&path).map_err(|e| CliError::io(format!("{}", path.display()), &e))?;
        if meta.len() > PROFILE_MAX_BYTES as u64 {
            let text = format!("{} has {} bytes", path.display(), meta.len());
            return Err(CliError::config(text, format!("a profile has at most {PROFILE_MAX_BYTES}")));
        }
        let text = std::fs::read_to_string(&path)
            .map_err(|e| CliError::io(format!("{} cannot be read", path.display()), &e))?;
        sources.insert(name, Source { file: path.display().to_string(), text });
    }
    Ok(sources)
}

/// Instances of this home directory.
pub fn own_instances(home: &Home, providers: &[ProviderSpec]) -> Result<BTreeSet<Target>, CliError> {
    let scan = instances::scan(&home.providers_dir(), providers)?;
    let mut found = BTreeSet::new();
    for (provider, file) in scan.providers {
        // What is wrong with an instance file is for `config check` to say.
        let Ok(all) = file else { continue };
        found.extend(all.into_keys().map(|instance| Target { provider: provider.clone(), instance }));
    }
    Ok(found)
}

/// Instances that live nodes serve.
pub async fn live_instances(client: &mut Client) -> Result<BTreeSet<Target>, CliError> {
    let nodes: NodesAnswer = client.query(NODES).await?;
    let all = nodes.nodes.into_iter().flat_map(|n| n.instances);
    Ok(all.map(|i| Target { provider: i.provider, instance: i.instance }).collect())
}

/// `--set NAME=VALUE`, as often as it was given.
pub fn given(m: &ArgMatches) -> Result<BTreeMap<String, String>, CliError> {
    let mut vars = BTreeMap::new();
    for text in m.get_many::<String>("set").unwrap_or_default() {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            CliError::usage(format!("--set {text}: there is no ="), "like --set scene=Main or --set brightness=80")
        })?;
        if vars.insert(name.trim().to_string(), value.to_string()).is_some() {
            return Err(CliError::usage(format!("--set {name} is there twice"), "give each variable once"));
        }
    }
    Ok(vars)
}

/// The plan of a profile with these variables, or everything that is wrong with it.
pub fn compiled(
    context: &Context,
    profile: &Name,
    sources: &Sources,
    vars: &BTreeMap<String, String>,
    instances: &BTreeSet<Target>,
) -> Result<Result<Compiled, Vec<Problem>>, CliError> {
    let providers = context.catalog.providers();
    let mut salts = || clock::random().map(Salt).map_err(|e| e.message);
    Ok(compile(profile, sources, vars, Fabric { providers: &providers, instances }, &mut salts))
}

/// What is wrong, a line each.
pub fn refused(profile: &Name, problems: &[Problem]) -> CliError {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let what = if lines.len() == 1 { "a problem".to_string() } else { format!("{} problems", lines.len()) };
    CliError::config(
        format!("the profile {profile} has {what}:\n  {}", lines.join("\n  ")),
        format!("mend it, then `ifctl bus profile check {profile}`"),
    )
}
