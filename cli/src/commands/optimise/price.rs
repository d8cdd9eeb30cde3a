//! `optimise price`: what providers charge, as their tables or operators say.

use super::{amount, change, flag, rates, text};
use crate::{
    CliError,
    commands::name,
    context::Context,
    output::{Style, table, value},
};
use clap::{Arg, ArgAction, ArgMatches, Command};
use if_schemas::{
    Currency, Money,
    finance::{FinanceOp, PriceOverride},
    price::{Rate, Sku, Unit},
    query::{self, RatesAnswer, TariffAnswer, TariffQuery},
};
use std::collections::BTreeMap;

/// Where a price is from when nobody says.
const SOURCE_DEFAULT: &str = "operator";

pub fn tree() -> Command {
    let provider = || Arg::new("provider").value_name("PROVIDER").required(true).help("like openai");
    let sku = || {
        let help = "model, machine type or other item of its price table; or the id of an operation without a price";
        Arg::new("sku").value_name("SKU").required(true).help(help)
    };
    Command::new("price")
        .about("what providers charge; set what is not known")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("set")
                .about("set a price; it holds before the provider's own table")
                .arg(provider())
                .arg(sku())
                .arg(
                    flag("rate", "UNIT=AMOUNT[/N]", "input_token=2.50/1M, minute=0.014, call=0.30; may be repeated")
                        .required(true)
                        .action(ArgAction::Append),
                )
                .arg(
                    flag("limit", "UNIT=N", "most units of one call: output_token=16384; may be repeated")
                        .action(ArgAction::Append),
                )
                .arg(flag("currency", "CODE", "currency of the amounts [default: USD]"))
                .arg(flag("source", "TEXT", "where the price is from: a URL, a contract"))
                .after_help("Units: call message minute hour input_token cached_input_token output_token amount"),
        )
        .subcommand(Command::new("remove").about("forget a price that was set").arg(provider()).arg(sku()))
        .subcommand(
            Command::new("list")
                .about("prices that hold for an instance")
                .arg(provider())
                .arg(Arg::new("instance").value_name("INSTANCE").required(true).help("name of the instance")),
        )
}

pub fn run(context: &Context, matches: &ArgMatches) -> Result<(), CliError> {
    let of = |m: &ArgMatches| {
        Ok::<_, CliError>((
            name("provider", text(m, "provider").unwrap_or_default())?,
            text(m, "sku").unwrap_or_default().to_string(),
        ))
    };
    match matches.subcommand() {
        Some(("set", m)) => set(context, m),
        Some(("remove", m)) => {
            let (provider, sku) = of(m)?;
            let said = format!("the price of {provider} {sku} is the provider's own again");
            change::run(context, vec![(FinanceOp::RemovePrice { provider, sku }, said)])
        }
        Some((_, m)) => list(context, m),
        None => Err(CliError::usage("a command is missing", "see `ifctl optimise price --help`")),
    }
}

fn set(context: &Context, m: &ArgMatches) -> Result<(), CliError> {
    let provider = name("provider", text(m, "provider").unwrap_or_default())?;
    let sku = text(m, "sku").unwrap_or_default().to_string();
    let currency = text(m, "currency").map_or(Ok(Currency::USD), |c| amount::currency("--currency", c))?;
    let each = |id: &str| m.get_many::<String>(id).unwrap_or_default();
    let rates = each("rate").map(|t| rate(t, currency)).collect::<Result<Vec<_>, _>>()?;
    let limits = each("limit").map(|t| limit(t)).collect::<Result<BTreeMap<_, _>, _>>()?;
    let said = rates.iter().map(|r| rate_text(r, currency)).collect::<Vec<_>>().join(", ");
    let source = text(m, "source").unwrap_or(SOURCE_DEFAULT).to_string();
    let said = format!("{provider} {sku} costs {said} ({source})");
    let price = PriceOverride { provider, sku, prices: Sku { rates, limits }, currency, source };
    change::run(context, vec![(FinanceOp::SetPrice(price), said)])
}

