//! A run as the log has it: every entry checked, folded the way its orchestrator folds it.

use crate::{CliError, client::Client};
use if_orchestrator::{Fact, Progress, order_of};
use if_schemas::{
    CommandId, Entry, Order, Payload, Plan, TraceId, codec,
    query::{self, Answer, RUNS, RawEntry, RunEntriesAnswer, RunEntriesQuery, RunRow, RunsAnswer},
};
use std::sync::Arc;

/// Most answers read for one run.
const PAGES_MAX: usize = 10_000;
/// What stands for the run that began last.
const LAST: &str = "last";

pub struct Known {
    pub run: CommandId,
    pub order: Order,
    pub trace: TraceId,
    pub progress: Progress,
    /// Index of the entry that began it.
    pub index: u64,
    next: u64,
}

/// The run that an id, the beginning of one, or `last` means.
pub async fn find(client: &mut Client, text: &str) -> Result<CommandId, CliError> {
    if let Ok(id) = text.parse::<CommandId>() {
        return Ok(id);
    }
    let rows = rows(client).await?;
    let fits = |row: &&RunRow| row.run.to_string().starts_with(text);
    let mut found = rows.iter().filter(fits).map(|row| row.run);
    match (text, found.next(), found.next()) {
        (LAST, ..) => {
            rows.last().map(|row| row.run).ok_or_else(|| CliError::usage("there is no run", "see `ifctl bus runs`"))
        }
        (_, Some(run), None) => Ok(run),
        (_, Some(_), Some(_)) => Err(CliError::usage(format!("{text} begins several runs"), "give more of the id")),
        _ => Err(CliError::usage(format!("no run begins with {text:?}"), "see `ifctl bus runs`").code("not_found")),
    }
}

pub async fn rows(client: &mut Client) -> Result<Vec<RunRow>, CliError> {
    let answer: RunsAnswer = client.query(RUNS).await?;
    Ok(answer.runs)
}

impl Known {
    pub async fn read(client: &mut Client, run: CommandId) -> Result<Self, CliError> {
        client.refresh_trust().await?;
        let (entries, head) = fetch(client, run, 0).await?;
        // Its trace may be older than the run.
        let ordered = entries.iter().find_map(|raw| {
            let entry = Entry::decode(&raw.entry).ok()?;
            Some((order_of(&entry, run)?, entry.index, raw))
        });
        let ((change, order), index, first) = ordered.ok_or_else(|| no_run(run))?;
        let erased = || {
            CliError::failed(format!("the plan of the run {run} was erased"))
                .hint("its entries are still there: `ifctl witness log`")
        };
        let plan: Plan = first.payload.as_ref().ok_or_else(erased)?.read()?;
        if plan.tree()?.root != order.root {
            return Err(CliError::damaged(format!("the plan of the run {run} is not the one that was ordered")));
        }
        let progress = Progress::new(run, Arc::new(plan), order.clone())?;
        let mut known = Self { run, order, trace: change.trace, progress, index, next: 0 };
        known.fold(client, entries, head)?;
        Ok(known)
    }

    /// What came since. True if something did.
    pub async fn catch_up(&mut self, client: &mut Client) -> Result<bool, CliError> {
        let (entries, head) = fetch(client, self.run, self.next).await?;
        let is_news = !entries.is_empty();
        if is_news {
            client.refresh_trust().await?;
        }
        self.fold(client, entries, head)?;
        Ok(is_news)
    }

    fn fold(&mut self, client: &Client, entries: Vec<RawEntry>, head: u64) -> Result<(), CliError> {
        for raw in entries {
            let entry = Entry::decode(&raw.entry)?;
            let signer = check(client, &entry, raw.payload.as_ref())?;
            if let Some(fact) =
                Fact::of(&entry, (self.run, self.order.delegate), signer.as_ref(), raw.payload.as_ref())?
            {
                self.progress.apply(&fact);
            }
        }
        self.next = head + 1;
        Ok(())
    }
}

/// Signature and payload of an entry; gives who signed it.
fn check(client: &Client, entry: &Entry, payload: Option<&Payload>) -> Result<Option<if_schemas::Name>, CliError> {
    let Some(envelope) = entry.body.envelope() else { return Ok(None) };
    let member = client.trust.member(&envelope.key()).ok_or_else(|| {
        CliError::damaged(format!("entry {} is signed by {}, which no member has or had", entry.index, envelope.key()))
    })?;
    envelope.verify(&member.key)?;
    if let Some(payload) = payload {
        let committed = entry.body.committed_payload()?;
        payload.check(&committed.ok_or(if_schemas::SchemaError::HashMismatch { what: "payload" })?)?;
    }
    Ok(Some(member.name.clone()))
}

async fn fetch(client: &mut Client, run: CommandId, mut from: u64) -> Result<(Vec<RawEntry>, u64), CliError> {
    let mut all = Vec::new();
    for _ in 0..PAGES_MAX {
        let answer = client.run_entries(&RunEntriesQuery { run, from }).await?;
        all.extend(answer.entries);
        match answer.next {
            Some(next) if next > from => from = next,
            _ => return Ok((all, answer.head)),
        }
    }
    Err(CliError::damaged(format!("the entries of the run {run} do not end after {PAGES_MAX} answers")))
}

fn no_run(run: CommandId) -> CliError {
    CliError::usage(format!("{run} is no run"), "see `ifctl bus runs`").code("not_found")
}

impl Client {
    async fn run_entries(&mut self, question: &RunEntriesQuery) -> Result<RunEntriesAnswer, CliError> {
        let bytes = self.question(query::RUN_ENTRIES, question).await?;
        let answer: Answer<RunEntriesAnswer> = codec::decode("run entries", &bytes)?;
        crate::client::unwrap(answer)
    }
}
