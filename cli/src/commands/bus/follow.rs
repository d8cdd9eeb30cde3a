//! Following a run: a line for each thing that happens, or one JSON document for each.

use super::{known, screen::Screen, show};
use crate::{CliError, client::Client, context::Context, output::value};
use clap::ArgMatches;
use if_orchestrator::{History, StepView, Viewed};
use if_schemas::{CommandId, Head, TraceId, run::Outcome, subject};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// Silence after which the log is asked whether something was missed.
const POLL: Duration = Duration::from_secs(1);
/// Entries that go by in this time cause one look, not many.
const COALESCE: Duration = Duration::from_millis(20);

pub fn watch(context: &Context, m: &ArgMatches) -> Result<(), CliError> {
    let text = m.get_one::<String>("run").map(String::as_str).unwrap_or_default().to_string();
    context.with_client(async |client| {
        let run = known::find(client, &text).await?;
        to_the_end(context, client, run, &[Outcome::Succeeded]).await
    })
}

/// A run that nobody follows.
pub fn begun(context: &Context, run: CommandId, trace: TraceId, head: Head) -> Result<(), CliError> {
    if context.out.is_json() {
        return context.out.document(&json!({
            "run": run, "trace_id": trace, "witness": {"index": head.index, "hash": head.hash},
        }));
    }
    context.out.note(&format!("it goes on by itself; `ifctl bus run watch {run}` follows it"));
    context.out.text(&run.to_string())
}

/// Follows until it is closed. `wanted`: the outcomes that are what was asked for.
pub async fn to_the_end(
    context: &Context<'_>,
    client: &mut Client,
    run: CommandId,
    wanted: &[Outcome],
) -> Result<(), CliError> {
    let mut entries = client.bus.subscribe(&subject::witness_run_anywhere(&run)).await?;
    let mut known = known::read(client, run).await?;
    let mut shown = Vec::new();
    if !context.out.is_json() {
        context.out.note(&format!("run {run} of {}; ^C leaves it going on", known.order.profile));
    }
    let screen = (!context.out.is_json() && context.out.shows_progress()).then(Screen::open);
    loop {
        match &screen {
            Some(screen) => screen.show(context, &known),
            None => tell(context, &known, &mut shown)?,
        }
        if known.progress.closed().is_some() {
            break;
        }
        let heard = tokio::time::timeout(POLL, entries.next()).await;
        if matches!(heard, Ok(None)) {
            return Err(CliError::new(crate::Exit::Unreachable, "the connection to the fabric was lost")
                .hint(format!("the run goes on; `ifctl bus run watch {run}` follows it again")));
        }
        // What follows at once is read at once; on a busy fabric there is always something, so not for ever.
        let look_at = Instant::now() + COALESCE;
        while tokio::time::timeout_at(look_at, entries.next()).await.is_ok_and(|m| m.is_some()) {}
        known::catch_up(client, &mut known).await?;
    }
    if let Some(screen) = screen {
        screen.close();
    }
    if context.out.is_json() {
        context.out.document(&json!({"event": "run", "document": show::document(&known)}))?;
    } else {
        context.out.text(&show::human(context.out.style(), &known))?;
    }
    show::ending(&known, wanted)
}

/// What is new since it was last told.
fn tell(context: &Context, known: &History, shown: &mut Vec<Viewed>) -> Result<(), CliError> {
    let views = known.progress.views();
    shown.resize(views.len(), Viewed::Pending);
    for (view, before) in views.iter().zip(shown.iter_mut()) {
        if *before == view.state {
            continue;
        }
        *before = view.state;
        if context.out.is_json() {
            context.out.document(&json!({"event": "step", "run": known.run, "step": view}))?;
        } else {
            context.out.note(&line(context, view));
        }
    }
    Ok(())
}

fn line(context: &Context, view: &StepView) -> String {
    let at = view.since.map(value::time_of_day).unwrap_or_default();
    let text = if view.text.is_empty() { String::new() } else { format!("  {}", value::printable(&view.text)) };
    let cost = show::costs(&view.cost);
    let cost = if cost.is_empty() { cost } else { format!("  {cost}") };
    format!("{at}  {:<18} {}{cost}{text}", context.out.style().status(view.state.as_str()), view.id)
}
