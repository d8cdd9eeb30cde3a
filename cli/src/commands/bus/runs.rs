//! `bus runs`: the runs there are.

use super::known;
use crate::{
    CliError,
    context::Context,
    output::{table, value},
};
use if_schemas::{
    plan::Phase,
    query::{RunRow, RunStanding},
};
use serde_json::json;

pub fn run(context: &Context, active: bool) -> Result<(), CliError> {
    let rows = context.with_client(async |client| known::rows(client).await)?;
    let has_ended = |row: &RunRow| matches!(row.standing, RunStanding::Ended { .. });
    let rows: Vec<RunRow> = rows.into_iter().filter(|row| !(active && has_ended(row))).collect();
    if context.out.is_json() {
        return context.out.document(&json!({"runs": rows}));
    }
    if rows.is_empty() {
        return context.out.text(if active { "no run goes on" } else { "there is no run yet" });
    }
    let style = context.out.style();
    let row = |row: &RunRow| {
        vec![
            row.run.to_string(),
            row.profile.to_string(),
            standing(row),
            value::time(row.started_at),
            row.operator.as_ref().map(ToString::to_string).unwrap_or_default(),
            row.steps.to_string(),
            row.posted.map(|m| m.to_string()).unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = rows.iter().map(row).collect();
    let headings = ["RUN", "PROFILE", "STATE", "STARTED", "BY", "STEPS", "COST"];
    context.out.text(&table::table(style, &headings, &rows, Some(2)))
}

/// How a run stands, in a word or two.
pub fn standing(row: &RunRow) -> String {
    match (row.standing, row.phase) {
        (RunStanding::Ended { outcome, .. }, _) => outcome.as_str().replace('_', " "),
        (RunStanding::Waiting, _) => "waiting".into(),
        (RunStanding::Going, _) if row.cancelled => "cancelling".into(),
        (RunStanding::Going, Phase::Undo) => "rolling back".into(),
        (RunStanding::Going, Phase::Do) if !row.awaiting.is_empty() => "awaiting approval".into(),
        (RunStanding::Going, Phase::Do) => "running".into(),
    }
}
