//! Which runs there are, and one of them as the log has it.

use crate::{CliError, client::Client};
use if_orchestrator::{History, HistoryError, Read, open};
use if_schemas::{
    CommandId, Role, Verifier, codec,
    query::{self, Answer, RUNS, RunEntriesAnswer, RunEntriesQuery, RunRow, RunsAnswer},
};

/// Most answers read for one run.
const PAGES_MAX: usize = 10_000;
/// What stands for the run that began last.
const LAST: &str = "last";

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

/// Everything up to now.
pub async fn read(client: &mut Client, run: CommandId) -> Result<History, CliError> {
    client.refresh_trust().await?;
    let (entries, next) = fetch(client, run, 0).await?;
    History::read(run, client.trust.trust(), &entries, next).map_err(refused)
}

/// What came since. True if something did.
pub async fn catch_up(client: &mut Client, history: &mut History) -> Result<bool, CliError> {
    let (entries, next) = fetch(client, history.run, history.next).await?;
    let is_news = !entries.is_empty();
    if is_news {
        client.refresh_trust().await?;
    }
    history.extend(client.trust.trust(), &entries, next).map_err(refused)?;
    Ok(is_news)
}

/// The entries of a run from index `from` on, and where the next reading begins.
async fn fetch(client: &mut Client, run: CommandId, mut from: u64) -> Result<(Vec<Read>, u64), CliError> {
    let log = client.trust.log()?;
    let mut all = Vec::new();
    for _ in 0..PAGES_MAX {
        let answer = client.run_entries(&RunEntriesQuery { run, from }).await?;
        let Some(first) = answer.entries.first() else { return Ok((all, answer.head + 1)) };
        let broker = Verifier::new(client.key_of(&first.head.key(), Role::Broker).await?)?;
        for committed in answer.entries {
            all.push(open(committed, &log, &broker).map_err(refused)?);
        }
        match answer.next {
            Some(next) if next > from => from = next,
            _ => return Ok((all, answer.head + 1)),
        }
    }
    Err(CliError::damaged(format!("the entries of the run {run} do not end after {PAGES_MAX} answers")))
}

fn refused(error: HistoryError) -> CliError {
    match error {
        HistoryError::NoOrder(run) => no_run(run),
        HistoryError::Erased(_) => CliError::failed(error.to_string()).hint("see `ifctl witness log`"),
        HistoryError::Schema(error) => error.into(),
        HistoryError::Forged { .. } | HistoryError::OtherPlan(_) => CliError::damaged(error.to_string()),
    }
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
