//! `guard policy`: rules of trust about what guardians must agree to.

use crate::{
    CliError,
    commands::{name, optimise::amount, trust},
    context::Context,
    output::table,
};
use clap::{Arg, ArgAction, ArgMatches, Command};
use if_schemas::{Currency, Grant, Name, Policy, TrustOp, TrustOp as Op, run::Guard, time::parse_duration_us};
use serde_json::json;
use std::collections::BTreeMap;

/// How long a vote counts where nothing is said, microseconds (10 min).
const VALID_US: i64 = 600_000_000;

pub fn tree(command: Command) -> Command {
    let named = || Arg::new("name").value_name("NAME").required(true).help("the policy");
    let value =
        |id: &'static str, shown: &'static str, help: &'static str| Arg::new(id).long(id).value_name(shown).help(help);
    let several = |arg: Arg| arg.action(ArgAction::Append).value_delimiter(',');
    command
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("list").about("the policies that hold"))
        .subcommand(
            Command::new("set")
                .about("make a policy, or replace one (admins only)")
                .arg(named())
                .arg(
                    several(value("operations", "WHAT", "what it covers: payment.*, cloud.vm.delete@aws/prod"))
                        .required(true),
                )
                .arg(value("above", "AMOUNT", "only what moves or may cost more, major units: 500"))
                .arg(value("currency", "CODE", "currency of --above [default: USD]"))
                .arg(
                    value("need", "N", "votes that must come together")
                        .required(true)
                        .value_parser(clap::value_parser!(u32)),
                )
                .arg(
                    several(value("of", "MEMBERS", "who may agree: alice,bob or with weights alice:2,bob"))
                        .required(true),
                )
                .arg(several(value("veto", "MEMBERS", "one of these saying no is the end of it")))
                .arg(value("valid", "TIME", "how long a vote counts [default: 10m]")),
        )
        .subcommand(Command::new("remove").about("end a policy (admins only)").arg(named()))
}

pub fn run(context: &Context, m: &ArgMatches) -> Result<(), CliError> {
    let named =
        |m: &ArgMatches| name("policy name", m.get_one::<String>("name").map(String::as_str).unwrap_or_default());
    match m.subcommand() {
        Some(("set", m)) => {
            let op = Op::Guard { name: named(m)?, policy: Box::new(policy(m)?) };
            trust::change::run(context, async |_| Ok(op))
        }
        Some(("remove", m)) => {
            let op = TrustOp::Unguard { name: named(m)? };
            trust::change::run(context, async |_| Ok(op))
        }
        _ => list(context),
    }
}

fn list(context: &Context) -> Result<(), CliError> {
    let policies: BTreeMap<Name, Policy> = context.with_client(async |client| {
        client.refresh_trust().await?;
        Ok(client.trust.trust().policies().map(|(name, policy)| (name.clone(), policy.clone())).collect())
    })?;
    if context.out.is_json() {
        let rows: Vec<_> = policies.iter().map(|(name, policy)| json!({"name": name, "policy": policy})).collect();
        return context.out.document(&json!({"policies": rows}));
    }
    if policies.is_empty() {
        return context.out.text("There are no policies: `ifctl guard policy set --help` tells how to make one.");
    }
    let row = |(name, policy): (&Name, &Policy)| {
        let above = policy.above.map(|above| above.to_string()).unwrap_or_default();
        vec![name.to_string(), operations(policy), above, needs(&policy.guard)]
    };
    let rows: Vec<_> = policies.iter().map(row).collect();
    context.out.text(&table::table(context.out.style(), &["POLICY", "COVERS", "ABOVE", "NEEDS"], &rows, None))
}

fn operations(policy: &Policy) -> String {
    policy.operations.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// In one line: what it covers, and who must agree.
pub fn text(policy: &Policy) -> String {
    let above = policy.above.map(|above| format!(" above {above}")).unwrap_or_default();
    format!("{}{above} needs {}", operations(policy), needs(&policy.guard))
}

pub fn needs(guard: &Guard) -> String {
    let names: Vec<String> = guard
        .of
        .iter()
        .map(|(name, weight)| if *weight == 1 { name.to_string() } else { format!("{name} ({weight})") })
        .collect();
    format!("{} of {}", guard.need, names.join(", "))
}

fn policy(m: &ArgMatches) -> Result<Policy, CliError> {
    let all = |id: &str| m.get_many::<String>(id).unwrap_or_default().map(|text| text.trim().to_string());
    let grant = |text: String| -> Result<Grant, CliError> {
        text.parse().map_err(|_| {
            CliError::usage(format!("--operations: {text:?} names none"), "like payment.* or cloud.vm.delete@aws/prod")
        })
    };
    let operations = all("operations").map(grant).collect::<Result<_, _>>()?;
    let currency = m.get_one::<String>("currency").map(|c| amount::currency("--currency", c)).transpose()?;
    let above = m.get_one::<String>("above");
    let above = above.map(|text| amount::major("--above", text, currency.unwrap_or(Currency::USD))).transpose()?;
    let of = all("of").map(|text| weighted(&text)).collect::<Result<_, _>>()?;
    let veto = all("veto").map(|text| name("--veto", &text)).collect::<Result<_, _>>()?;
    let valid_us = match m.get_one::<String>("valid") {
        None => VALID_US,
        Some(text) => parse_duration_us(text)
            .ok()
            .filter(|us| *us > 0)
            .ok_or_else(|| CliError::usage(format!("--valid: {text:?} is no such time"), "like 10m or 1h"))?,
    };
    let need = m.get_one::<u32>("need").copied().unwrap_or(1);
    let guard = Guard { need, of, veto, valid_ms: valid_us.unsigned_abs() / 1_000 };
    let policy = Policy { operations, above, guard };
    policy.check().map_err(|e| CliError::usage(e.to_string(), "see `ifctl guard policy set --help`"))?;
    Ok(policy)
}

/// `alice`, or `alice:2`.
fn weighted(text: &str) -> Result<(Name, u32), CliError> {
    let (who, weight) = text.split_once(':').unwrap_or((text, "1"));
    let weight =
        weight.parse().map_err(|_| CliError::usage(format!("--of: {text:?} has no weight"), "like alice:2"))?;
    Ok((name("--of", who)?, weight))
}
