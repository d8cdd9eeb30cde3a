//! Damage of every kind is found, at the right entry; what can be made again is.

mod common;

use common::*;
use if_schemas::{Entry, Timestamp};
use if_witness::fsck;
use rocksdb::{DB, IteratorMode};
use std::path::{Path, PathBuf};

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
            // A rebuilt index is made of plain values, which can be listed without the log's merge operator.
            fsck::rebuild(dir.path()).unwrap();
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
        let mut log = open(dir.path());
        assert!(log.erase_payload(victim).unwrap());
        assert_eq!(log.reader().payload(victim).unwrap(), None);
        let row = &log.reader().range(victim, victim, usize::MAX, true).unwrap()[0];
        assert_eq!((&row.bytes, &row.payload), (&entries[victim as usize].bytes, &None));
    }
    assert_clean(dir.path());
    assert_eq!(fsck::fsck(dir.path(), |_, _| {}).unwrap().erased, 1);
    assert_eq!(open(dir.path()).reader().payload(victim).unwrap(), None);
}

/// The table file that holds these bytes, and where.
fn table_with(dir: &Path, needle: &[u8]) -> (PathBuf, usize) {
    let files = std::fs::read_dir(dir).unwrap().map(|f| f.unwrap().path());
    let tables = files.filter(|p| p.extension().is_some_and(|e| e == "sst"));
    let find = |p: PathBuf| {
        let bytes = std::fs::read(&p).unwrap();
        bytes.windows(needle.len()).position(|w| w == needle).map(|at| (p, at))
    };
    tables.into_iter().find_map(find).expect("the bytes are in no table")
}

/// A log large enough for many blocks, all of it in tables.
fn flushed(dir: &Path) -> Vec<if_witness::NewEntry> {
    let (_, entries, _) = write_story(dir, 200);
    let db = raw(dir);
    for family in FAMILIES {
        db.flush_cf(db.cf_handle(family).unwrap()).unwrap();
    }
    entries
}

/// Part of the entry's signature: random bytes, so compression leaves them as they are.
fn marker(new: &if_witness::NewEntry) -> Vec<u8> {
    new.entry.body.envelope().unwrap().signed_parts().unwrap().1.0[20..40].to_vec()
}

#[test]
fn a_bad_sector_is_named_by_entry_and_the_rest_is_still_checked() {
    let dir = tempfile::tempdir().unwrap();
    let entries = flushed(dir.path());
    let victim = entries.iter().rposition(|e| e.entry.body.envelope().is_some() && e.entry.index < 120).unwrap();
    let (file, at) = table_with(dir.path(), &marker(&entries[victim]));
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[at] ^= 0xff;
    std::fs::write(&file, bytes).unwrap();
    assert_found(dir.path(), victim as u64, "cannot be read");
    let report = fsck::fsck(dir.path(), |_, _| {}).unwrap();
    assert_eq!(report.entries, entries.len() as u64, "the walk stopped at the damage");
    let named = report.problems.iter().filter_map(|p| p.index).filter(|i| *i == entries.len() as u64 - 1).count();
    assert_eq!(named, 0, "the last entry is sound");
}

#[test]
fn a_cut_off_table_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let entries = flushed(dir.path());
    let (file, at) = table_with(dir.path(), &marker(&entries[50]));
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..at]).unwrap();
    match fsck::fsck(dir.path(), |_, _| {}) {
        Ok(report) => assert_ne!(report.problems, vec![]),
        Err(error) => assert!(error.to_string().contains(dir.path().to_str().unwrap()), "{error}"),
    }
}

#[test]
fn a_directory_without_a_log_is_an_error_and_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("nowhere");
    let error = fsck::fsck(&missing, |_, _| {}).unwrap_err().to_string();
    assert!(error.contains("nowhere") && error.contains("hint: "), "{error}");
    assert!(!missing.exists(), "fsck made a log");
}

#[test]
fn an_altered_command_record_is_noticed() {
    // The envelope hash in it is what replay protection compares.
    let mut victim = 0;
    let (dir, _) = harmed(|db, entries| {
        victim = entries.iter().position(|e| matches!(e.entry.body, if_schemas::Body::Admitted { .. })).unwrap() as u64;
        let family = db.cf_handle("commands").unwrap();
        let (key, mut value) = db
            .iterator_cf(family, IteratorMode::Start)
            .map(|i| i.unwrap())
            .find(|(k, _)| k.ends_with(&victim.to_be_bytes()))
            .unwrap();
        *value.last_mut().unwrap() ^= 1;
        db.put_cf(family, key, value).unwrap();
    });
    assert_found(dir.path(), victim, "command record");
    assert_eq!(fsck::rebuild(dir.path()).unwrap().problems, vec![]);
}

#[test]
fn a_hash_record_that_points_elsewhere_is_noticed() {
    let (dir, _) = harmed(|db, entries| {
        db.put_cf(db.cf_handle("hashes").unwrap(), &entries[4].hash.0[..16], key(3)).unwrap();
    });
    assert_found(dir.path(), 4, "hash record");
    assert_eq!(fsck::rebuild(dir.path()).unwrap().problems, vec![]);
}

#[test]
fn an_interrupted_rebuild_is_finished_by_the_next_opening() {
    let dir = tempfile::tempdir().unwrap();
    let (maker, ..) = write_story(dir.path(), 20);
    let db = raw(dir.path());
    // What a crash right after clearing leaves behind.
    db.put(b"rebuilding", b"").unwrap();
    for family in ["index", "commands", "hashes"] {
        db.delete_range_cf(db.cf_handle(family).unwrap(), vec![], vec![0xff; 128]).unwrap();
    }
    drop(db);
    let all = if_witness::Filter { limit: 1_000, ..Default::default() };
    assert_eq!(open(dir.path()).reader().query(&all).unwrap(), naive(&maker.rows, &all));
    assert_clean(dir.path());
}

#[test]
fn a_lost_payload_is_not_taken_for_an_erased_one() {
    let mut victim = 0;
    let (dir, _) = harmed(|db, entries| {
        victim = entries.iter().position(|e| e.payload.is_some()).unwrap() as u64;
        db.delete_cf(db.cf_handle("payloads").unwrap(), key(victim)).unwrap();
    });
    assert_found(dir.path(), victim, "payload");
}

#[test]
fn erased_bytes_are_in_no_file_any_more() {
    let dir = tempfile::tempdir().unwrap();
    let mut maker = Maker::new();
    let genesis = maker.genesis();
    let (entry, _) = maker.admit(&What::default());
    // The salt is sixteen bytes found nowhere else.
    let secret = entry.payload.as_ref().unwrap().salt.0;
    let index = entry.entry.index;
    let mut log = open(dir.path());
    log.append(batch(vec![genesis, entry])).unwrap();
    assert!(holds(dir.path(), &secret), "the test looks for the wrong bytes");
    assert!(log.erase_payload(index).unwrap());
    assert!(!log.erase_payload(index).unwrap(), "there is nothing left to erase");
    assert!(!holds(dir.path(), &secret), "still on disk while open");
    drop(log);
    assert!(!holds(dir.path(), &secret), "still on disk");
    assert_clean(dir.path());
}

/// True if a file of the directory holds these bytes.
fn holds(dir: &Path, needle: &[u8]) -> bool {
    let files = std::fs::read_dir(dir).unwrap().map(|f| std::fs::read(f.unwrap().path()).unwrap());
    files.into_iter().any(|bytes| bytes.windows(needle.len()).any(|w| w == needle))
}
