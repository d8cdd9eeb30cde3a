//! `witness export`: a file that proves itself.

use crate::{
    CliError,
    client::{Client, stream_entries},
    context::Context,
    output::value,
};
use clap::ArgMatches;
use if_schemas::{
    Entry, Envelope, Hash, Head,
    export::{ExportError, Header, Writer, is_trust_history},
    query::{self, EntriesQuery, HeadAnswer, HeadQuery, RawEntry},
};
use serde_json::json;
use std::{
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};
use tempfile::NamedTempFile;
use tokio::sync::mpsc;

/// Lists of entries between the network and the file.
const CHUNK_QUEUE: usize = 4;

pub fn run(context: &Context, m: &ArgMatches) -> Result<(), CliError> {
    let out = m.get_one::<PathBuf>("out").cloned().unwrap_or_default();
    let from = m.get_one::<u64>("from").copied().unwrap_or(0);
    let to = m.get_one::<u64>("to").copied();
    if out.exists() {
        return Err(CliError::usage(format!("{} exists already", out.display()), "choose another --out, or remove it"));
    }
    let payloads = !m.get_flag("no-payloads");
    let head = context.with_client(async |client| export(client, &out, from, to, payloads).await)?;
    let bytes = std::fs::metadata(&out).map(|m| m.len()).unwrap_or(0);
    let entries = head.index - from + 1;
    if context.out.is_json() {
        let document = json!({"file": out, "log": head.log, "from": from, "to": head.index, "entries": entries, "payloads": payloads,
                              "bytes": bytes, "head": {"index": head.index, "hash": head.hash, "at": head.at}});
        return context.out.document(&document);
    }
    context.out.text(&format!(
        "{entries} entries (#{from} to #{}, {}) in {}, {bytes} bytes\nAnybody can check it: `{} witness verify --file {}`",
        head.index,
        value::short(head.hash),
        out.display(),
        context.program,
        out.display()
    ))
}

async fn export(client: &mut Client, out: &Path, from: u64, to: Option<u64>, payloads: bool) -> Result<Head, CliError> {
    let answer: HeadAnswer = client.query_with(query::HEAD, &HeadQuery { index: to }).await?;
    let head: Head = client.open_from_broker(&answer.head).await?;
    if to.is_some_and(|to| to != head.index) || from > head.index {
        return Err(CliError::usage(format!("the log ends at entry {}", head.index), "use --from and --to within it"));
    }
    let (log, prev, history) = before(client, from).await?;
    if log != head.log {
        return Err(CliError::damaged("the first entry is not of the log the head is of"));
    }
    let directory = out.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let shown = out.display();
    let file = NamedTempFile::new_in(directory)
        .map_err(|e| CliError::io(format!("{} cannot be written to", directory.display()), &e))?;
    let mut writer = Writer::new(BufWriter::new(file), &Header::new(log, from, prev, answer.broker)).map_err(failed)?;
    for entry in &history {
        writer.trust(entry).map_err(failed)?;
    }
    write(client, &mut writer, from, &head, prev, payloads).await?;
    finish(writer, answer.head, out).map_err(|e| CliError::io(shown, &e))?;
    Ok(head)
}

/// The entries of the range. Their chain is checked on the way: a bad log is not exported as a good one.
async fn write<W: Write>(
    client: &Client,
    writer: &mut Writer<W>,
    from: u64,
    head: &Head,
    prev: Hash,
    payloads: bool,
) -> Result<(), CliError> {
    let (sender, mut receiver) = mpsc::channel::<Vec<RawEntry>>(CHUNK_QUEUE);
    let stream = stream_entries(&client.bus, from..=head.index, payloads, sender);
    let copy = async {
        let mut prev = prev;
        while let Some(chunk) = receiver.recv().await {
            for raw in chunk {
                let entry = Entry::decode(&raw.entry)?;
                if entry.prev != prev {
                    return Err(CliError::damaged(format!(
                        "entry {} does not follow from the one before it",
                        entry.index
                    )));
                }
                prev = Entry::hash_bytes(&raw.entry);
                writer.entry(raw).map_err(failed)?;
            }
        }
        Ok(prev)
    };
    let (streamed, last) = tokio::join!(stream, copy);
    let last = last?;
    streamed?;
    match last == head.hash {
        true => Ok(()),
        false => Err(CliError::damaged(format!("entry {} is not the one the broker signed", head.index))),
    }
}

/// Hash of entry 0, hash of the entry before the range, and the trust entries before it.
async fn before(client: &mut Client, from: u64) -> Result<(Hash, Hash, Vec<Vec<u8>>), CliError> {
    if from == 0 {
        let log = hash_of(client, 0).await?;
        return Ok((log, Hash::ZERO, Vec::new()));
    }
    let prev = hash_of(client, from - 1).await?;
    let entries = client.trust_entries().await?;
    let mut history = Vec::new();
    for raw in entries {
        let entry = Entry::decode(&raw.entry)?;
        if entry.index < from && is_trust_history(&entry) {
            history.push(raw.entry);
        }
    }
    let log = history.first().map(|bytes| Entry::hash_bytes(bytes));
    Ok((log.ok_or_else(|| CliError::damaged("the broker gave no genesis"))?, prev, history))
}

async fn hash_of(client: &mut Client, index: u64) -> Result<Hash, CliError> {
    let answer = client.entries(&EntriesQuery { from: index, to: Some(index), payloads: false }).await?;
    let raw = answer
        .entries
        .first()
        .ok_or_else(|| CliError::damaged(format!("entry {index} is missing from the broker's answer")))?;
    Ok(Entry::hash_bytes(&raw.entry))
}

fn finish(writer: Writer<BufWriter<NamedTempFile>>, head: Envelope, out: &Path) -> std::io::Result<()> {
    let buffer = writer.finish(head).map_err(std::io::Error::other)?;
    let file = buffer.into_inner().map_err(|e| e.into_error())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(out).map_err(|e| e.error)?;
    Ok(())
}

fn failed(e: ExportError) -> CliError {
    match e {
        ExportError::Io(e) => CliError::io("the export cannot be written", &e),
        other => CliError::failed(other.to_string()),
    }
}
