//! `<provider> add`: write an instance down, let the node take it up, say how it is.

use super::{Live, as_typed, live, provider_name};
use crate::{
    CliError,
    commands::{instance_name, operate::args},
    context::Context,
    output::value,
};
use clap::ArgMatches;
use if_home::SecretRef;
use if_manifest::ProviderSpec;
use if_schemas::Name;
use serde_json::{Map, Value, json};
use std::{io::Read, path::Path};
use zeroize::Zeroizing;

/// Longest secret read from stdin, bytes.
const SECRET_MAX_BYTES: u64 = 4_096;

pub fn add(context: &Context, provider: &ProviderSpec, matches: &ArgMatches) -> Result<(), CliError> {
    let instance = instance_name(matches)?;
    let mut fields = args::fields(&provider.instance, matches)?;
    let literal = take_secrets(provider, &mut fields)?;
    let disabled = matches.get_flag("disabled");
    if disabled {
        fields.insert("enabled".into(), Value::Bool(false));
    }
    if matches.get_flag("simulated") {
        fields.insert("simulated".into(), Value::Bool(true));
    }
    for general in ["backup", "mode"] {
        if let Some(given) = matches.get_one::<String>(general) {
            fields.insert(general.into(), Value::String(given.clone()));
        }
    }
    let home = context.home()?;
    let file = home.provider_file(&provider_name(provider)?);
    if_home::instances::add(&file, provider, &instance, fields).map_err(|e| as_typed(e, provider, "add"))?;
    if let Some(field) = literal {
        context.out.warning(&format!(
            "the {field} itself is now in {} (mode 0600); env:NAME, file:/path, keychain:service/name or exec:command keep it out",
            file.display()
        ));
    }
    let reached =
        if disabled { Reached::Disabled } else { Reached::of(live::settle(context, &home, provider, &instance)) };
    show(context, provider, &instance, &file, &reached)
}

/// Reads secrets given as `-` from stdin; gives the name of a field that holds a literal secret.
fn take_secrets(provider: &ProviderSpec, fields: &mut Map<String, Value>) -> Result<Option<String>, CliError> {
    let mut literal = None;
    for field in provider.instance.iter().filter(|f| f.secret) {
        let Some(Value::String(text)) = fields.get_mut(&field.name) else { continue };
        if text == "-" {
            *text = from_stdin(&field.name)?.to_string();
        }
        if SecretRef::parse(text).is_ok_and(|s| s.is_literal()) {
            literal = Some(field.name.clone());
        }
    }
    Ok(literal)
}

fn from_stdin(field: &str) -> Result<Zeroizing<String>, CliError> {
    let mut text = Zeroizing::new(String::new());
    let read = std::io::stdin().lock().take(SECRET_MAX_BYTES).read_to_string(&mut text);
    read.map_err(|e| CliError::io(format!("the {field} cannot be read from stdin"), &e))?;
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_string()))
}

/// How the instance is once it is written down.
enum Reached {
    Disabled,
    /// The fabric is not running.
    FabricDown,
    /// Running, but no node has taken it up in time.
    NotServed,
    State(Live),
}

impl Reached {
    fn of(settled: Option<Option<Live>>) -> Self {
        match settled {
            None => Reached::FabricDown,
            Some(None) => Reached::NotServed,
            Some(Some(live)) => Reached::State(live),
        }
    }
}

fn show(
    context: &Context,
    provider: &ProviderSpec,
    instance: &Name,
    file: &Path,
    reached: &Reached,
) -> Result<(), CliError> {
    if context.out.is_json() {
        let state = match reached {
            Reached::State(live) => json!(live.state.as_str()),
            Reached::Disabled => json!("disabled"),
            Reached::FabricDown | Reached::NotServed => Value::Null,
        };
        let live = if let Reached::State(live) = reached { Some(live) } else { None };
        return context.out.document(&json!({
            "provider": provider.id,
            "instance": instance,
            "added": true,
            "file": file,
            "fabric_up": !matches!(reached, Reached::FabricDown),
            "state": state,
            "detail": live.and_then(|l| l.detail.clone()),
            "node": live.map(|l| l.node.clone()),
        }));
    }
    let style = context.out.style();
    let next = match reached {
        Reached::Disabled => "It is disabled: set `enabled: true` to serve it.".to_string(),
        Reached::FabricDown => format!("The fabric is not running: `{} up` serves it.", context.program),
        Reached::NotServed => format!("No node serves it yet: see `{} status`.", context.program),
        Reached::State(live) => {
            let detail = live.detail.as_ref().map(|d| format!(": {}", value::printable(d))).unwrap_or_default();
            format!("State: {}{detail} (node {})", style.status(live.state.as_str()), live.node)
        }
    };
    context.out.text(&format!("{}/{instance} added to {}\n{next}", provider.id, file.display()))
}
