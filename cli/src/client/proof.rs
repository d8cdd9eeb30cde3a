//! Proving that an entry is in the log: the unbroken chain from it to a head the broker signed.

use super::Client;
use crate::CliError;
use if_schemas::{
    Entry, Hash, Head,
    query::{self, EntriesQuery, HeadAnswer, RawEntry},
};

/// Most chunks fetched between an entry and the head. Entries asked for are new ones, so the way is short.
const CHUNKS_MAX: usize = 256;

/// Fetches entry `index` and proves it: every entry from it on names the one before, and the last one is the signed head's.
/// Gives the entry with its payload, its hash, and the head.
pub async fn fetch_chain(client: &mut Client, index: u64) -> Result<(RawEntry, Hash, Head), CliError> {
    let answer: HeadAnswer = client.query(query::HEAD).await?;
    let head: Head = client.open_from_broker(&answer.head).await?;
    if index > head.index {
        return Err(CliError::damaged(format!("entry {index} is claimed, but the signed head is {}", head.index)));
    }
    let first = one_entry(client, index).await?;
    let hash = Entry::hash_bytes(&first.entry);
    let (mut next, mut prev) = (index + 1, hash);
    for _ in 0..CHUNKS_MAX {
        if next > head.index {
            break;
        }
        let chunk = client.entries(&EntriesQuery { from: next, to: Some(head.index), payloads: false }).await?;
        for raw in &chunk.entries {
            let entry = Entry::decode(&raw.entry)?;
            if entry.index != next || entry.prev != prev {
                return Err(CliError::damaged(format!("entry {next} does not follow from the one before it")));
            }
            (next, prev) = (next + 1, Entry::hash_bytes(&raw.entry));
        }
        if chunk.entries.is_empty() {
            break;
        }
    }
    if next != head.index + 1 || prev != head.hash {
        return Err(CliError::damaged(format!("entry {index} does not lead to the signed head {}", head.index)));
    }
    Ok((first, hash, head))
}

async fn one_entry(client: &mut Client, index: u64) -> Result<RawEntry, CliError> {
    let answer = client.entries(&EntriesQuery { from: index, to: Some(index), payloads: true }).await?;
    let raw = answer.entries.into_iter().next();
    let raw = raw.ok_or_else(|| CliError::damaged(format!("entry {index} is missing from the broker's answer")))?;
    match Entry::decode(&raw.entry)?.index {
        found if found == index => Ok(raw),
        found => Err(CliError::damaged(format!("asked for entry {index}, got {found}"))),
    }
}
