//! `witness log`: search the log.

use crate::{
    CliError, clock,
    commands::name,
    context::Context,
    output::{Style, table, value},
};
use clap::ArgMatches;
use if_schemas::{
    Name, OperationId, Timestamp,
    query::{self, LogAnswer, LogQuery, LogRow},
    time::parse_instant,
};

pub fn run(context: &Context, matches: &ArgMatches) -> Result<(), CliError> {
    let question = question(context, matches)?;
    let answer: LogAnswer = context.with_client(async |client| client.query_with(query::LOG, &question).await)?;
    if context.out.is_json() {
        return context.out.document(&answer);
    }
    if answer.rows.is_empty() {
        return context.out.text("Nothing in the log matches.");
    }
    context.out.text(&render(context.out.style(), &answer.rows))?;
    if answer.more {
        context.out.note("There are older ones: narrow the search, or raise --limit.");
    }
    Ok(())
}

fn question(context: &Context, m: &ArgMatches) -> Result<LogQuery, CliError> {
    let text = |id: &str| m.get_one::<String>(id).cloned();
    let named = |id: &str| text(id).map(|t| name(&format!("--{id}"), &t)).transpose();
    let now = clock::now();
    let instant = |id: &str| text(id).map(|t| parse_time(id, &t, now)).transpose();
    let operation = text("operation");
    if let Some(text) = &operation {
        text.parse::<OperationId>()
            .map_err(|e| CliError::usage(format!("--operation: {e}"), "see `ifctl provider show ID`"))?;
    }
    Ok(LogQuery {
        operation,
        provider: named("provider")?,
        instance: named("instance")?,
        status: text("status"),
        actor: text("actor"),
        trace: context.globals.trace,
        since: instant("since")?,
        until: instant("until")?,
        limit: m.get_one::<u64>("limit").and_then(|n| usize::try_from(*n).ok()).unwrap_or(query::LOG_ROWS_MAX),
    })
}

pub fn parse_time(id: &str, text: &str, now: Timestamp) -> Result<Timestamp, CliError> {
    parse_instant(text, now).map_err(|_| {
        CliError::usage(
            format!("--{id}: {text:?} is no time"),
            "use RFC 3339 like 2026-11-22T18:30:00Z, or \"1 hour ago\"",
        )
    })
}

pub fn render(style: Style, rows: &[LogRow]) -> String {
    let cells = |r: &LogRow| {
        let status = match (&r.code, r.simulated) {
            (Some(code), _) => format!("{}:{code}", r.status),
            (None, true) => format!("{} (simulated)", r.status),
            (None, false) => r.status.clone(),
        };
        vec![
            format!("#{}", r.index),
            value::time(r.at),
            r.operation.clone(),
            target(r),
            status,
            actor(r),
            r.duration_us.map_or("-".into(), value::duration),
            r.cost.map_or("-".into(), |c| c.to_string()),
            r.command.map_or("-".into(), |c| c.to_string()),
        ]
    };
    let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
    table::table(
        style,
        &["ENTRY", "TIME (UTC)", "OPERATION", "TARGET", "STATUS", "ACTOR", "TOOK", "COST", "COMMAND"],
        &rows,
        None,
    )
}

pub fn target(r: &LogRow) -> String {
    let or_dash = |n: &Option<Name>| n.as_ref().map_or("-".to_string(), ToString::to_string);
    if r.provider.is_none() && r.instance.is_none() {
        "-".into()
    } else {
        format!("{}/{}", or_dash(&r.provider), or_dash(&r.instance))
    }
}

pub fn actor(r: &LogRow) -> String {
    let key = || r.actor.map_or("broker".to_string(), value::short);
    r.actor_name.as_ref().map_or_else(key, ToString::to_string)
}
