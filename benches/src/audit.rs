//! How fast a log is verified: every hash, rule and signature, on all cores.

use crate::{
    report::{Report, per_second},
    synthetic::Synthetic,
};
use anyhow::Result;
use if_core::{Auditor, SignatureBatch};
use if_witness::{Log, Options};
use std::{
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::Instant,
};

/// Batches waiting for a core.
const QUEUE: usize = 64;
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

pub fn run(log: &Synthetic, report: &mut Report) -> Result<()> {
    let store = Log::open(&log.home.witness_dir(), Options::default())?;
    let reader = store.reader();
    // Baseline: reading and hashing the same entries.
    let start = Instant::now();
    let mut from = 0;
    loop {
        let rows = reader.range(from, u64::MAX, CHUNK_BYTES, false)?;
        let Some(last) = rows.last() else { break };
        from = last.index + 1;
        for row in &rows {
            std::hint::black_box(if_schemas::Entry::hash_bytes(&row.bytes));
        }
    }
    let baseline = per_second(log.entries, start.elapsed());

    let start = Instant::now();
    let (sender, receiver) = mpsc::sync_channel::<SignatureBatch>(QUEUE);
    let receiver = Arc::new(Mutex::new(receiver));
    let cores = thread::available_parallelism().map_or(1, |n| n.get());
    let checkers: Vec<_> = (0..cores)
        .map(|_| {
            let receiver = receiver.clone();
            thread::spawn(move || -> Result<()> {
                loop {
                    let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    match next {
                        Ok(batch) => batch.check()?,
                        Err(_) => return Ok(()),
                    }
                }
            })
        })
        .collect();
    let mut auditor = Auditor::default();
    loop {
        let rows = reader.range(auditor.state().next(), u64::MAX, CHUNK_BYTES, false)?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            auditor.push(&row.bytes, None)?;
            if let Some(batch) = auditor.take_batch(false) {
                sender.send(batch)?;
            }
        }
    }
    if let Some(batch) = auditor.take_batch(true) {
        sender.send(batch)?;
    }
    drop(sender);
    for checker in checkers {
        checker.join().map_err(|_| anyhow::anyhow!("a checker panicked"))??;
    }
    let rate = per_second(log.entries, start.elapsed());
    report.row(
        "witness verify (hashes, rules, signatures)",
        format!("{rate:.0} entries/s"),
        format!("read and hash only {baseline:.0} /s"),
        ">= 50,000 /s",
        rate >= 50_000.0,
    );
    Ok(())
}
