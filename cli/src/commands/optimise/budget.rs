//! `optimise budget set|list|remove|status`.

use super::{amount, change, flag, named, status, text};
use crate::{CliError, clock, commands::name, context::Context};
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command};
use if_schemas::{
    Currency,
    finance::{Budget, BudgetKey, FinanceOp, Mode, Period, Scope},
};

/// The flags that name a period, with what they say in `set`.
const PERIODS: [(&str, Period); 3] = [("daily", Period::Day), ("weekly", Period::Week), ("monthly", Period::Month)];

pub fn tree() -> Command {
    let set = PERIODS.iter().fold(
        scoped(
            Command::new("set").about("bound what may be spent; what does not fit is refused before anything happens"),
        ),
        |c, (id, period)| c.arg(flag(id, "AMOUNT", help(*period))),
    );
    let set = set
        .group(ArgGroup::new("period").args(PERIODS.map(|(id, _)| id)).multiple(true).required(true))
        .arg(flag("currency", "CODE", "currency of the limits [default: USD]"))
        .arg(flag("zone", "ZONE", "time zone in which days begin, like Europe/Berlin [default: this machine's]"))
        .arg(switch("hard", "refuse what does not fit (the default)"))
        .arg(switch("soft", "only raise alerts").conflicts_with("hard"));
    let remove = PERIODS.iter().fold(scoped(Command::new("remove").about("lift a budget")), |c, (id, period)| {
        c.arg(switch(
            id,
            match period {
                Period::Day => "the daily one",
                Period::Week => "the weekly one",
                Period::Month => "the monthly one",
            },
        ))
    });
    let remove = remove.group(ArgGroup::new("period").args(PERIODS.map(|(id, _)| id)).multiple(true).required(true));
    Command::new("budget")
        .about("limits on what may be spent")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(set)
        .subcommand(Command::new("list").about("every budget: scope, limit, mode and time zone"))
        .subcommand(remove)
        .subcommand(Command::new("status").about("what is left of every budget, and when it begins anew"))
}

fn help(period: Period) -> &'static str {
    match period {
        Period::Day => "limit per day, major units: 50",
        Period::Week => "limit per week (Monday to Sunday), major units",
        Period::Month => "limit per month, major units: 1000",
    }
}

fn switch(id: &'static str, help: &'static str) -> Arg {
    Arg::new(id).long(id).action(ArgAction::SetTrue).help(help)
}

/// Whose spending: one of these flags, or none for all.
fn scoped(command: Command) -> Command {
    command
        .arg(flag("provider", "ID", "only this provider"))
        .arg(flag("instance", "PROVIDER/NAME", "only this instance"))
        .arg(flag("operator", "MEMBER", "only what this member sends"))
        .arg(flag("family", "NAME", "only this family: ai, cloud, chat"))
        .arg(flag("session", "NAME", "only this session"))
        .group(ArgGroup::new("scope").args(["provider", "instance", "operator", "family", "session"]))
        .after_help("Without a scope the budget holds for everything.")
}

fn scope(m: &ArgMatches) -> Result<Scope, CliError> {
    if let Some(text) = text(m, "instance") {
        let (provider, instance) = text.split_once('/').ok_or_else(|| {
            CliError::usage(format!("--instance: {text:?} names no provider"), "write it as openai/mygpt4")
        })?;
        return Ok(Scope::Instance { provider: name("provider", provider)?, instance: name("instance", instance)? });
    }
    Ok(match (named(m, "provider")?, named(m, "operator")?, named(m, "family")?, named(m, "session")?) {
        (Some(provider), ..) => Scope::Provider(provider),
        (_, Some(operator), ..) => Scope::Operator(operator),
        (_, _, Some(family), _) => Scope::Family(family),
        (_, _, _, Some(session)) => Scope::Session(session),
        _ => Scope::Global,
    })
}

pub fn run(context: &Context, matches: &ArgMatches) -> Result<(), CliError> {
    match matches.subcommand() {
        Some(("set", m)) => set(context, m),
        Some(("remove", m)) => remove(context, m),
        Some(("list", _)) => status::list(context),
        _ => status::status(context),
    }
}

fn set(context: &Context, m: &ArgMatches) -> Result<(), CliError> {
    let scope = scope(m)?;
    let currency = text(m, "currency").map_or(Ok(Currency::USD), |c| amount::currency("--currency", c))?;
    let mode = if m.get_flag("soft") { Mode::Soft } else { Mode::Hard };
    let zone = match text(m, "zone") {
        Some(zone) => clock::zone(zone)?,
        None => clock::local_zone(),
    };
    let mut changes = Vec::new();
    for (id, period) in PERIODS {
        let Some(text) = text(m, id) else { continue };
        let limit = amount::major(&format!("--{id}"), text, currency)?;
        let budget = Budget { key: BudgetKey { scope: scope.clone(), period }, limit, mode, zone: zone.clone() };
        let text = format!("{limit} {} ({}, days begin in {zone})", budget.key, mode.as_str());
        changes.push((FinanceOp::SetBudget(budget), text));
    }
    change::run(context, changes)
}

fn remove(context: &Context, m: &ArgMatches) -> Result<(), CliError> {
    let scope = scope(m)?;
    let asked = PERIODS.into_iter().filter(|(id, _)| m.get_flag(id));
    let changes = asked.map(|(_, period)| {
        let key = BudgetKey { scope: scope.clone(), period };
        let text = format!("no budget {key} any more");
        (FinanceOp::RemoveBudget(key), text)
    });
    change::run(context, changes.collect())
}
