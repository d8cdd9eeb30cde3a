//! `witness chain`: the causal chain of one operation, and of all that share its trace.

use super::{
    show::{self, Shown},
    view::{Said, View, cause_text},
};
use crate::{
    CliError,
    client::Client,
    context::Context,
    output::{Style, value},
};
use clap::ArgMatches;
use if_schemas::{
    Body, Command, Timestamp, TraceId,
    query::{self, LogAnswer, LogQuery},
};
use serde_json::{Value, json};

/// Most operations of one trace that are shown.
const OPERATIONS_MAX: usize = 200;

pub fn run(context: &Context, matches: &ArgMatches) -> Result<(), CliError> {
    let id = matches.get_one::<String>("trace-from").cloned().unwrap_or_default();
    let (trace, operations) = context.with_client(async |client| gather(client, &id).await)?;
    let chains = operations.iter().map(links).collect::<Result<Vec<_>, _>>()?;
    if context.out.is_json() {
        let documents = operations.iter().zip(&chains).map(
            |(o, links)| json!({"operation": o.row, "links": links.iter().map(Link::document).collect::<Vec<_>>()}),
        );
        return context
            .out
            .document(&json!({"trace_id": trace.map(|t| t.to_string()), "operations": documents.collect::<Vec<_>>()}));
    }
    context.out.text(&render(context.out.style(), trace, &operations, &chains))
}

/// The operation `id` names and all others of its trace, oldest first.
async fn gather(client: &mut Client, id: &str) -> Result<(Option<TraceId>, Vec<Shown>), CliError> {
    client.refresh_trust().await?;
    let named = match show::fetch(client, id).await {
        Ok(shown) => Some(shown),
        // A trace id names no entry of its own.
        Err(e) if e.code == "not_found" && id.parse::<TraceId>().is_ok() => None,
        Err(e) => return Err(e),
    };
    let trace = named.as_ref().map_or_else(|| id.parse().ok(), |n| n.row.trace);
    let Some(trace) = trace else { return Ok((None, named.into_iter().collect())) };
    let question = LogQuery { trace: Some(trace), limit: OPERATIONS_MAX, ..LogQuery::default() };
    let answer: LogAnswer = client.query_with(query::LOG, &question).await?;
    let mut operations = Vec::with_capacity(answer.rows.len());
    for row in &answer.rows {
        operations.push(show::fetch(client, &format!("#{}", row.index)).await?);
    }
    if operations.is_empty() {
        let error = CliError::usage(format!("nothing in the log has the trace {trace}"), "see `ifctl witness log`");
        operations.push(named.ok_or(error.code("not_found"))?);
    }
    Ok((Some(trace), operations))
}

/// One step of an operation.
struct Link {
    step: &'static str,
    at: Timestamp,
    actor: String,
    /// Entry index and hash, where the step is an entry or part of one.
    entry: Option<(u64, String)>,
    text: String,
}

impl Link {
    fn document(&self) -> Value {
        let entry = self.entry.as_ref().map(|(index, hash)| json!({"index": index, "hash": hash}));
        json!({"step": self.step, "at": self.at, "actor": self.actor, "entry": entry, "text": self.text})
    }
}

/// Command → admission (or refusal) → work → result → settlement, as far as it went.
fn links(shown: &Shown) -> Result<Vec<Link>, CliError> {
    let mut links = Vec::new();
    for view in &shown.views {
        let entry = Some((view.entry.index, view.hash.to_string()));
        let by_broker =
            |step, text| Link { step, at: view.entry.at, actor: "broker".into(), entry: entry.clone(), text };
        match (&view.entry.body, view.said()?) {
            (Body::Admitted { worker, reserved, .. }, Said::Command(c)) => {
                links.push(command(view, &c));
                links.push(by_broker("admission", format!("for {worker}, reserved {reserved}")));
            }
            (Body::Rejected { reject, .. }, Said::Command(c)) => {
                links.push(command(view, &c));
                links.push(by_broker("refusal", format!("{}: {}", reject.code, reject.message)));
            }
            (Body::Completed { settlement, .. }, Said::Result(r)) => {
                let actor = view.signer_name();
                let simulated = if r.simulated { ", simulated target" } else { "" };
                let work = format!("attempt {}{simulated}{}", r.attempt, super::view::routed(&r));
                links.push(Link { step: "work", at: r.started_at, actor: actor.clone(), entry: None, text: work });
                links.push(Link {
                    step: "result",
                    at: r.finished_at,
                    actor,
                    entry: None,
                    text: r.status.as_str().into(),
                });
                links.push(by_broker(
                    "settlement",
                    format!("posted {}, voided {}", settlement.posted, settlement.voided),
                ));
            }
            _ => links.push(Link {
                step: view.entry.body.name(),
                at: view.entry.at,
                actor: view.signer_name(),
                entry,
                text: view.summary()?,
            }),
        }
    }
    Ok(links)
}

fn command(view: &View, c: &Command) -> Link {
    let arguments = view.arguments();
    let why = arguments.as_ref().and_then(|a| a.why.as_ref()).map(|w| format!(", why: {w}"));
    let trigger = arguments.and_then(|a| a.cause).map(|c| format!(", trigger {}", cause_text(&c)));
    let why = [why, trigger].into_iter().flatten().collect::<String>();
    let id = c.id;
    Link { step: "command", at: c.issued_at, actor: view.signer_name(), entry: None, text: format!("{id}{why}") }
}

fn render(style: Style, trace: Option<TraceId>, operations: &[Shown], chains: &[Vec<Link>]) -> String {
    let mut out = trace.map(|t| format!("trace {t}\n")).unwrap_or_default();
    for (n, (operation, links)) in operations.iter().zip(chains).enumerate() {
        let last = n + 1 == operations.len();
        let (branch, stem) = if last { ("└─", "   ") } else { ("├─", "│  ") };
        let row = &operation.row;
        let simulated = if row.simulated { style.yellow("  *** SIMULATED ***") } else { String::new() };
        out.push_str(&format!(
            "{branch} {} {}  {}{simulated}\n",
            style.bold(&row.operation),
            super::log::target(row),
            style.status(&row.status)
        ));
        let begin = links.first().map(|l| l.at);
        for (m, link) in links.iter().enumerate() {
            let twig = if m + 1 == links.len() { "└─" } else { "├─" };
            out.push_str(&format!("{stem}{twig} {}\n", line(style, link, begin)));
        }
    }
    out
}

fn line(style: Style, link: &Link, begin: Option<Timestamp>) -> String {
    let since = begin.map(|b| format!("+{}", value::duration(link.at.since_us(b)))).unwrap_or_default();
    let entry = link
        .entry
        .as_ref()
        .map(|(index, hash)| format!("  #{index} {}", style.dim(&value::short(hash))))
        .unwrap_or_default();
    format!(
        "{:<10}  {}  {since:>10}  {:<12}{entry}  {}",
        link.step,
        value::time_of_day(link.at),
        link.actor,
        value::printable(&link.text)
    )
    .trim_end()
    .to_string()
}