fn unit(flag: &str, text: &str) -> Result<Unit, CliError> {
    let found = Unit::ALL.into_iter().find(|u| u.as_str() == text);
    found.ok_or_else(|| {
        let near = if_manifest::args::nearest(text, Unit::ALL.iter().map(|u| u.as_str()));
        let hint = near.map_or("see `ifctl optimise price set --help`".into(), |n| format!("did you mean {n}?"));
        CliError::usage(format!("{flag}: {text:?} is no unit"), hint)
    })
}

/// `input_token=2.50/1M`
fn rate(text: &str, currency: Currency) -> Result<Rate, CliError> {
    let bad =
        || CliError::usage(format!("--rate: {text:?} is no rate"), "write it like input_token=2.50/1M or call=0.30");
    let (unit_text, rest) = text.split_once('=').ok_or_else(bad)?;
    let unit = unit("--rate", unit_text)?;
    let (amount_text, per) = rest.split_once('/').unwrap_or((rest, "1"));
    let per = count(per).and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0).ok_or_else(bad)?;
    Ok(Rate { unit, amount_micros: amount::major("--rate", amount_text, currency)?.amount_micros, per })
}

fn limit(text: &str) -> Result<(Unit, u64), CliError> {
    let bad = || CliError::usage(format!("--limit: {text:?} is no limit"), "write it like output_token=16384");
    let (unit_text, most) = text.split_once('=').ok_or_else(bad)?;
    Ok((unit("--limit", unit_text)?, count(most).ok_or_else(bad)?))
}

/// `1000`, `1k`, `1M`
fn count(text: &str) -> Option<u64> {
    let (digits, factor) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1_000),
        None => text.strip_suffix('M').map_or((text, 1), |digits| (digits, 1_000_000)),
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

fn rate_text(rate: &Rate, currency: Currency) -> String {
    let amount = Money { amount_micros: rate.amount_micros, currency };
    match rate.per {
        1 => format!("{amount} per {}", rate.unit.as_str()),
        per => format!("{amount} per {per} {}", rate.unit.as_str()),
    }
}

fn sku_row(sku: &str, prices: &Sku, currency: Currency, version: &str) -> Vec<String> {
    let rates = prices.rates.iter().map(|r| rate_text(r, currency)).collect::<Vec<_>>().join(", ");
    vec![value::printable(sku), rates, value::printable(version)]
}

/// The prices operators have set.
pub fn table_of(style: Style, answer: &RatesAnswer) -> String {
    let row = |p: &query::PriceRow| {
        let price = &p.price;
        let mut row = sku_row(&price.sku, &price.prices, price.currency, &p.version);
        row.insert(0, price.provider.to_string());
        row.push(value::printable(&price.source));
        row
    };
    let rows: Vec<Vec<String>> = answer.prices.iter().map(row).collect();
    table::table(style, &["PROVIDER", "SKU", "PRICE", "VERSION", "SOURCE"], &rows, None)
}

fn list(context: &Context, m: &ArgMatches) -> Result<(), CliError> {
    let provider = name("provider", text(m, "provider").unwrap_or_default())?;
    let instance = name("instance", text(m, "instance").unwrap_or_default())?;
    let question = TariffQuery { provider: provider.clone(), instance };
    let tariff: TariffAnswer = context.with_client(async |c| c.query_with(query::TARIFF, &question).await)?;
    let set = rates::ask(context)?;
    let set: Vec<_> = set.prices.into_iter().filter(|p| p.price.provider == provider).collect();
    if context.out.is_json() {
        return context.out.document(&serde_json::json!({"tariff": tariff, "set": set}));
    }
    let own = tariff.table.iter().flat_map(|t| t.skus.iter().map(|(sku, p)| (sku, p, t.currency, t.version.as_str())));
    let own = own.filter(|(sku, ..)| !set.iter().any(|p| p.price.sku == **sku));
    let own = own.map(|(sku, prices, currency, version)| sku_row(sku, prices, currency, version));
    let set = set.iter().map(|p| sku_row(&p.price.sku, &p.price.prices, p.price.currency, &p.version));
    let rows: Vec<Vec<String>> = set.chain(own).collect();
    if rows.is_empty() {
        return context
            .out
            .text(&format!("{provider} has no prices: what it does is free, or refused until a price is set."));
    }
    context.out.text(&table::table(context.out.style(), &["SKU", "PRICE", "VERSION"], &rows, None))
}
