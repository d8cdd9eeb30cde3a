//! A process killed while it appends: what it was told is durable is there afterwards, and the log is whole.
#![cfg(unix)]

mod common;

use common::*;
use if_schemas::Hash;
use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

const DIR: &str = "IF_WITNESS_TEST_DIR";
/// Rounds on one directory: each child continues where the one before was killed.
const ROUNDS: usize = 12;
/// Batches a child would write if nobody killed it.
const BATCHES: usize = 100_000;

/// Not a test by itself: what the killed process runs.
#[test]
fn child_appends_until_killed() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let mut log = open(std::path::Path::new(&dir));
    let mut maker = Maker::continuing(&log.reader());
    let mut out = std::io::stdout();
    for n in 0..BATCHES {
        let mut entries = Vec::new();
        if maker.next_index() == 0 {
            entries.push(maker.genesis());
        }
        for _ in 0..=n % 4 {
            let (entry, command) = maker.admit(&What::default());
            entries.push(entry);
            if n % 3 == 0 {
                entries.push(maker.complete(&command, if_schemas::Status::Succeeded));
            }
        }
        let (last, hash) = entries.last().map(|e| (e.entry.index, e.hash)).unwrap();
        let snapshot = (n % 10 == 0).then(|| (last, vec![n as u8; 2_000]));
        log.append(if_witness::Batch { entries, snapshot }).unwrap();
        // Only now may anybody be told.
        writeln!(out, "durable {last} {hash}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn nothing_acknowledged_is_lost_to_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged: Vec<(u64, Hash)> = Vec::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_appends_until_killed", "--nocapture"])
            .env(DIR, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut told = 0;
        // A different number of batches each time; the kill falls anywhere in the next ones.
        while told < 3 + round * 7 {
            let line = lines.next().expect("the child ended by itself").unwrap();
            told += usize::from(note(&line, &mut acknowledged));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // Lines written before the kill count: somebody may have read them.
        for line in lines.map_while(Result::ok) {
            note(&line, &mut acknowledged);
        }
        assert_clean(dir.path());
        let reader = open(dir.path()).reader();
        for (index, hash) in &acknowledged {
            let bytes = reader.entry(*index).unwrap().unwrap_or_else(|| panic!("round {round}: entry {index} is lost"));
            assert_eq!(if_schemas::Entry::hash_bytes(&bytes), *hash, "round {round}: entry {index} changed");
        }
    }
    assert!(acknowledged.len() >= 3 * ROUNDS);
}

fn note(line: &str, acknowledged: &mut Vec<(u64, Hash)>) -> bool {
    // The test harness writes lines of its own, and may put one in front of ours.
    let Some((_, rest)) = line.split_once("durable ") else { return false };
    let mut words = rest.split(' ');
    let parsed = words.next().and_then(|i| i.parse().ok()).zip(words.next().and_then(|h| h.parse().ok()));
    acknowledged.extend(parsed);
    parsed.is_some()
}
