//! Damage of every kind is found, at the right entry; what can be made again is.

mod common;

use common::*;
use if_schemas::{Entry, Timestamp};
use if_witness::fsck;
use rocksdb::{DB, IteratorMode, Options as RawOptions};
use std::path::Path;

const FAMILIES: [&str; 7] = ["default", "entries", "payloads", "index", "commands", "hashes", "snapshots"];

/// The database without this crate, for doing harm.
fn raw(path: &Path) -> DB {
    DB::open_cf(&RawOptions::default(), path, FAMILIES).unwrap()
}

/// A log of a few dozen entries, harmed.
fn harmed(harm: impl FnOnce(&DB, &[if_witness::NewEntry])) -> (tempfile::TempDir, Vec<if_witness::NewEntry>) {
    let dir = tempfile::tempdir().unwrap();
    let (_, entries, _) = write_story(dir.path(), 20);
    let db = raw(dir.path());
    harm(&db, &entries);
    drop(db);
    (dir, entries)
}

fn key(index: u64) -> [u8; 8] {
    index.to_be_bytes()
}

/// Some problem is of this entry, and says this.
#[track_caller]
fn assert_found(dir: &Path, index: u64, what: &str) {
    let found = problems(dir);
    let start = format!("entry {index}: ");
    assert!(found.iter().any(|p| p.starts_with(&start) && p.contains(what)), "{start}{what} not in {found:#?}");
}

#[test]
fn a_sound_log_is_clean_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let (_, entries, _) = write_story(dir.path(), 20);
    let mut seen = Vec::new();
    let report = fsck::fsck(dir.path(), |done, total| seen.push((done, total))).unwrap();
    let total = entries.len() as u64;
    assert_eq!((report.entries, report.problems), (total, vec![]));
    assert_eq!(report.payloads, entries.iter().filter(|e| e.payload.is_some()).count() as u64);
    assert_eq!(seen.last(), Some(&(total, total)));
}

#[test]
fn a_changed_byte_in_an_entry_breaks_the_chain_there() {
    let (dir, _) = harmed(|db, entries| {
        let mut bytes = entries[9].bytes.clone();
        // The last bytes of entry 9 belong to a signature or an amount; the map still parses or it does not.
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        db.put_cf(db.cf_handle("entries").unwrap(), key(9), bytes).unwrap();
    });
    let found = problems(dir.path());
    assert!(found.iter().any(|p| p.starts_with("entry 9: ") || p.starts_with("entry 10: prev is ")), "{found:#?}");
}

#[test]
fn a_rewritten_entry_does_not_fit_the_next_ones_prev() {
    let (dir, _) = harmed(|db, entries| {
        let mut entry = entries[9].entry.clone();
        entry.at = Timestamp(entry.at.0 + 1);
        db.put_cf(db.cf_handle("entries").unwrap(), key(9), entry.encode().unwrap()).unwrap();
    });
    assert_found(dir.path(), 10, "the entry before has hash");
}

#[test]
fn a_missing_entry_is_named() {
    let (dir, _) = harmed(|db, _| db.delete_cf(db.cf_handle("entries").unwrap(), key(7)).unwrap());
    assert_found(dir.path(), 7, "missing");
}

#[test]
fn garbage_and_a_misplaced_entry_are_named() {
    let (dir, _) = harmed(|db, entries| {
        let family = db.cf_handle("entries").unwrap();
        db.put_cf(family, key(5), b"garbage").unwrap();
        db.put_cf(family, key(12), &entries[11].bytes).unwrap();
    });
    assert_found(dir.path(), 5, "entry");
    assert_found(dir.path(), 12, "it says it is entry 11");
}

