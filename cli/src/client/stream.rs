//! A range of the log, fetched with several questions under way and handed on in order.

use super::ask_entries;
use crate::CliError;
use futures::{StreamExt, stream::FuturesOrdered};
use if_bus::Bus;
use if_schemas::query::{ENTRIES_CHUNK_BYTES, EntriesQuery, RawEntry};
use std::ops::RangeInclusive;
use tokio::sync::mpsc;

/// Questions under way at once.
const PIPELINE: usize = 4;
/// Entries asked for at first; adapted to what fits one answer.
const STRIDE_FIRST: u64 = 64;
const STRIDE_MAX: u64 = 4_096;

/// Sends every entry of `range`, in order, in lists, until done or until the receiver is gone.
pub async fn stream_entries(
    bus: &Bus,
    range: RangeInclusive<u64>,
    payloads: bool,
    sink: mpsc::Sender<Vec<RawEntry>>,
) -> Result<(), CliError> {
    let (mut next, last) = range.into_inner();
    let mut stride = STRIDE_FIRST;
    let mut under_way = FuturesOrdered::new();
    loop {
        while under_way.len() < PIPELINE && next <= last {
            let to = last.min(next.saturating_add(stride - 1));
            under_way.push_back(fetch(bus, next, to, payloads));
            next = to + 1;
        }
        let Some(entries) = under_way.next().await else { return Ok(()) };
        let entries: Vec<RawEntry> = entries?;
        stride = fitting(&entries);
        if sink.send(entries).await.is_err() {
            return Ok(());
        }
    }
}

/// How many entries like these fit one answer.
fn fitting(entries: &[RawEntry]) -> u64 {
    let bytes: usize = entries.iter().map(|e| e.entry.len() + e.payload.as_ref().map_or(0, |p| p.bytes.len())).sum();
    let average = bytes.div_ceil(entries.len().max(1)).max(1);
    u64::try_from(ENTRIES_CHUNK_BYTES / average).unwrap_or(STRIDE_MAX).clamp(1, STRIDE_MAX)
}

/// All of `from..=to`, in as many answers as it takes.
async fn fetch(bus: &Bus, from: u64, to: u64, payloads: bool) -> Result<Vec<RawEntry>, CliError> {
    let mut entries: Vec<RawEntry> = Vec::new();
    let mut next = from;
    while next <= to {
        let mut answer = ask_entries(bus, &EntriesQuery { from: next, to: Some(to), payloads }).await?;
        let got = u64::try_from(answer.entries.len()).unwrap_or(u64::MAX);
        if got == 0 || got > to - next + 1 {
            return Err(CliError::damaged(format!("asked for entries {next} to {to}, the broker gave {got}")));
        }
        next += got;
        entries.append(&mut answer.entries);
    }
    Ok(entries)
}
