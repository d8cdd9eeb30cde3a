//! `trigger log`: what triggers did, and why, from the log.

use super::sign;
use crate::{
    CliError,
    client::{Client, Rules},
    clock,
    commands::{
        name,
        witness::{self, View, show},
    },
    context::Context,
    output::{Style, table, value},
};
use clap::ArgMatches;
use if_home::Home;
use if_schemas::{
    Cause, Name, Timestamp,
    query::{self, LogAnswer, LogQuery, LogRow},
};
use serde_json::{Value, json};

/// One firing.
pub struct Firing {
    pub row: LogRow,
    pub cause: Option<Cause>,
}

pub fn run(context: &Context, m: &ArgMatches) -> Result<(), CliError> {
    let home = context.home()?;
    let names = match m.get_one::<String>("name") {
        Some(one) => vec![name("trigger name", one)?],
        None => super::load_all(&home)?.into_keys().collect(),
    };
    let since = m.get_one::<String>("since").map(|t| witness::parse_time("since", t, clock::now())).transpose()?;
    let limit = m.get_one::<u64>("limit").and_then(|n| usize::try_from(*n).ok()).unwrap_or(1);
    let firings = context.with_client(async |client| of_all(client, &names, since, limit).await)?;
    if context.out.is_json() {
        return context.out.document(&json!({"firings": firings.iter().map(Firing::document).collect::<Vec<_>>()}));
    }
    match firings.is_empty() {
        true => context.out.text("No trigger has fired."),
        false => context.out.text(&render(context.out.style(), &firings)),
    }
}

/// The newest firings of some triggers, oldest first.
pub async fn of_all(
    client: &mut Client,
    names: &[Name],
    since: Option<Timestamp>,
    limit: usize,
) -> Result<Vec<Firing>, CliError> {
    let mut rows = Vec::new();
    for name in names {
        let actor = Some(sign::member_of(name)?.to_string());
        let question = LogQuery { actor, since, limit, ..LogQuery::default() };
        let answer: LogAnswer = client.query_with(query::LOG, &question).await?;
        rows.extend(answer.rows);
    }
    rows.sort_by_key(|row| row.index);
    rows.drain(..rows.len().saturating_sub(limit));
    client.refresh_trust().await?;
    let mut firings = Vec::new();
    for row in rows {
        let Some(id) = row.command else { continue };
        let shown = show::fetch(client, &id.to_string()).await?;
        let cause = shown.views.iter().find_map(View::cause);
        firings.push(Firing { row, cause });
    }
    Ok(firings)
}

impl Firing {
    pub fn document(&self) -> Value {
        let Firing { row, cause } = self;
        json!({
            "index": row.index, "at": row.at, "command_id": row.command, "trace_id": row.trace, "operation": row.operation,
            "provider": row.provider, "instance": row.instance, "status": row.status, "code": row.code,
            "simulated": row.simulated, "cause": cause,
        })
    }

    /// `succeeded`, or `rejected:trigger_loop`.
    pub fn outcome(&self) -> String {
        let code = self.row.code.as_ref().map(|c| format!(":{c}")).unwrap_or_default();
        format!("{}{code}", self.row.status)
    }
}

fn render(style: Style, firings: &[Firing]) -> String {
    let cells = |f: &Firing| {
        let trigger = f.cause.as_ref().map_or("-".to_string(), |c| c.trigger.to_string());
        let because = f.cause.as_ref().map_or("-".to_string(), |c| {
            let after = c.chain.iter().map(Name::as_str).collect::<Vec<_>>().join(" → ");
            let after = if after.is_empty() { after } else { format!(" (after {after})") };
            value::printable(&format!("{}{after}", c.because))
        });
        let simulated = if f.row.simulated { " (simulated)" } else { "" };
        vec![
            format!("#{}", f.row.index),
            value::time(f.row.at),
            trigger,
            format!("{} {}", f.row.operation, witness::target(&f.row)),
            format!("{}{simulated}", f.outcome()),
            because,
        ]
    };
    let rows: Vec<Vec<String>> = firings.iter().map(cells).collect();
    table::table(style, &["ENTRY", "TIME (UTC)", "TRIGGER", "COMMAND", "STATUS", "BECAUSE"], &rows, None)
}

/// The newest firing of each trigger, and what the workers say; none where the fabric does not answer.
pub fn newest(context: &Context, home: &Home, names: &[Name]) -> Option<(Vec<Option<Firing>>, Rules)> {
    context.config(home).ok()?;
    let asked = context.with_client(async |client| {
        let mut found = Vec::new();
        for name in names {
            found.push(of_all(client, std::slice::from_ref(name), None, 1).await?.pop());
        }
        Ok((found, client.rules().await?))
    });
    asked.ok()
}