#[test]
fn time_running_backwards_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut maker = Maker::new();
    let mut entries = vec![maker.genesis()];
    maker.wait_us(5_000);
    entries.push(maker.admit(&What::default()).0);
    maker.wait_us(-2_000);
    let mut earlier = maker.admit(&What::default()).0;
    open(dir.path()).append(batch(entries)).unwrap();
    // A log that was written so, not one that was tampered with: the chain holds.
    let bytes = std::mem::take(&mut earlier.bytes);
    assert_eq!(Entry::decode(&bytes).unwrap().index, 2);
    let db = raw(dir.path());
    db.put_cf(db.cf_handle("entries").unwrap(), key(2), bytes).unwrap();
    drop(db);
    assert_found(dir.path(), 2, "time");
}

#[test]
fn a_payload_that_is_not_the_one_committed_to_is_named() {
    let (dir, entries) = harmed(|db, entries| {
        let family = db.cf_handle("payloads").unwrap();
        let first = entries.iter().position(|e| e.payload.is_some()).unwrap() as u64;
        let mut value = db.get_cf(family, key(first)).unwrap().unwrap();
        *value.last_mut().unwrap() ^= 1;
        db.put_cf(family, key(first), value).unwrap();
    });
    let first = entries.iter().position(|e| e.payload.is_some()).unwrap() as u64;
    assert_found(dir.path(), first, "payload");
}

#[test]
fn every_single_lost_index_key_is_noticed_and_made_again() {
    for family in ["index", "commands", "hashes"] {
        let keys: Vec<Box<[u8]>> = {
            let (dir, _) = harmed(|_, _| {});
            let db = raw(dir.path());
            db.iterator_cf(db.cf_handle(family).unwrap(), IteratorMode::Start).map(|i| i.unwrap().0).collect()
        };
        assert!(keys.len() > 20);
        for lost in keys.iter().step_by(keys.len() / 5) {
            let (dir, _) = harmed(|db, _| db.delete_cf(db.cf_handle(family).unwrap(), lost).unwrap());
            assert_ne!(problems(dir.path()), Vec::<String>::new(), "{family}: loss of {lost:02x?}");
            assert_eq!(fsck::rebuild(dir.path()).unwrap().problems, vec![], "{family}");
            assert_clean(dir.path());
        }
    }
}

#[test]
fn keys_that_no_entry_makes_are_noticed_and_removed() {
    for family in ["index", "commands", "hashes"] {
        let (dir, _) = harmed(|db, _| {
            let stray = [&[6u8, 0, 6][..], b"failed\0\0\0\0\0\0\0\x01".as_slice(), &[0; 7]].concat();
            db.put_cf(db.cf_handle(family).unwrap(), &stray[..24], key(1)).unwrap();
        });
        assert_ne!(problems(dir.path()), Vec::<String>::new(), "{family}");
        assert_eq!(fsck::rebuild(dir.path()).unwrap().problems, vec![], "{family}");
    }
}

#[test]
fn a_snapshot_of_the_future_is_named() {
    let (dir, entries) = harmed(|db, entries| {
        db.put_cf(db.cf_handle("snapshots").unwrap(), key(entries.len() as u64), b"state").unwrap();
    });
    let what = format!("snapshot of entry {}", entries.len());
    assert!(problems(dir.path()).iter().any(|p| p.contains(&what)));
}

#[test]
fn an_erased_payload_leaves_a_sound_log() {
    let dir = tempfile::tempdir().unwrap();
    let (_, entries, _) = write_story(dir.path(), 8);
    let victim = entries.iter().position(|e| e.payload.is_some()).unwrap() as u64;
    {
        let log = open(dir.path());
        log.reader().erase_payload(victim).unwrap();
        assert_eq!(log.reader().payload(victim).unwrap(), None);
        let row = &log.reader().range(victim, victim, usize::MAX, true).unwrap()[0];
        assert_eq!((&row.bytes, &row.payload), (&entries[victim as usize].bytes, &None));
    }
    assert_clean(dir.path());
    assert_eq!(open(dir.path()).reader().payload(victim).unwrap(), None);
}
