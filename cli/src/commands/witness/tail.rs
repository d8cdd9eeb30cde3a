//! `witness tail`: entries as they are committed. Each must follow from the one before; a gap is filled from the log.

use crate::{
    CliError, Exit,
    client::Client,
    context::Context,
    output::{Output, value},
};
use clap::ArgMatches;
use if_schemas::{
    Body, Command, Entry, Hash, Head, Kind, ResultEvent,
    query::{self, EntriesQuery, HeadAnswer},
    subject,
    wire::{Committed, Message as _},
};
use serde_json::json;

pub fn run(context: &Context, matches: &ArgMatches) -> Result<(), CliError> {
    let from = matches.get_one::<u64>("from").copied();
    context.with_client(async |client| follow(context.out, client, from).await)
}

async fn follow(out: &Output, client: &mut Client, from: Option<u64>) -> Result<(), CliError> {
    // Subscribed before the head is asked for: nothing can fall between the two.
    let mut live = client.bus.subscribe(subject::WITNESS_ENTRY).await?;
    let mut link = client.bus.link();
    let head = current(client).await?;
    let mut tail = Tail { out, next: from.unwrap_or(head.index + 1), prev: None };
    if !tail.fill(client, &head).await? {
        return Ok(());
    }
    loop {
        tokio::select! {
            message = live.next() => {
                let Some(message) = message else { return Err(lost()) };
                let Ok(committed) = Committed::from_message(&message.payload) else { continue };
                // What the broker did not sign is not an entry, whatever it looks like.
                let Ok(head) = client.open_committed(&committed).await else { continue };
                if head.index < tail.next {
                    continue;
                }
                let read = if head.index == tail.next { tail.push(&committed.entry)? } else { tail.fill(client, &head).await? };
                if !read {
                    return Ok(());
                }
            }
            changed = link.changed() => {
                changed.map_err(|_| lost())?;
                if link.borrow_and_update().up {
                    let head = current(client).await?;
                    if !tail.fill(client, &head).await? {
                        return Ok(());
                    }
                }
            }
        }
    }
}

async fn current(client: &mut Client) -> Result<Head, CliError> {
    let answer: HeadAnswer = client.query(query::HEAD).await?;
    client.open_from_broker(&answer.head).await
}

fn lost() -> CliError {
    CliError::new(Exit::Unreachable, "the connection to NATS was lost").hint("run it again with --from INDEX to go on")
}

/// Where the tail is.
struct Tail<'a> {
    out: &'a Output,
    next: u64,
    /// Hash of entry `next - 1`, once one was read.
    prev: Option<Hash>,
}

impl Tail<'_> {
    /// Reads everything up to `head` from the log. False once nobody reads any more.
    async fn fill(&mut self, client: &mut Client, head: &Head) -> Result<bool, CliError> {
        while self.next <= head.index {
            let answer =
                client.entries(&EntriesQuery { from: self.next, to: Some(head.index), payloads: false }).await?;
            if answer.entries.is_empty() {
                return Err(CliError::damaged(format!("entry {} is missing from the broker's answer", self.next)));
            }
            for raw in &answer.entries {
                if !self.push(&raw.entry)? {
                    return Ok(false);
                }
            }
        }
        if self.next == head.index + 1 && self.prev.is_some_and(|p| p != head.hash) {
            return Err(CliError::damaged(format!("entry {} is not the one the broker signed", head.index)));
        }
        Ok(true)
    }

    fn push(&mut self, bytes: &[u8]) -> Result<bool, CliError> {
        let entry = Entry::decode(bytes)?;
        if entry.index != self.next || self.prev.is_some_and(|p| p != entry.prev) {
            return Err(CliError::damaged(format!("entry {}: it does not follow from the one before it", self.next)));
        }
        let hash = Entry::hash_bytes(bytes);
        self.prev = Some(hash);
        self.next += 1;
        self.out.try_text(&if self.out.is_json() { json_line(&entry, hash) } else { line(&entry, hash) })
    }
}

/// One JSON document per line: a stream has no single one.
fn json_line(entry: &Entry, hash: Hash) -> String {
    let envelope = entry.body.envelope();
    let command = super::finder::command_of(&entry.body);
    json!({"index": entry.index, "hash": hash, "prev": entry.prev, "at": entry.at, "kind": entry.body.name(),
           "signer": envelope.map(|e| e.key()), "command_id": command, "text": text(entry)})
    .to_string()
}

fn line(entry: &Entry, hash: Hash) -> String {
    format!(
        "#{:<8} {}  {:<10} {}  {}",
        entry.index,
        value::time(entry.at),
        entry.body.name(),
        value::short(hash),
        value::printable(&text(entry))
    )
}

fn text(entry: &Entry) -> String {
    let Some(envelope) = entry.body.envelope() else {
        return super::finder::command_of(&entry.body).map(|c| c.to_string()).unwrap_or_default();
    };
    match (&entry.body, envelope.kind()) {
        (Body::Rejected { reject, .. }, _) => format!("{}: {}", reject.code, reject.message),
        (_, Kind::Command) => {
            let command = envelope.read_unverified::<Command>();
            command.map(|c| format!("{} on {}/{}  {}", c.operation, c.provider, c.instance, c.id)).unwrap_or_default()
        }
        (_, Kind::Result) => {
            let result = envelope.read_unverified::<ResultEvent>();
            result
                .map(|r| {
                    format!("{}{}  {}", r.status.as_str(), if r.simulated { " (simulated)" } else { "" }, r.command)
                })
                .unwrap_or_default()
        }
        (_, kind) => kind.as_str().into(),
    }
}
