//! Appending, reading back, opening again.

mod common;

use common::*;
use if_schemas::{Entry, Hash, Status};
use if_witness::{Batch, Log, Options, WitnessError};

#[test]
fn an_empty_log_opens_and_stays_empty() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let log = open(dir.path());
    assert!(log.head().is_none());
    assert_eq!(log.reader().head().unwrap(), None);
    assert_eq!(log.reader().range(0, u64::MAX, 1_000, true).unwrap(), vec![]);
    assert_eq!(log.reader().latest_snapshot().unwrap(), None);
}

#[test]
fn every_entry_is_there_after_each_batch_and_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let (entries, _) = Maker::new().story(12);
    let mut written = 0;
    for chunk in entries.chunks(4) {
        open(dir.path()).append(batch(chunk.to_vec())).unwrap();
        written += chunk.len();
        let log = open(dir.path());
        let head = log.reader().head().unwrap().unwrap();
        let last = &entries[written - 1];
        assert_eq!((head.index, head.hash, head.at), (last.entry.index, last.hash, last.entry.at));
        assert_eq!(log.head(), Some(&head));
        let rows = log.reader().range(0, u64::MAX, usize::MAX, true).unwrap();
        assert_eq!(rows.len(), written);
        for (row, new) in rows.iter().zip(&entries) {
            assert_eq!((&row.bytes, &row.payload), (&new.bytes, &new.payload));
        }
    }
    assert_clean(dir.path());
}

#[test]
fn single_reads_agree_with_what_was_appended() {
    let dir = tempfile::tempdir().unwrap();
    let (_, entries, _) = write_story(dir.path(), 10);
    let log = open(dir.path());
    let reader = log.reader();
    for new in &entries {
        let index = new.entry.index;
        assert_eq!(reader.entry(index).unwrap().as_ref(), Some(&new.bytes));
        assert_eq!(reader.payload(index).unwrap(), new.payload);
        assert_eq!(reader.index_of(&new.hash).unwrap(), Some(index));
    }
    assert_eq!(reader.entry(entries.len() as u64).unwrap(), None);
    assert_eq!(reader.index_of(&Hash([1; 32])).unwrap(), None);
}

#[test]
fn a_range_keeps_to_its_bounds_and_always_moves_on() {
    let dir = tempfile::tempdir().unwrap();
    let (_, entries, _) = write_story(dir.path(), 10);
    let log = open(dir.path());
    let range = |from, to, bytes| log.reader().range(from, to, bytes, false).unwrap();
    let indexes = |rows: Vec<if_witness::Row>| rows.iter().map(|r| r.index).collect::<Vec<_>>();
    assert_eq!(indexes(range(3, 5, usize::MAX)), [3, 4, 5]);
    assert_eq!(indexes(range(3, 5, 1)), [3], "one entry even if it is larger than asked for");
    let two = entries[3].bytes.len() + entries[4].bytes.len();
    assert_eq!(indexes(range(3, 9, two)), [3, 4]);
    assert!(range(entries.len() as u64, u64::MAX, 100).is_empty());
    assert!(range(3, u64::MAX, usize::MAX).iter().all(|r| r.payload.is_none()));
}

#[test]
fn what_does_not_continue_the_log_is_refused_and_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let (entries, _) = Maker::new().story(4);
    let mut wrong_hash = entries[1].clone();
    wrong_hash.hash = Hash([3; 32]);
    let (other, _) = Maker::new().story(3);
    let mut foreign = other[2].clone();
    foreign.entry.prev = Hash([4; 32]);
    foreign.bytes = foreign.entry.encode().unwrap();
    foreign.hash = Entry::hash_bytes(&foreign.bytes);
    let wrong: [(&str, Vec<if_witness::NewEntry>); 5] = [
        ("a gap", vec![entries[2].clone()]),
        ("the same again", vec![entries[0].clone()]),
        ("a wrong hash", vec![wrong_hash]),
        ("a gap inside the batch", vec![entries[1].clone(), entries[3].clone()]),
        ("another entry's prev", vec![entries[1].clone(), foreign]),
    ];
    open(dir.path()).append(batch(entries[..1].to_vec())).unwrap();
    for (what, bad) in wrong {
        let mut log = open(dir.path());
        assert!(log.append(batch(bad)).is_err(), "{what} was taken");
        drop(log);
        assert_eq!(open(dir.path()).reader().head().unwrap().unwrap().index, 0, "{what} was written");
    }
    assert_clean(dir.path());
}

