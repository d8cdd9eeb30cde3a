//! `<provider> add|list|test|remove`: the instances of one provider.

mod add;
mod list;
mod live;

pub use add::add;
pub use list::list;
pub use live::{Live, of_nodes as live_of_nodes};

use super::{instance_name, operate};
use crate::{CliError, context::Context, output::value};
use clap::ArgMatches;
use if_home::HomeError;
use if_manifest::{OperationSpec, ProviderSpec};
use if_schemas::{Effect, Name};
use serde_json::{Map, json};

/// Verbs of operations that only ask who is there, best first.
const TEST_VERBS: [&str; 2] = ["version", "status"];

pub fn remove(context: &Context, provider: &ProviderSpec, matches: &ArgMatches) -> Result<(), CliError> {
    let instance = instance_name(matches)?;
    let home = context.home()?;
    let file = home.provider_file(&provider_name(provider)?);
    if_home::instances::remove(&file, &instance).map_err(|e| as_typed(e, provider, "remove"))?;
    let told = live::reload(context, &home);
    if context.out.is_json() {
        let document =
            json!({"provider": provider.id, "instance": instance, "removed": true, "file": file, "reloaded": told});
        return context.out.document(&document);
    }
    context.out.text(&format!("{}/{instance} removed from {}", provider.id, file.display()))
}

/// Asks the instance who it is, as a command like any other: signed, witnessed, confirmed.
pub fn test(context: &Context, provider: &ProviderSpec, matches: &ArgMatches) -> Result<(), CliError> {
    let instance = instance_name(matches)?;
    let operation = test_operation(provider)
        .ok_or_else(|| CliError::usage(format!("{} has nothing to test with", provider.id), "see its operations"))?;
    let args = operation.check(&Map::new()).map_err(|e| CliError::usage(e.to_string(), "report this as a defect"))?;
    let report =
        operate::execute(context, &operate::Request { provider, operation, instance: instance.clone(), args })?;
    if report.error.is_some() || report.status != "succeeded" {
        return report.show(context.out);
    }
    let peer = live::find(context, &context.home()?, provider, &instance).and_then(|l| l.detail);
    let round_trip_us = report.timing.total.map(|t| t.as_micros());
    if context.out.is_json() {
        let mut document = report.document();
        document["peer"] = json!(peer);
        document["round_trip_us"] = json!(round_trip_us);
        return context.out.document(&document);
    }
    let style = context.out.style();
    let peer = peer.map(|p| format!(", {}", value::printable(&p))).unwrap_or_default();
    let simulated = if report.simulated { format!("  {}", style.yellow("*** SIMULATED ***")) } else { String::new() };
    let took = value::duration(i64::try_from(round_trip_us.unwrap_or(0)).unwrap_or(i64::MAX));
    context.out.text(&format!(
        "{}/{instance}: {}{peer}, {took} round trip{simulated}\n",
        provider.id,
        style.green("ok")
    ))?;
    context.out.text(&report.human(style))
}

/// The cheapest operation that proves the peer answers.
fn test_operation(provider: &ProviderSpec) -> Option<&OperationSpec> {
    let usable =
        |o: &&OperationSpec| o.effect == Effect::Read && o.params.iter().all(|p| !p.required || p.from.is_some());
    let named = |verb: &&str| provider.operation(&format!("{}.{verb}", provider.family())).filter(usable);
    let said = provider.verify.as_deref().and_then(|id| provider.operation(id)).filter(usable);
    said.or_else(|| TEST_VERBS.iter().find_map(named)).or_else(|| provider.operations.iter().find(usable))
}

/// What was typed on the command line is a usage error; what is wrong in the file is configuration.
fn as_typed(e: HomeError, provider: &ProviderSpec, verb: &str) -> CliError {
    match e {
        HomeError::Invalid { place, what, hint } if place.at.is_none() => {
            let see = || format!("see `ifctl {} --help`", provider.instance_command(verb));
            CliError::usage(what, hint.unwrap_or_else(see))
        }
        other => other.into(),
    }
}

pub(super) fn provider_name(provider: &ProviderSpec) -> Result<Name, CliError> {
    Ok(provider.id.parse()?)
}
