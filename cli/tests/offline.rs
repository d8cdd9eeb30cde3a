//! `witness verify --file`: no broker, no home directory. A good file passes; every change to it is found and named.

mod support;

use if_schemas::{Body, Entry, Envelope, SigningKey, export::MAGIC, query::RawEntry};
use serde_json::json;
use std::{fs, path::Path};
use support::{Cli, Ran, log::Log};

/// Runs without a home directory at all.
fn verify(cli: &Cli, file: &Path, more: &[&str]) -> Ran {
    let mut command = cli.command(["witness", "verify", "--file"]);
    command.arg(file).args(more).env("IF_HOME", "/nonexistent/if-home").env("HOME", "/nonexistent");
    support::ran(command.output().unwrap())
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn a_whole_log_verifies_and_says_whose_it_is() {
    let (cli, log) = (Cli::default(), Log::new(40));
    let file = cli.path("log.ifx");
    log.export(&file, 0, log.entries.len() - 1);
    let ran = verify(&cli, &file, &["--json"]).expect(0);
    let document = ran.json();
    assert_eq!(document["status"], json!("verified"));
    assert_eq!(document["entries"], json!(82));
    // 40 commands, 40 results, one change of trust; the genesis checks itself; and the head.
    assert_eq!(document["signatures"], json!(82));
    assert_eq!(document["payloads"], json!(80));
    assert_eq!(document["anchor_pinned"], json!(false));
    let human = verify(&cli, &file, &[]).expect(0).stdout;
    assert!(human.starts_with("Verified: 82 entries, 82 signatures, 80 payloads in "), "{human}");
    assert!(human.contains(&format!("admin danny (key {})", log.keys.admin.id())), "{human}");
    assert!(human.contains("were not known beforehand"), "{human}");
}

#[test]
fn trust_can_be_pinned_to_a_genesis_or_to_keys() {
    let (cli, log) = (Cli::default(), Log::new(4));
    let file = cli.path("log.ifx");
    log.export(&file, 0, log.entries.len() - 1);
    let pin = cli.path("pin");
    let good = [
        log.genesis_bin(),
        format!("{}\n{}\n", log.keys.admin.public(), log.keys.broker.public()).into_bytes(),
        format!("# ids\n{} {}", log.keys.admin.id(), log.keys.broker.id()).into_bytes(),
    ];
    for content in good {
        fs::write(&pin, content).unwrap();
        let document = verify(&cli, &file, &["--trust", &text(&pin), "--json"]).expect(0).json();
        assert_eq!(document["anchor_pinned"], json!(true));
    }
    let bad = [
        log.keys.admin.public().to_string(),
        log.keys.broker.id().to_string(),
        format!("{} {}", log.keys.worker.public(), log.keys.broker.public()),
    ];
    for content in bad {
        fs::write(&pin, &content).unwrap();
        let refused = verify(&cli, &file, &["--trust", &text(&pin)]).expect(6);
        assert!(
            refused.stderr.contains("entry 0: ") && refused.stderr.contains("is not among the trusted ones"),
            "{}",
            refused.stderr
        );
    }
}

#[test]
fn every_byte_counts() {
    let (cli, log) = (Cli::default(), Log::new(6));
    let file = cli.path("log.ifx");
    log.export(&file, 0, log.entries.len() - 1);
    let pin = cli.path("genesis.bin");
    fs::write(&pin, log.genesis_bin()).unwrap();
    let good = fs::read(&file).unwrap();
    // A prime stride visits every kind of field over the length of the file.
    for position in (MAGIC.len()..good.len()).step_by(37) {
        let mut bad = good.clone();
        bad[position] ^= 0x10;
        let tampered = cli.path("tampered.ifx");
        fs::write(&tampered, &bad).unwrap();
        let found = verify(&cli, &tampered, &["--trust", &text(&pin)]);
        assert!(found.code == 6, "byte {position} of {} was changed: {found:?}", good.len());
        assert_eq!(found.stdout, "", "byte {position}");
    }
}

#[test]
fn a_cut_file_is_never_taken_for_a_whole_one() {
    let (cli, log) = (Cli::default(), Log::new(6));
    let file = cli.path("log.ifx");
    log.export(&file, 0, log.entries.len() - 1);
    let good = fs::read(&file).unwrap();
    for length in (MAGIC.len()..good.len()).step_by(101) {
        fs::write(&file, &good[..length]).unwrap();
        let found = verify(&cli, &file, &[]).expect(6);
        assert!(
            found.stderr.contains("cut off") || found.stderr.contains("first record"),
            "{length}: {}",
            found.stderr
        );
    }
    for no_export in [b"".as_slice(), b"hello", b"{}"] {
        fs::write(&file, no_export).unwrap();
        verify(&cli, &file, &[]).expect(2);
    }
}

/// A log with one entry changed, its chain made right again and its head signed by a dishonest broker.
fn rechained(log: &Log, at: usize, change: impl Fn(&mut Entry)) -> (Vec<RawEntry>, Envelope) {
    let mut entries: Vec<RawEntry> = Vec::new();
    let mut prev = None;
    for (index, raw) in log.entries.iter().enumerate() {
        let mut entry = Entry::decode(&raw.entry).unwrap();
        if index == at {
            change(&mut entry);
        }
        if let Some(prev) = prev {
            entry.prev = prev;
        }
        let bytes = entry.encode().unwrap();
        prev = Some(Entry::hash_bytes(&bytes));
        entries.push(RawEntry { entry: bytes, payload: raw.payload.clone() });
    }
    let head = if_schemas::Head {
        log: log.hash(0),
        index: entries.len() as u64 - 1,
        hash: prev.unwrap(),
        at: *log.times.last().unwrap(),
    };
    (entries, Envelope::seal(&head, &log.keys.broker).unwrap())
}

#[test]
fn even_the_broker_cannot_rewrite_what_others_signed() {
    let (cli, log) = (Cli::default(), Log::new(300));
    let last = log.entries.len() - 1;
    let file = cli.path("log.ifx");
    // The same result, signed by a key nobody knows.
    let forged = |entry: &mut Entry| {
        if let Body::Completed { envelope, .. } = &mut entry.body {
            let result: if_schemas::ResultEvent = envelope.read_unverified().unwrap();
            *envelope = Envelope::seal(&result, &SigningKey::from_seed(&[77; 32])).unwrap();
        }
    };
    let victim = (401..)
        .find(|i| matches!(Entry::decode(&log.entries[*i].entry).unwrap().body, Body::Completed { .. }))
        .unwrap();
    let (entries, head) = rechained(&log, victim, forged);
    log.export_with(&file, 0, last, |index, _| entries[index].clone(), head);
    let found = verify(&cli, &file, &[]).expect(6);
    assert!(found.stderr.contains(&format!("error: entry {victim}: ")), "{}", found.stderr);
}

#[test]
fn a_bad_signature_is_named_by_its_index_among_hundreds() {
    let (cli, log) = (Cli::default(), Log::new(600));
    let last = log.entries.len() - 1;
    let file = cli.path("log.ifx");
    for victim in [1, 640, last - 1] {
        // The last byte of an envelope is the last one of its signature.
        let forged = |entry: &mut Entry| {
            let mut bytes = entry.body.envelope().unwrap().encode().unwrap();
            let end = bytes.len() - 1;
            bytes[end] ^= 1;
            let envelope = Envelope::decode(&bytes).unwrap();
            match &mut entry.body {
                Body::Admitted { envelope: e, .. } | Body::Completed { envelope: e, .. } => *e = envelope,
                _ => {}
            }
        };
        let (entries, head) = rechained(&log, victim, forged);
        log.export_with(&file, 0, last, |index, _| entries[index].clone(), head);
        let found = verify(&cli, &file, &[]).expect(6);
        assert!(found.stderr.contains(&format!("error: entry {victim}: ")), "victim {victim}: {}", found.stderr);
    }
}

#[test]
fn a_saved_head_finds_truncation_and_rewriting() {
    let (cli, log) = (Cli::default(), Log::new(20));
    let last = log.entries.len() - 1;
    let (file, saved) = (cli.path("log.ifx"), cli.path("head.json"));
    fs::write(&saved, log.saved_head(30)).unwrap();
    let against = ["--against", &text(&saved)].map(str::to_string);
    let against: Vec<&str> = against.iter().map(String::as_str).collect();
    log.export(&file, 0, last);
    assert!(
        verify(&cli, &file, &against).expect(0).stdout.contains("#30 of 2026-11-22 18:30:00.003 is part of this log")
    );
    log.export(&file, 0, 29);
    assert!(
        verify(&cli, &file, &against)
            .expect(6)
            .stderr
            .contains("error: entry 29: the log ends here, but the saved head is entry 30: it has been truncated")
    );
    // The same broker tells another story from entry 21 on: every signature in it is right.
    let other = Log::new(40);
    other.export(&file, 0, last);
    let found = verify(&cli, &file, &against).expect(6);
    assert!(
        found.stderr.contains("error: entry 30: its hash is ") && found.stderr.contains("rewritten"),
        "{}",
        found.stderr
    );
    for garbage in ["", "{}", "{\"head\": 7}", "{\"head\": \"zz\"}", "{\"head\": \"00\"}"] {
        fs::write(&saved, garbage).unwrap();
        verify(&cli, &file, &against).expect(2);
    }
}

#[test]
fn a_range_proves_itself_from_the_trust_before_it() {
    let (cli, log) = (Cli::default(), Log::new(20));
    let last = log.entries.len() - 1;
    let file = cli.path("range.ifx");
    for (from, to) in [(1, 5), (log.trust_index(), last), (log.trust_index() + 1, last), (last, last)] {
        log.export(&file, from, to);
        let document = verify(&cli, &file, &["--json"]).expect(0).json();
        assert_eq!((&document["from"], &document["entries"]), (&json!(from), &json!(to - from + 1)));
    }
    log.export_with(
        &file,
        5,
        9,
        |index, raw| if index == 7 { log.entries[8].clone() } else { raw.clone() },
        log.head(9),
    );
    assert!(verify(&cli, &file, &[]).expect(6).stderr.contains("error: entry 7: index 8 where 7 was due"));
    log.export_with(&file, 5, 9, |_, raw| raw.clone(), log.head(8));
    assert!(verify(&cli, &file, &[]).expect(6).stderr.contains("error: entry 9: the signed head says entry 8"));
    let saved = cli.path("head.json");
    fs::write(&saved, log.saved_head(2)).unwrap();
    log.export(&file, 5, 9);
    assert!(verify(&cli, &file, &["--against", &text(&saved)]).expect(2).stderr.contains("cannot be compared"));
    fs::write(&saved, log.saved_head(4)).unwrap();
    verify(&cli, &file, &["--against", &text(&saved)]).expect(0);
}

#[test]
fn the_proof_of_one_operation_is_shown() {
    let (cli, log) = (Cli::default(), Log::new(8));
    let file = cli.path("log.ifx");
    log.export(&file, 0, log.entries.len() - 1);
    let id = log.command_id(2);
    let document = verify(&cli, &file, &["--operation-id", &id, "--json"]).expect(0).json();
    let operation = document["operation"].as_array().unwrap();
    assert_eq!(operation.iter().map(|e| e["kind"].as_str().unwrap()).collect::<Vec<_>>(), ["admitted", "completed"]);
    assert_eq!(operation[0]["signer_name"], json!("danny"));
    assert_eq!(operation[1]["prev"], operation[0]["hash"]);
    assert!(
        verify(&cli, &file, &["--operation-id", &id[..8]])
            .expect(2)
            .stderr
            .contains("start of more than one command id")
    );
    assert!(
        verify(&cli, &file, &["--operation-id", "ffffffff"])
            .expect(2)
            .stderr
            .contains("the log is intact, but nothing in it is named")
    );
}

#[test]
fn an_erased_payload_still_verifies_and_a_swapped_one_does_not() {
    let (cli, log) = (Cli::default(), Log::new(4));
    let last = log.entries.len() - 1;
    let file = cli.path("log.ifx");
    let erased = |_: usize, raw: &RawEntry| RawEntry { payload: None, ..raw.clone() };
    log.export_with(&file, 0, last, erased, log.head(last));
    assert_eq!(verify(&cli, &file, &["--json"]).expect(0).json()["payloads"], json!(0));
    let swapped = |index: usize, raw: &RawEntry| {
        if index == 3 { RawEntry { payload: log.entries[1].payload.clone(), ..raw.clone() } } else { raw.clone() }
    };
    log.export_with(&file, 0, last, swapped, log.head(last));
    let found = verify(&cli, &file, &[]).expect(6);
    assert!(found.stderr.contains("error: entry 3: payload does not match its hash"), "{}", found.stderr);
}