#[test]
fn a_command_leads_to_all_its_entries() {
    let dir = tempfile::tempdir().unwrap();
    let mut maker = Maker::new();
    let genesis = maker.genesis();
    let (first, command) = maker.admit(&What::default());
    let (between, _) = maker.admit(&What::default());
    let completed = maker.complete(&command, Status::Succeeded);
    let late = maker.late(&command);
    let all = vec![genesis, first.clone(), between, completed.clone(), late.clone()];
    let mut log = open(dir.path());
    log.append(batch(all)).unwrap();
    let records = log.reader().command_records(&command.id).unwrap();
    let expected: Vec<_> = [&first, &completed, &late]
        .map(|n| (n.entry.index, n.hash, Some(n.entry.body.envelope().unwrap().hash().unwrap())))
        .to_vec();
    let found: Vec<_> = records.iter().map(|r| (r.index, r.entry_hash, r.envelope_hash)).collect();
    assert_eq!(found, expected);
    let unknown = if_schemas::CommandId::from_bytes([0xee; 16]);
    assert_eq!(log.reader().command_records(&unknown).unwrap(), vec![]);
}

#[test]
fn the_start_of_an_id_finds_what_begins_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let (_, _, admitted) = write_story(dir.path(), 40);
    let log = open(dir.path());
    let hex = |id: &if_schemas::CommandId| id.to_string().replace('-', "");
    let ids: Vec<_> = log.reader().range(0, u64::MAX, usize::MAX, false).unwrap();
    assert!(ids.len() > 40);
    for command in &admitted {
        let text = hex(&command.id);
        assert_eq!(log.reader().commands_with_prefix(&text, 2).unwrap(), [command.id]);
        assert!(log.reader().commands_with_prefix(&text[..5], 8).unwrap().contains(&command.id));
    }
    for prefix in ["0", "7", "f", "a3"] {
        let mut expected: Vec<_> = admitted.iter().map(|c| c.id).filter(|id| hex(id).starts_with(prefix)).collect();
        expected.sort();
        let found = log.reader().commands_with_prefix(prefix, 100).unwrap();
        // Trust changes and refused commands have ids too.
        assert!(expected.iter().all(|id| found.contains(id)) && found.iter().all(|id| hex(id).starts_with(prefix)));
        assert!(found.is_sorted());
        assert_eq!(log.reader().commands_with_prefix(prefix, 2).unwrap(), found[..found.len().min(2)]);
    }
    for nothing in ["", "xyz", "0000-1111", &"0".repeat(33)] {
        assert_eq!(log.reader().commands_with_prefix(nothing, 2).unwrap(), [], "{nothing:?}");
    }
}

#[test]
fn the_two_newest_snapshots_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (entries, _) = Maker::new().story(6);
    let mut log = open(dir.path());
    for (n, new) in entries[..5].iter().enumerate() {
        let snapshot = Some((n as u64, vec![n as u8; 100]));
        log.append(Batch { entries: vec![new.clone()], snapshot }).unwrap();
        assert_eq!(log.reader().latest_snapshot().unwrap(), Some((n as u64, vec![n as u8; 100])));
    }
    // Also without entries, as at shutdown.
    log.append(Batch { entries: vec![], snapshot: Some((4, vec![9; 10])) }).unwrap();
    assert_eq!(log.reader().latest_snapshot().unwrap(), Some((4, vec![9; 10])));
    drop(log);
    let db = raw(dir.path());
    let family = db.cf_handle("snapshots").unwrap();
    let kept: Vec<_> = db.iterator_cf(family, rocksdb::IteratorMode::Start).map(|i| i.unwrap().0.to_vec()).collect();
    assert_eq!(kept, [3u64.to_be_bytes().to_vec(), 4u64.to_be_bytes().to_vec()]);
}

#[test]
fn readers_on_other_threads_only_ever_see_a_whole_chain() {
    let dir = tempfile::tempdir().unwrap();
    let (entries, _) = Maker::new().story(60);
    let mut log = open(dir.path());
    log.append(batch(entries[..1].to_vec())).unwrap();
    let last = entries.len() as u64 - 1;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let reader = log.reader();
            let entries = &entries;
            scope.spawn(move || {
                loop {
                    let head = reader.head().unwrap().unwrap();
                    let rows = reader.range(0, head.index, usize::MAX, true).unwrap();
                    assert_eq!(rows.len() as u64, head.index + 1);
                    assert!(rows.iter().zip(entries).all(|(r, e)| r.bytes == e.bytes && r.payload == e.payload));
                    if head.index == last {
                        return;
                    }
                }
            });
        }
        for chunk in entries[1..].chunks(3) {
            log.append(batch(chunk.to_vec())).unwrap();
        }
    });
}

