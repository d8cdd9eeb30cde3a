//! The auditor against the golden export files of `schemas/vectors`: it accepts the whole log and stops at the named
//! entry of every broken one.
#![allow(clippy::unwrap_used)]

use if_core::{Auditor, Damage, Standing};
use if_schemas::{
    Currency, Hash, Pin,
    export::{ExportError, Reader, Record},
};
use std::{fs, path::PathBuf};

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../schemas/vectors").join(name)
}

#[derive(Debug)]
enum Fault {
    File(ExportError),
    Entry(Damage),
    Header,
}

/// Audits an export file from entry 0 to its head.
fn audit(bytes: &[u8]) -> Result<Auditor, Fault> {
    let mut reader = Reader::new(bytes).map_err(Fault::File)?;
    let mut auditor = Auditor::default();
    loop {
        match reader.next_record().map_err(Fault::File)? {
            Some(Record::Entry(raw)) => auditor.push(&raw.entry, raw.payload.as_ref()).map_err(Fault::Entry)?,
            Some(Record::Footer(head)) => {
                // Signatures are checked before anything later is believed, as `witness verify` does per batch.
                if let Some(batch) = auditor.take_batch(true) {
                    batch.check().map_err(Fault::Entry)?;
                }
                auditor.check_head(&head).map_err(Fault::Entry)?;
                let header = reader.header();
                if header.from != 0 || Some(header.log) != auditor.state().log() || header.broker.key_id() != head.key()
                {
                    return Err(Fault::Header);
                }
            }
            Some(Record::Trust(_)) => return Err(Fault::Header),
            None => return Ok(auditor),
        }
    }
}

#[test]
fn the_whole_log_is_accepted() {
    let auditor = audit(&fs::read(folder("valid").join("export-whole.bin")).unwrap()).unwrap();
    let state = auditor.state();
    assert_eq!((state.next(), state.in_flight().len(), auditor.payloads()), (24, 1, 10));
    assert_eq!((state.counts().admitted, state.counts().rejected), (5, 2));
    let (currency, account) = state.ledger().accounts().last().unwrap();
    assert_eq!((currency, account.reserved_micros, account.posted_micros), (Currency::USD, 100_000, 370_000));
}

#[test]
fn the_log_with_runs_is_accepted() {
    let auditor = audit(&fs::read(folder("valid").join("export-runs.bin")).unwrap()).unwrap();
    let state = auditor.state();
    let ends: Vec<_> =
        state.runs().iter().map(|(_, run)| (run.standing(), run.posted().unwrap().amount_micros)).collect();
    let ended = |n: usize| match ends[n] {
        (Standing::Ended { outcome, .. }, posted) => (outcome.as_str(), posted),
        other => panic!("{other:?}"),
    };
    assert_eq!((ends.len(), ended(0)), (5, ("rolled_back", 50_000)));
    assert_eq!([1, 2, 3].map(|n| ended(n).0), ["preempted", "preempted", "expired"]);
    assert_eq!(ends[4], (Standing::Going, 0));
    assert!(state.in_flight().is_empty());
}

/// The number after `"index": ` in the vector's description file, if it has one.
fn index_of(json: &str) -> Option<u64> {
    let (_, rest) = json.split_once("\"index\": ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[test]
fn every_broken_log_is_refused_at_the_entry_it_names() {
    let mut seen = 0;
    for file in fs::read_dir(folder("invalid")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("export-") || path.extension().is_none_or(|e| e != "bin") {
            continue;
        }
        let index = index_of(&fs::read_to_string(path.with_extension("json")).unwrap());
        match (audit(&fs::read(&path).unwrap()), index) {
            (Ok(_), _) => panic!("{name} was accepted"),
            (Err(Fault::Entry(damage)), Some(index)) => assert_eq!(damage.index, index, "{name}: {damage}"),
            (Err(Fault::File(e)), None) => assert_ne!(e.name(), "io", "{name}"),
            (Err(Fault::Header), _) => {
                assert!(["export-other-log", "export-other-broker"].contains(&name.as_str()), "{name}")
            }
            (Err(fault), index) => panic!("{name} at {index:?}: {fault:?}"),
        }
        seen += 1;
    }
    assert!(seen > 50, "only {seen} broken logs");
}

#[test]
fn the_pins_of_a_log_are_those_of_its_newest_entries() {
    let auditor = audit(&fs::read(folder("valid").join("export-pins.bin")).unwrap()).unwrap();
    let pins: Vec<_> = auditor.state().trust().pins().map(|(name, pin)| (name.to_string(), *pin)).collect();
    assert_eq!(pins, [("pager".to_string(), Pin { hash: Hash([0x33; 32]), index: 6 })]);
    let entries: Vec<u64> = auditor.state().trust().entries().into_iter().collect();
    assert_eq!(entries, [0, 3, 4, 5, 6], "also what is pinned no more is part of the history");
}

/// Every ninth byte of the file, one bit each: whatever it is, somebody notices.
#[test]
fn a_flipped_bit_anywhere_is_found() {
    const STEP: usize = 9;
    for file in ["export-whole.bin", "export-runs.bin"] {
        let whole = fs::read(folder("valid").join(file)).unwrap();
        for place in (0..whole.len()).step_by(STEP) {
            let mut bytes = whole.clone();
            bytes[place] ^= 1 << (place % 8);
            assert!(audit(&bytes).is_err(), "byte {place} of {file} was changed and nobody noticed");
        }
    }
}
