//! `witness show`: everything about one operation.

use super::{
    log,
    view::{self, View},
};
use crate::{
    CliError,
    client::Client,
    context::Context,
    output::{Style, table, value},
};
use clap::ArgMatches;
use if_schemas::query::{self, LogRow, ShowAnswer, ShowQuery};
use serde_json::json;

/// An operation, its entries checked.
pub struct Shown {
    pub row: LogRow,
    pub views: Vec<View>,
}

pub fn run(context: &Context, matches: &ArgMatches) -> Result<(), CliError> {
    let id = matches.get_one::<String>("id").cloned().unwrap_or_default();
    let mut shown = context.with_client(async |client| {
        client.refresh_trust().await?;
        fetch(client, &id).await
    })?;
    let redact = redacted(context, &shown.row);
    shown.views.iter_mut().for_each(|view| view.redact.clone_from(&redact));
    if context.out.is_json() {
        let entries = shown.views.iter().map(View::document).collect::<Result<Vec<_>, _>>()?;
        return context.out.document(&json!({"operation": shown.row, "entries": entries}));
    }
    context.out.text(&render(context.out.style(), &shown)?)
}

/// What the operation's description keeps from being shown.
fn redacted(context: &Context, row: &LogRow) -> Vec<String> {
    let provider = row.provider.as_ref().and_then(|name| context.catalog.provider(name.as_str()));
    provider.as_ref().and_then(|p| p.operation(&row.operation)).map(|o| o.redact.clone()).unwrap_or_default()
}

/// Asks for one operation and checks every entry of it. Trust must be up to date.
pub async fn fetch(client: &mut Client, id: &str) -> Result<Shown, CliError> {
    let answer: ShowAnswer = client.query_with(query::SHOW, &ShowQuery { id: id.into() }).await?;
    let views = answer.entries.iter().map(|e| view::check(client, e)).collect::<Result<_, _>>()?;
    Ok(Shown { row: answer.row, views })
}

fn render(style: Style, shown: &Shown) -> Result<String, CliError> {
    let row = &shown.row;
    let simulated = if row.simulated { format!("  {}", style.yellow("*** SIMULATED ***")) } else { String::new() };
    let mut out =
        format!("{} on {}: {}{simulated}\n", style.bold(&row.operation), log::target(row), style.status(&row.status));
    let mut rows = vec![("actor".to_string(), log::actor(row))];
    rows.extend(row.command.map(|c| ("command".to_string(), c.to_string())));
    rows.extend(row.trace.map(|t| ("trace".to_string(), t.to_string())));
    rows.extend(row.duration_us.map(|us| ("took".to_string(), value::duration(us))));
    out.push_str(&table::fields(style, "  ", &rows));
    for view in &shown.views {
        out.push_str(&format!(
            "{} {}  {}  signed by {}  {}\n",
            style.bold(&format!("#{}", view.entry.index)),
            view.entry.body.name(),
            value::time(view.entry.at),
            view.signer_name(),
            style.dim(&view.hash.to_string()),
        ));
        out.push_str(&format!("  {}\n", value::printable(&view.summary()?)));
        out.push_str(&view.payload_lines(style));
    }
    Ok(out)
}
