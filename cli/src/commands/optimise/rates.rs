//! `optimise rates`: what currencies are worth, and which currency reports are made in.

use super::{amount, change, flag, text};
use crate::{
    CliError, clock,
    context::Context,
    output::{table, value},
};
use clap::{Arg, ArgMatches, Command};
use if_schemas::{
    Currency, Money,
    finance::{ExchangeRate, FinanceOp},
    query::{self, RatesAnswer},
};

/// Where a rate is from when nobody says.
const SOURCE_DEFAULT: &str = "operator";

pub fn tree() -> Command {
    let code = |id: &'static str, help: &'static str| Arg::new(id).value_name("CURRENCY").required(true).help(help);
    Command::new("rates")
        .about("exchange rates and prices set by operators")
        .subcommand(
            Command::new("set")
                .about("say what one unit of a currency is worth in another")
                .arg(code("from", "the one unit"))
                .arg(code("to", "what it is worth in"))
                .arg(Arg::new("rate").value_name("RATE").required(true).help("like 1.08"))
                .arg(flag("as-of", "DATE", "date of the rate, YYYY-MM-DD [default: today]"))
                .arg(flag("source", "TEXT", "where the rate is from")),
        )
        .subcommand(
            Command::new("remove")
                .about("forget a rate")
                .arg(code("from", "the one unit"))
                .arg(code("to", "the other")),
        )
        .subcommand(
            Command::new("reporting").about("set the currency reports are made in").arg(code("currency", "like EUR")),
        )
}

pub fn run(context: &Context, matches: &ArgMatches) -> Result<(), CliError> {
    let currency = |m: &ArgMatches, id| amount::currency(id, text(m, id).unwrap_or_default());
    match matches.subcommand() {
        Some(("set", m)) => set(context, m, currency(m, "from")?, currency(m, "to")?),
        Some(("remove", m)) => {
            let (from, to) = (currency(m, "from")?, currency(m, "to")?);
            change::run(
                context,
                vec![(FinanceOp::RemoveRate { from, to }, format!("no rate from {from} to {to} any more"))],
            )
        }
        Some(("reporting", m)) => {
            let currency = currency(m, "currency")?;
            change::run(context, vec![(FinanceOp::SetReporting(currency), format!("reports are made in {currency}"))])
        }
        _ => list(context),
    }
}

fn set(context: &Context, m: &ArgMatches, from: Currency, to: Currency) -> Result<(), CliError> {
    let text_of = text(m, "rate").unwrap_or_default();
    let worth = amount::major("RATE", text_of, to)?;
    let as_of = text(m, "as-of").map_or_else(clock::today, str::to_string);
    let source = text(m, "source").unwrap_or(SOURCE_DEFAULT).to_string();
    let said = format!("1 {from} is worth {text_of} {to} as of {as_of} ({source})");
    let rate = ExchangeRate { from, to, rate_micros: worth.amount_micros, as_of, source };
    change::run(context, vec![(FinanceOp::SetRate(rate), said)])
}

pub fn ask(context: &Context) -> Result<RatesAnswer, CliError> {
    context.with_client(async |client| client.query(query::RATES).await)
}

fn list(context: &Context) -> Result<(), CliError> {
    let answer = ask(context)?;
    if context.out.is_json() {
        return context.out.document(&answer);
    }
    let style = context.out.style();
    context.out.text(&format!("Reports are made in {}.", answer.reporting))?;
    if answer.rates.is_empty() {
        context.out.text(&format!("No exchange rates: `{} optimise rates set EUR USD 1.08`", context.program))?;
    } else {
        let row = |r: &ExchangeRate| {
            let rate = Money { amount_micros: r.rate_micros, currency: r.to };
            vec![format!("1 {}", r.from), rate.to_string(), r.as_of.clone(), value::printable(&r.source)]
        };
        let rows: Vec<Vec<String>> = answer.rates.iter().map(row).collect();
        context.out.text(&table::table(style, &["", "IS WORTH", "AS OF", "SOURCE"], &rows, None))?;
    }
    if answer.prices.is_empty() {
        return Ok(());
    }
    context.out.text(&super::price::table_of(style, &answer))
}

/// An amount in the reporting currency, rounded up; none without a rate.
pub fn convert(answer: &RatesAnswer, money: Money) -> Option<Money> {
    let to = answer.reporting;
    let micros = if money.currency == to {
        Some(money.amount_micros)
    } else if let Some(rate) = answer.rates.iter().find(|r| r.from == money.currency && r.to == to) {
        rate.forward(money.amount_micros)
    } else {
        let rate = answer.rates.iter().find(|r| r.from == to && r.to == money.currency)?;
        rate.backward(money.amount_micros)
    };
    micros.map(|amount_micros| Money { amount_micros, currency: to })
}
