//! `bus run show`: what a run did, step by step, as text, JSON, or a drawing.

use super::known;
use crate::{
    CliError,
    context::Context,
    output::{Style, table, value},
};
use clap::ArgMatches;
use if_orchestrator::{History, StepView, mermaid, svg};
use if_schemas::{Money, run::Outcome};
use serde_json::{Value, json};

pub fn run(context: &Context, m: &ArgMatches) -> Result<(), CliError> {
    let text = m.get_one::<String>("run").map(String::as_str).unwrap_or_default();
    let known = context.with_client(async |client| {
        let run = known::find(client, text).await?;
        known::read(client, run).await
    })?;
    let views = known.progress.views();
    match m.get_one::<String>("format").map(String::as_str) {
        Some("svg") => context.out.text(&svg(known.progress.plan(), &views)),
        Some("mermaid") => context.out.text(&mermaid(known.progress.plan(), &views)),
        _ if context.out.is_json() => context.out.document(&document(&known)),
        _ => context.out.text(&human(context.out.style(), &known)),
    }
}

pub fn document(known: &History) -> Value {
    let (started, ended) = known.progress.times();
    let closed = known.progress.closed();
    json!({
        "run": known.run,
        "trace_id": known.trace,
        "profile": known.order.profile,
        "witness": {"index": known.index},
        "started_at": started,
        "ended_at": ended,
        "until": known.order.until,
        "outcome": closed.map(|(outcome, _)| outcome.as_str()),
        "text": closed.map(|(_, text)| text),
        "cost": known.progress.cost(),
        "max_cost": known.order.max_cost,
        "vars": known.progress.plan().vars,
        "steps": known.progress.views(),
    })
}

pub fn human(style: Style, known: &History) -> String {
    let closed = known.progress.closed();
    let state = match closed {
        Some((outcome, _)) => outcome.as_str().replace('_', " "),
        None if known.progress.waits_for_targets() => "waits for another run".into(),
        None => "goes on".into(),
    };
    let rows: Vec<Vec<String>> = known.progress.views().iter().map(row).collect();
    let steps = table::table(style, &["STEP", "STATE", "TOOK", "TRIES", "COST", ""], &rows, Some(1));
    let why = closed.map(|(_, text)| format!("{}\n", value::printable(text))).unwrap_or_default();
    let cost = match costs(&known.progress.cost()) {
        cost if cost.is_empty() => String::new(),
        cost => format!("cost: {cost}\n"),
    };
    format!("run {} of {}: {}\n{steps}{why}{cost}", known.run, known.order.profile, style.status(&state))
}

fn row(view: &StepView) -> Vec<String> {
    let took = view.took_us.map(value::duration).unwrap_or_default();
    let tries = if view.attempts > 1 { view.attempts.to_string() } else { String::new() };
    vec![view.id.clone(), view.state.as_str().into(), took, tries, costs(&view.cost), value::printable(&view.text)]
}

pub fn costs(all: &[Money]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" + ")
}

/// How the process ends where a run ended like that; well, if it is one of the outcomes that were `wanted`.
pub fn ending(known: &History, wanted: &[Outcome]) -> Result<(), CliError> {
    let Some((outcome, text)) = known.progress.closed() else { return Ok(()) };
    let failed = |exit: crate::Exit| {
        let hint = match outcome {
            Outcome::Failed => {
                format!("`ifctl bus run resume {0}` goes on from there, `rollback {0}` undoes it", known.run)
            }
            _ => format!("`ifctl bus run show {}` tells what was done", known.run),
        };
        Err(CliError::new(exit, format!("the run {}: {text}", outcome.as_str().replace('_', " ")))
            .code(outcome.as_str())
            .hint(hint)
            .printed())
    };
    match outcome {
        outcome if wanted.contains(&outcome) => Ok(()),
        Outcome::Succeeded => failed(crate::Exit::Failed),
        Outcome::RolledBack | Outcome::Failed | Outcome::Cancelled => failed(crate::Exit::Failed),
        Outcome::RollbackIncomplete => failed(crate::Exit::Failed),
        Outcome::Expired | Outcome::Preempted => failed(crate::Exit::Rejected),
    }
}
