//! `optimise report`: what was spent, from the settlements in the log.

use super::{flag, named, rates, text};
use crate::{
    CliError, clock,
    commands::witness::parse_time,
    context::Context,
    output::{Style, table},
};
use clap::{ArgAction, ArgMatches, Command};
use if_schemas::{
    Money,
    query::{self, GroupBy, RatesAnswer, SpendAnswer, SpendQuery, SpendRow},
};
use serde_json::{Value, json};

const GROUPS: [(&str, GroupBy); 7] = [
    ("provider", GroupBy::Provider),
    ("instance", GroupBy::Instance),
    ("operation", GroupBy::Operation),
    ("model", GroupBy::Model),
    ("day", GroupBy::Day),
    ("operator", GroupBy::Operator),
    ("session", GroupBy::Session),
];

pub fn tree() -> Command {
    Command::new("report")
        .about("what was spent, and on what; adds up to the log exactly")
        .arg(flag("provider", "ID", "only this provider"))
        .arg(flag("instance", "NAME", "only this instance"))
        .arg(flag("operation", "ID", "only this operation"))
        .arg(flag("operator", "MEMBER", "only what this member sent"))
        .arg(flag("session", "NAME", "only this session"))
        .arg(flag("since", "TIME", "settled at or after: RFC 3339, or \"1 week ago\""))
        .arg(flag("until", "TIME", "settled at or before"))
        .arg(
            flag(
                "group-by",
                "LIST",
                "provider, instance, operation, model, day, operator, session [default: provider,operation]",
            )
            .value_delimiter(',')
            .action(ArgAction::Append)
            .value_parser(GROUPS.map(|(name, _)| name)),
        )
        .arg(flag("zone", "ZONE", "time zone of days [default: this machine's]"))
        .arg(flag("format", "FORMAT", "table, json or csv [default: table]").value_parser(["table", "json", "csv"]))
}

pub fn run(context: &Context, m: &ArgMatches) -> Result<(), CliError> {
    let question = question(m)?;
    let spend: SpendAnswer = context.with_client(async |c| c.query_with(query::SPEND, &question).await)?;
    let rates = rates::ask(context)?;
    let report = Report { question: &question, spend: &spend, rates: &rates };
    let format = if context.out.is_json() { "json" } else { text(m, "format").unwrap_or("table") };
    match format {
        "json" => context.out.document(&report.document()),
        "csv" => context.out.text(&report.csv()),
        _ if spend.rows.is_empty() => context.out.text("Nothing was spent on what this asks for."),
        _ => context.out.text(&report.table(context.out.style())),
    }
}

fn question(m: &ArgMatches) -> Result<SpendQuery, CliError> {
    let now = clock::now();
    let instant = |id: &str| text(m, id).map(|t| parse_time(id, t, now)).transpose();
    let group = |t: &String| GROUPS.iter().find(|(name, _)| name == t).map(|(_, group)| *group);
    let group_by: Vec<GroupBy> = m.get_many::<String>("group-by").unwrap_or_default().filter_map(group).collect();
    let zone = text(m, "zone").map_or_else(|| Ok(clock::local_zone()), clock::zone)?;
    Ok(SpendQuery {
        since: instant("since")?,
        until: instant("until")?,
        provider: named(m, "provider")?,
        instance: named(m, "instance")?,
        operation: text(m, "operation").map(str::to_string),
        operator: text(m, "operator").map(str::to_string),
        session: named(m, "session")?,
        group_by: if group_by.is_empty() { vec![GroupBy::Provider, GroupBy::Operation] } else { group_by },
        zone: Some(zone),
    })
}

struct Report<'a> {
    question: &'a SpendQuery,
    spend: &'a SpendAnswer,
    rates: &'a RatesAnswer,
}

impl Report<'_> {
    fn names(&self) -> Vec<&'static str> {
        let name = |g: &GroupBy| GROUPS.iter().find(|(_, group)| group == g).map_or("", |(name, _)| *name);
        self.question.group_by.iter().map(name).collect()
    }

    /// In the reporting currency; none where a rate is missing.
    fn converted(&self, posted: &[Money]) -> Option<Money> {
        let zero = Money { amount_micros: 0, currency: self.rates.reporting };
        posted.iter().try_fold(zero, |sum, money| {
            let one = rates::convert(self.rates, *money)?;
            Some(Money { amount_micros: sum.amount_micros.checked_add(one.amount_micros)?, ..sum })
        })
    }

    fn cells(&self, row: &SpendRow) -> Vec<String> {
        let amounts = |all: &[Money]| match all {
            [] => "-".to_string(),
            all => all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" + "),
        };
        let converted = self.converted(&row.posted).map_or("no rate".into(), |m| m.to_string());
        vec![row.count.to_string(), amounts(&row.posted), converted, amounts(&row.reserved)]
    }

    fn table(&self, style: Style) -> String {
        let group = |row: &SpendRow| {
            row.group.iter().map(|g| if g.is_empty() { "-".into() } else { g.clone() }).collect::<Vec<_>>()
        };
        let mut rows: Vec<Vec<String>> =
            self.spend.rows.iter().map(|row| [group(row), self.cells(row)].concat()).collect();
        let mut total = vec![String::new(); self.question.group_by.len()];
        total[0] = "TOTAL".into();
        rows.push([total, self.cells(&self.spend.total)].concat());
        let reporting = format!("IN {}", self.rates.reporting);
        let names: Vec<String> = self.names().iter().map(|n| n.to_uppercase()).collect();
        let fixed = ["COMMANDS", "SPENT", &reporting, "HELD"];
        let header: Vec<&str> = names.iter().map(String::as_str).chain(fixed).collect();
        table::table(style, &header, &rows, None)
    }

    /// Amounts in micro-units: exact, one row for each currency.
    fn csv(&self) -> String {
        let names = self.names().join(",");
        let mut out = format!("{names},commands,currency,posted_micros\n");
        for row in &self.spend.rows {
            let group = row.group.iter().map(|g| quoted(g)).collect::<Vec<_>>().join(",");
            for money in &row.posted {
                out.push_str(&format!("{group},{},{},{}\n", row.count, money.currency, money.amount_micros));
            }
        }
        out
    }

    fn document(&self) -> Value {
        let names = self.names();
        let row = |r: &SpendRow| {
            let group: serde_json::Map<String, Value> =
                names.iter().zip(&r.group).map(|(n, g)| ((*n).to_string(), json!(g))).collect();
            json!({
                "group": group,
                "commands": r.count,
                "posted": r.posted,
                "in_reporting_currency": self.converted(&r.posted),
                "pending": r.pending,
                "reserved": r.reserved,
            })
        };
        json!({
            "since": self.question.since,
            "until": self.question.until,
            "reporting": self.rates.reporting,
            "rows": self.spend.rows.iter().map(row).collect::<Vec<_>>(),
            "total": row(&self.spend.total),
            "head": self.spend.head,
        })
    }
}

/// A CSV field (RFC 4180).
fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_string(),
    }
}
