//! `witness verify`: the running log or an exported file, from first entry to signed head.

mod offline;
mod report;

use super::{
    against::SavedHead,
    anchor::{Anchor, owners},
    audit::{Audit, Audited},
    finder::Finder,
};
use crate::{
    CliError,
    client::{Client, stream_entries},
    context::Context,
};
use clap::ArgMatches;
use if_core::Damage;
use if_schemas::{
    Envelope, Head,
    query::{self, HeadAnswer, RawEntry, ShowAnswer, ShowQuery},
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use report::Report;
use std::{path::PathBuf, thread, time::Instant};
use tokio::sync::mpsc;

/// Lists of entries between the network and the replay.
const CHUNK_QUEUE: usize = 4;
/// Redraws of the progress bar per second.
const REDRAWS: u8 = 10;

pub fn run(context: &Context, matches: &ArgMatches) -> Result<(), CliError> {
    let saved = matches.get_one::<PathBuf>("against").map(|p| SavedHead::read(p)).transpose()?;
    let id = matches.get_one::<String>("operation-id").cloned();
    let report = match matches.get_one::<PathBuf>("file") {
        Some(file) => {
            let anchor =
                matches.get_one::<PathBuf>("trust").map(|p| Anchor::read(p)).transpose()?.unwrap_or(Anchor::None);
            offline::verify(context, file, anchor, saved, id.as_deref().map(Finder::new).transpose()?)?
        }
        None => context.with_client(async |client| online(context, client, saved, id).await)?,
    };
    report.show(context)
}

async fn online(
    context: &Context<'_>,
    client: &mut Client,
    saved: Option<SavedHead>,
    id: Option<String>,
) -> Result<Report, CliError> {
    let started = Instant::now();
    let finder = match id {
        Some(id) => Some(Finder::new(&resolve(client, id).await?)?),
        None => None,
    };
    let answer: HeadAnswer = client.query(query::HEAD).await?;
    let head: Head = client.open_from_broker(&answer.head).await?;
    let anchor = Anchor::Genesis(Box::new(client.trust.genesis().clone()));
    let bar = progress(context, head.index + 1, "{bar:40} {pos}/{len} entries  {per_sec}  {eta}");
    let (sender, receiver) = mpsc::channel(CHUNK_QUEUE);
    let replay = {
        let (anchor, bar) = (anchor.clone(), bar.clone());
        thread::Builder::new().name("replay".into()).spawn(move || replay(receiver, &anchor, saved, finder, &bar))
    };
    let replay = replay.map_err(|e| CliError::io("a thread cannot be started", &e))?;
    let streamed = stream_entries(&client.bus, 0..=head.index, true, sender).await;
    let audited = replay.join().map_err(|_| CliError::damaged("the replay panicked: nothing is proven"))?;
    bar.finish_and_clear();
    // Damage comes first: it may be the reason why the stream ended early.
    let audited = audited??;
    streamed?;
    finish(audited, &answer.head, &anchor, started)
}

/// A command id from whatever the user gave: only an id can be searched for while entries stream by.
async fn resolve(client: &mut Client, id: String) -> Result<String, CliError> {
    let shown: ShowAnswer = client.query_with(query::SHOW, &ShowQuery { id: id.clone() }).await?;
    Ok(shown.row.command.map_or(id, |c| c.to_string()))
}

/// Runs on a thread of its own: pushes every entry, then waits for the signatures.
fn replay(
    mut chunks: mpsc::Receiver<Vec<RawEntry>>,
    anchor: &Anchor,
    saved: Option<SavedHead>,
    finder: Option<Finder>,
    bar: &ProgressBar,
) -> Result<Result<Audited, Damage>, CliError> {
    let mut audit = Audit::new(saved, finder)?;
    let mut damage = None;
    while let Some(chunk) = chunks.blocking_recv() {
        damage = push_all(&mut audit, &chunk, anchor).err();
        bar.set_position(audit.next());
        if damage.is_some() {
            break;
        }
    }
    // Closes the channel, so that nothing more is fetched.
    drop(chunks);
    Ok(audit.finish(damage))
}

fn push_all(audit: &mut Audit, chunk: &[RawEntry], anchor: &Anchor) -> Result<(), Damage> {
    for raw in chunk {
        if audit.next() == 0 {
            anchor.check(&raw.entry)?;
        }
        audit.push(raw)?;
    }
    Ok(())
}

/// Everything that is checked once the last entry has been read.
fn finish(audited: Audited, head: &Envelope, anchor: &Anchor, started: Instant) -> Result<Report, CliError> {
    let head = audited.check_head(head)?;
    let state = audited.auditor.state();
    let saved = audited.saved.as_ref().map(|s| s.check(state.trust(), state.log(), head.index)).transpose()?;
    Ok(Report {
        from: 0,
        head,
        signatures: audited.auditor.signatures() + 1,
        payloads: audited.auditor.payloads(),
        unordered: 0,
        took: started.elapsed(),
        pinned: anchor.is_pinned(),
        owners: owners(state.trust()),
        saved,
        trust: state.trust().clone(),
        found: audited.finder.map(Finder::done).transpose()?,
    })
}

fn progress(context: &Context, length: u64, template: &str) -> ProgressBar {
    if !context.out.shows_progress() || context.out.is_json() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr_with_hz(REDRAWS));
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
