//! What must be true of a run that has ended.

use crate::desk::Look;
use anyhow::{Context, Result, ensure};
use if_orchestrator::{History, Report, Viewed};
use if_schemas::{
    payload::Arguments,
    plan::{Args, OnFailure},
    run::Outcome,
};
use serde_json::Value;

/// Its last word says how it ended, and names each step that did not go well: nothing fails silently.
pub fn explained(history: &History, outcome: Outcome) -> Result<()> {
    let (said, text) = history.progress.closed().context("it has no last word")?;
    ensure!(said == outcome, "its log says {said:?}, the broker {outcome:?}");
    ensure!(history.in_flight.is_empty(), "closed with commands under way: {:?}", history.in_flight);
    let report = Report::of(&history.progress);
    for (id, _) in report.failed.iter().chain(&report.indeterminate).chain(&report.not_undone) {
        let named = text.split([' ', ',', ';', ':']).any(|word| word == id) || text.contains(" more");
        ensure!(named, "{id} is not in {text:?}");
    }
    let stopping = |step: &if_schemas::plan::Step| step.on_failure != OnFailure::Continue;
    for (step, view) in history.progress.plan().steps.iter().zip(history.progress.views()) {
        let over = matches!(view.state, Viewed::Confirmed | Viewed::Skipped);
        let passed = !stopping(step) && matches!(view.state, Viewed::Failed | Viewed::Indeterminate);
        ensure!(outcome != Outcome::Succeeded || over || passed, "succeeded, and {} is {:?}", view.id, view.state);
    }
    let failed = |id: &String| report.failed.iter().chain(&report.indeterminate).any(|(other, _)| other == id);
    let any = history.progress.plan().steps.iter().any(|step| stopping(step) && failed(&step.id));
    ensure!(outcome != Outcome::Failed || any, "failed, and no step did");
    let incomplete = outcome == Outcome::RollbackIncomplete;
    ensure!(!incomplete || !report.not_undone.is_empty() || text.contains("time"), "nothing is left to undo");
    Ok(())
}

/// The device is as the log says.
pub fn as_it_should_be(history: &History, before: &Look, after: &Look) -> Result<()> {
    let (outcome, _) = history.progress.closed().context("it has no last word")?;
    match outcome {
        Outcome::RolledBack => ensure!(after == before, "not as it was before"),
        Outcome::Succeeded => {
            if let Some(wanted) = wanted(history, before)? {
                ensure!(*after == wanted, "not as the steps wanted it: {wanted:?}");
            }
        }
        _ => {}
    }
    Ok(())
}

/// What the confirmed steps make of the device; none where nobody knows what a failed one did.
fn wanted(history: &History, before: &Look) -> Result<Option<Look>> {
    let mut look = before.clone();
    for (step, view) in history.progress.plan().steps.iter().zip(history.progress.views()) {
        let Some(call) = step.call().filter(|call| call.target.provider.as_str() == "vmix") else { continue };
        if view.state != Viewed::Confirmed {
            return Ok(None);
        }
        let Args::Fixed(payload) = &call.args else { continue };
        let args = payload.read::<Arguments>()?.args;
        let number = |name: &str| -> Option<usize> {
            match args.get(name)? {
                Value::String(text) => text.parse().ok(),
                value => usize::try_from(value.as_u64()?).ok(),
            }
        };
        let place = |name: &str| number(name).and_then(|n| n.checked_sub(1)).context("a number");
        match call.operation.as_str() {
            "vmix.cut" => look.program = number("input").context("input")?,
            "vmix.overlay.in" => look.overlays[place("num")?] = number("input").context("input")?,
            "vmix.audio.mute" => look.muted[place("input")?] = true,
            "vmix.record.start" => look.recording = true,
            "vmix.external.start" => look.external = true,
            other => anyhow::bail!("{other} is not known here"),
        }
    }
    Ok(Some(look))
}

/// The steps and the last word, for people.
pub fn story(history: &History) -> String {
    let steps = history.progress.views().into_iter().map(|v| format!("{} {} {}", v.id, v.state.as_str(), v.text));
    let last = history.progress.closed().map(|(outcome, text)| format!("{outcome:?}: {text}"));
    steps.chain(last).collect::<Vec<_>>().join("\n")
}