#[test]
fn a_second_opener_is_told_that_the_log_is_in_use() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let second = Log::open(dir.path(), Options::default());
    assert!(matches!(second, Err(WitnessError::InUse { ref path }) if path == dir.path()));
    drop(log);
    open(dir.path());
}

#[test]
fn a_directory_that_cannot_be_used_is_named_with_a_hint() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "not a directory").unwrap();
    for bad in [file.clone(), file.join("witness")] {
        let error = Log::open(&bad, Options::default()).err().unwrap().to_string();
        assert!(error.contains(bad.to_str().unwrap()) && error.contains("\nhint: "), "{error}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "not a directory");
}

#[test]
fn another_format_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    write_story(dir.path(), 2);
    raw(dir.path()).put(b"format", b"if-witness 2").unwrap();
    let error = Log::open(dir.path(), Options::default()).err().unwrap();
    assert!(matches!(error, WitnessError::Format { ref found, .. } if found == "if-witness 2"), "{error}");
    assert_eq!(raw_as_it_is(dir.path()).get(b"format").unwrap().unwrap(), b"if-witness 2");
}

#[test]
fn a_batch_that_contradicts_itself_closes_the_log() {
    let wrong: [(&str, fn(&mut Maker) -> if_witness::NewEntry); 3] = [
        ("a payload that is not the one committed to", |maker| {
            let mut entry = maker.admit(&What::default()).0;
            entry.payload.as_mut().unwrap().bytes.push(0);
            entry
        }),
        ("a payload where none is committed to", |maker| {
            let payload = maker.admit(&What::default()).0.payload;
            let mut fresh = Maker::new();
            fresh.genesis();
            if_witness::NewEntry { payload, ..fresh.trust(0) }
        }),
        ("a time before the last one", |maker| {
            maker.wait_us(-1);
            maker.admit(&What::default()).0
        }),
    ];
    for (what, make) in wrong {
        let dir = tempfile::tempdir().unwrap();
        let mut maker = Maker::new();
        let mut log = open(dir.path());
        log.append(batch(vec![maker.genesis()])).unwrap();
        let bad = make(&mut maker);
        let error = log.append(batch(vec![bad])).unwrap_err();
        assert!(matches!(error, WitnessError::BadEntry { index: 1, .. }), "{what}: {error}");
        let error = log.append(batch(vec![])).unwrap_err();
        assert!(matches!(error, WitnessError::Latched { .. }), "{what}: {error}");
        drop(log);
        assert_clean(dir.path());
    }
}

#[test]
fn a_refused_result_does_not_use_up_the_id_it_names() {
    let dir = tempfile::tempdir().unwrap();
    let mut maker = Maker::new();
    let genesis = maker.genesis();
    let (_, salt) = (0, if_schemas::Salt([5; 16]));
    let id = if_schemas::CommandId::from_bytes([0x42; 16]);
    let forged = maker.reject_result(&Admitted { id, index: 0, hash: Hash([1; 32]) });
    let (_, envelope, payload) = maker.command_with_id(&What::default(), id, salt);
    let body = if_schemas::Body::Admitted {
        envelope,
        worker: "node".parse().unwrap(),
        reserved: if_schemas::Money::FREE,
        quote: None,
    };
    let admission = maker.seal(body, Some(payload));
    let command = Admitted { id, index: admission.entry.index, hash: admission.hash };
    let mut log = open(dir.path());
    log.append(batch(vec![genesis, forged, admission])).unwrap();
    let is_request: Vec<bool> = log.reader().command_records(&id).unwrap().iter().map(|r| r.is_request).collect();
    assert_eq!(is_request, [false, true]);
    // The settlement finds the admission, not the first thing under the id.
    let event = if_schemas::ResultEvent {
        command: id,
        entry: command.hash,
        status: Status::Succeeded,
        started_at: maker.now(),
        finished_at: maker.now(),
        attempt: 1,
        simulated: false,
        cost: if_schemas::Money::FREE,
        price_table: None,
        usage: None,
        payload: Hash([2; 32]),
        route: None,
    };
    let envelope = if_schemas::Envelope::seal(&event, &maker.worker).unwrap();
    let completed = maker.seal(if_schemas::Body::Completed { envelope, settlement: FREE }, None);
    log.append(batch(vec![completed])).unwrap();
    let filter = if_witness::Filter { status: Some("succeeded".into()), limit: 9, ..Default::default() };
    assert_eq!(log.reader().query(&filter).unwrap().0, [command.index]);
    drop(log);
    assert_clean(dir.path());
}
