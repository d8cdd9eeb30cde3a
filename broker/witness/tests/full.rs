//! A disk that takes no more: the log closes with an error that says where and what to do, and loses nothing.
#![cfg(unix)]

mod common;

use common::*;
use if_witness::{Log, Options, WitnessError};
use std::process::Command;

const DIR: &str = "IF_WITNESS_TEST_FULL_DIR";
/// Batches that would be written if nothing stopped the child.
const BATCHES: usize = 100_000;
/// Largest file the child may write, in blocks of 512 bytes or more, as `ulimit -f` counts.
const FILE_BLOCKS: &str = "512";

/// Not a test by itself: what runs where files cannot grow.
#[test]
fn child_appends_until_refused() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let dir = std::path::Path::new(&dir);
    let mut log = Log::open(dir, Options::default()).unwrap();
    let mut maker = Maker::new();
    let mut entries = vec![maker.genesis()];
    let mut durable = None;
    for _ in 0..BATCHES {
        entries.push(maker.admit(&What::default()).0);
        let last = entries.last().map(|e| e.entry.index);
        match log.append(batch(std::mem::take(&mut entries))) {
            Ok(()) => durable = last,
            Err(error) => {
                assert!(matches!(error, WitnessError::Write { .. }), "{error}");
                let text = error.to_string();
                assert!(text.contains(dir.to_str().unwrap()) && text.contains("\nhint: "), "{text}");
                let again = log.append(batch(vec![maker.admit(&What::default()).0])).unwrap_err();
                assert!(matches!(again, WitnessError::Latched { .. }), "{again}");
                assert_eq!(log.reader().head().unwrap().map(|h| h.index), durable, "readers see what was not durable");
                std::fs::write(dir.with_extension("durable"), durable.unwrap().to_string()).unwrap();
                return;
            }
        }
    }
    panic!("nothing refused the writes");
}

#[test]
fn a_full_disk_closes_the_log_and_loses_nothing() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("log");
    let script = format!("trap '' XFSZ; ulimit -f {FILE_BLOCKS}; exec \"$0\" --exact child_appends_until_refused");
    let output =
        Command::new("sh").args(["-c", &script]).arg(std::env::current_exe().unwrap()).env(DIR, &dir).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let durable: u64 = std::fs::read_to_string(dir.with_extension("durable")).unwrap().parse().unwrap();
    // Space is back: everything acknowledged is there, and the log takes entries again.
    let mut log = open(&dir);
    let head = log.reader().head().unwrap().unwrap();
    assert!(head.index >= durable, "entry {durable} was acknowledged, the log ends at {}", head.index);
    let mut maker = Maker::continuing(&log.reader());
    log.append(batch(vec![maker.admit(&What::default()).0])).unwrap();
    drop(log);
    assert_clean(&dir);
}
