//! Every write, failed or failed after it reached the disk: the log closes, and opening it again is consistent.

mod common;

use common::*;
use if_schemas::Hash;
use if_witness::{Batch, Fault, Log, Options, WitnessError};

/// Appends in batches, failing the one given; what the log must hold afterwards.
fn run(fault: Fault, fail_at: usize, snapshots: bool) {
    let dir = tempfile::tempdir().unwrap();
    let (entries, _) = Maker::new().story(9);
    let batches: Vec<_> = entries.chunks(5).collect();
    let with_snapshot = |chunk: &[if_witness::NewEntry]| {
        let last = chunk.last().unwrap().entry.index;
        Batch { entries: chunk.to_vec(), snapshot: snapshots.then(|| (last, vec![last as u8])) }
    };
    let mut log = open(dir.path());
    for chunk in &batches[..fail_at] {
        log.append(with_snapshot(chunk)).unwrap();
    }
    let before = log.head().copied();
    log.fail_next_write(fault);
    let error = log.append(with_snapshot(batches[fail_at])).unwrap_err();
    assert!(matches!(error, WitnessError::Write { .. }), "{error}");
    assert_eq!(log.head().copied(), before, "the head moved although nobody knows");

    // Closed: neither the same batch nor the next one, however the disk is now.
    for chunk in [batches[fail_at], batches[(fail_at + 1).min(batches.len() - 1)]] {
        let error = log.append(with_snapshot(chunk)).unwrap_err();
        assert!(matches!(error, WitnessError::Latched { .. }), "{error}");
    }
    drop(log);

    let persisted = if fault == Fault::Persisted { fail_at + 1 } else { fail_at };
    let expected: Vec<Hash> = batches[..persisted].iter().flat_map(|c| c.iter().map(|n| n.hash)).collect();
    assert_clean(dir.path());
    let mut log = Log::open(dir.path(), Options::default()).unwrap();
    assert_eq!(log.head().map(|h| h.index + 1).unwrap_or(0), expected.len() as u64);
    assert_eq!(log.head().map(|h| h.hash), expected.last().copied());
    let snapshot = log.reader().latest_snapshot().unwrap().map(|(index, _)| index);
    assert_eq!(snapshot, (snapshots && persisted > 0).then(|| expected.len() as u64 - 1));

    // Business goes on from what is on disk.
    for chunk in &batches[persisted..] {
        log.append(with_snapshot(chunk)).unwrap();
    }
    drop(log);
    assert_clean(dir.path());
}

#[test]
fn each_write_may_fail_before_or_after_reaching_the_disk() {
    let batches = Maker::new().story(9).0.chunks(5).count();
    for fail_at in 0..batches {
        for fault in [Fault::NotPersisted, Fault::Persisted] {
            for snapshots in [false, true] {
                run(fault, fail_at, snapshots);
            }
        }
    }
}

#[test]
fn readers_go_on_while_the_log_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let (entries, _) = Maker::new().story(3);
    let mut log = open(dir.path());
    log.append(batch(entries[..2].to_vec())).unwrap();
    log.fail_next_write(Fault::NotPersisted);
    log.append(batch(entries[2..3].to_vec())).unwrap_err();
    assert_eq!(log.reader().head().unwrap().unwrap().index, 1);
    assert_eq!(log.reader().range(0, 9, usize::MAX, true).unwrap().len(), 2);
}
