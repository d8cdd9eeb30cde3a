use super::*;
use if_schemas::{Hash, TraceId};

const NOW: Timestamp = Timestamp(1_000_000_000);
const DEADLINE: Timestamp = Timestamp(1_010_000_000);

fn id(n: u8) -> CommandId {
    CommandId::from_bytes([n; 16])
}

use if_schemas::Effect;

fn started(n: u8, effect: Effect) -> Started {
    Started {
        command: id(n),
        entry: Hash([n; 32]),
        trace: TraceId::from_bytes([n; 16]),
        provider: "vmix".parse().unwrap(),
        instance: "one".parse().unwrap(),
        deadline: DEADLINE,
        effect,
        started_at: NOW,
        attempt: 1,
        simulated: false,
        quote: None,
    }
}

fn finished(n: u8, bytes: usize) -> Arc<Finished> {
    Arc::new(Finished {
        command: id(n),
        trace: TraceId::from_bytes([n; 16]),
        provider: "vmix".parse().unwrap(),
        instance: "one".parse().unwrap(),
        deadline: DEADLINE,
        submission: vec![n; bytes],
    })
}

fn open(dir: &Path) -> Inbox {
    Inbox::open(dir, NOW).unwrap()
}

fn begin(inbox: &Inbox, n: u8) -> Begin {
    inbox.begin(id(n), DEADLINE, 1, NOW)
}

/// The journal after everything sent to it is written.
async fn journal(inbox: Inbox, dir: &Path) -> Vec<u8> {
    let marker = id(255);
    inbox.begin(marker, DEADLINE, 1, NOW);
    inbox.finished(finished(255, 1), true).await.unwrap();
    drop(inbox);
    std::fs::read(dir.join("inbox.journal")).unwrap()
}

#[tokio::test]
async fn a_finished_command_is_answered_again_and_never_executed() {
    let dir = tempfile::tempdir().unwrap();
    let inbox = open(dir.path());
    assert_eq!(begin(&inbox, 1), Begin::Execute { attempt: 1, was_begun: false });
    assert_eq!(begin(&inbox, 1), Begin::Running);
    inbox.started(started(1, Effect::Once)).await.unwrap();
    assert_eq!(begin(&inbox, 1), Begin::Running);
    inbox.finished(finished(1, 10), true).await.unwrap();
    assert_eq!(begin(&inbox, 1), Begin::Finished(finished(1, 10)));
    drop(inbox);
    let inbox = open(dir.path());
    assert_eq!(begin(&inbox, 1), Begin::Finished(finished(1, 10)));
    assert_eq!(inbox.unreported(), [finished(1, 10)]);
    inbox.acked(id(1), DEADLINE).await.unwrap();
    assert_eq!(begin(&inbox, 1), Begin::Acked);
    journal(inbox, dir.path()).await;
    let inbox = open(dir.path());
    assert_eq!(begin(&inbox, 1), Begin::Acked);
    assert_eq!(inbox.unreported(), [finished(255, 1)]);
}

#[tokio::test]
async fn only_a_once_command_of_an_earlier_process_is_interrupted() {
    let dir = tempfile::tempdir().unwrap();
    let inbox = open(dir.path());
    for (n, effect) in [(1, Effect::Once), (2, Effect::Idempotent), (3, Effect::Read)] {
        begin(&inbox, n);
        inbox.started(started(n, effect)).await.unwrap();
    }
    journal(inbox, dir.path()).await;
    let inbox = open(dir.path());
    assert_eq!(inbox.take_interrupted(), [Arc::new(started(1, Effect::Once))]);
    // Its result is being made: by one, not by two.
    assert_eq!((inbox.take_interrupted(), begin(&inbox, 1)), (vec![], Begin::Running));
    assert_eq!(begin(&inbox, 2), Begin::Execute { attempt: 2, was_begun: true });
    assert_eq!(begin(&inbox, 3), Begin::Execute { attempt: 2, was_begun: false });
    assert_eq!(begin(&inbox, 2), Begin::Running);
}

/// Three `once` commands in all stages. Whatever byte the file ends at, a command whose `Started` is whole is never
/// executed again, and the last stage that is whole is the one that counts.
#[tokio::test]
async fn a_journal_cut_at_any_byte_keeps_every_whole_record() {
    let source = tempfile::tempdir().unwrap();
    let inbox = open(source.path());
    for n in [1, 2, 3] {
        begin(&inbox, n);
        inbox.started(started(n, Effect::Once)).await.unwrap();
    }
    inbox.finished(finished(1, 40), true).await.unwrap();
    inbox.finished(finished(2, 40), true).await.unwrap();
    inbox.acked(id(2), DEADLINE).await.unwrap();
    let bytes = journal(inbox, source.path()).await;
    let dir = tempfile::tempdir().unwrap();
    for cut in 0..=bytes.len() {
        let kept = bytes.get(..cut).unwrap();
        std::fs::write(dir.path().join("inbox.journal"), kept).unwrap();
        let expected = stages(&frame::scan(kept).records);
        let inbox = open(dir.path());
        for n in [1, 2, 3] {
            let begin = begin(&inbox, n);
            match expected.get(&id(n)) {
                None => assert_eq!(begin, Begin::Execute { attempt: 1, was_begun: false }, "cut at {cut}"),
                Some(Record::Started(s)) => assert_eq!(begin, Begin::Interrupted(s.clone()), "cut at {cut}"),
                Some(Record::Finished(f)) => assert_eq!(begin, Begin::Finished(f.clone()), "cut at {cut}"),
                Some(Record::Acked { .. }) => assert_eq!(begin, Begin::Acked, "cut at {cut}"),
            }
        }
    }
    // The table is not vacuous: with everything there, the three are in three different stages.
    assert_eq!(stages(&frame::scan(&bytes).records).len(), 4);
    assert_eq!(frame::scan(&bytes).damaged, 0);
}

/// The last record of each command.
fn stages(records: &[Vec<u8>]) -> std::collections::HashMap<CommandId, Record> {
    let decoded = records.iter().map(|r| codec::decode::<Record>("record", r).unwrap());
    decoded.map(|r| (r.command(), r)).collect()
}

#[tokio::test]
async fn damage_at_any_byte_loses_at_most_the_record_it_is_in() {
    let source = tempfile::tempdir().unwrap();
    let inbox = open(source.path());
    for n in [1, 2, 3] {
        begin(&inbox, n);
        inbox.started(started(n, Effect::Once)).await.unwrap();
    }
    let bytes = journal(inbox, source.path()).await;
    for at in frame::HEADER_BYTES..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x55;
        let scan = frame::scan(&damaged);
        assert!(scan.records.len() >= 3, "byte {at} lost {} of 4", 4 - scan.records.len());
        assert!(scan.damaged > 0, "byte {at} changed nothing");
    }
}

#[test]
fn a_frame_inside_a_record_of_another_journal_is_no_frame() {
    let (ours, theirs) = ([1; frame::SALT_BYTES], [2; frame::SALT_BYTES]);
    let mut inner = Vec::new();
    frame::write(&mut inner, &theirs, b"forged").unwrap();
    let mut file = frame::header(&ours);
    // A damaged length makes the reader look inside.
    file.extend_from_slice(&[0; 12]);
    file.extend_from_slice(&inner);
    assert_eq!(frame::scan(&file).records, Vec::<Vec<u8>>::new());
}

#[tokio::test]
async fn the_journal_stays_small_and_keeps_what_counts() {
    let dir = tempfile::tempdir().unwrap();
    let inbox = open(dir.path());
    begin(&inbox, 1);
    inbox.started(started(1, Effect::Once)).await.unwrap();
    for _ in 0..40 {
        for n in 2..=4 {
            inbox.forget(id(n));
            begin(&inbox, n);
            inbox.finished(finished(n, 100_000), true).await.unwrap();
        }
    }
    let bytes = journal(inbox, dir.path()).await;
    // 12 MB were written; live are 300 kB.
    assert!(bytes.len() < 2_000_000, "{} bytes", bytes.len());
    let inbox = open(dir.path());
    assert_eq!(begin(&inbox, 1), Begin::Interrupted(started(1, Effect::Once).into()));
    assert_eq!(begin(&inbox, 4), Begin::Finished(finished(4, 100_000)));
}

#[tokio::test]
async fn commands_are_forgotten_a_minute_after_their_deadline_and_not_before() {
    let dir = tempfile::tempdir().unwrap();
    let inbox = open(dir.path());
    begin(&inbox, 1);
    inbox.finished(finished(1, 10), true).await.unwrap();
    let last = DEADLINE.saturating_add_us(crate::intake::REMEMBER_US);
    assert_eq!(inbox.begin(id(1), DEADLINE, 2, last), Begin::Finished(finished(1, 10)));
    assert_eq!(
        inbox.begin(id(1), DEADLINE, 2, last.saturating_add_us(1)),
        Begin::Execute { attempt: 2, was_begun: false }
    );
}

#[tokio::test]
async fn a_once_command_is_refused_while_the_journal_cannot_be_written_and_taken_when_it_can() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gone").join("inbox.journal");
    let readable = dir.path().join("readable");
    std::fs::write(&readable, b"").unwrap();
    let (table, salt) = (Arc::new(Mutex::new(Table::default())), [7; frame::SALT_BYTES]);
    let mut writer = Writer::read_only(&readable, salt, table.clone());
    writer.move_to(&path);
    let lock = File::open(&readable).unwrap();
    let inbox = Inbox::with(writer, table, salt, lock).unwrap();
    begin(&inbox, 1);
    assert!(matches!(inbox.started(started(1, Effect::Once)).await, Err(InboxError::Io { action: "write", .. })));
    begin(&inbox, 2);
    assert!(matches!(inbox.started(started(2, Effect::Once)).await, Err(InboxError::Io { action: "create", .. })));
    // Space is back: everything that counts is written, the result of the refused one too.
    std::fs::create_dir(dir.path().join("gone")).unwrap();
    inbox.finished(finished(1, 10), true).await.unwrap();
    begin(&inbox, 3);
    inbox.started(started(3, Effect::Once)).await.unwrap();
    let records = stages(&frame::scan(&std::fs::read(&path).unwrap()).records);
    assert_eq!(records.get(&id(1)), Some(&Record::Finished(finished(1, 10))));
    assert_eq!(records.get(&id(3)), Some(&Record::Started(started(3, Effect::Once).into())));
}

#[tokio::test]
async fn a_second_worker_on_the_same_home_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    assert_eq!(Inbox::open(dir.path(), NOW).err(), Some(InboxError::InUse(dir.path().into())));
    drop(first);
    open(dir.path());
}

#[test]
fn a_full_table_takes_no_more() {
    let mut table = Table::default();
    table.note(&Record::Finished(finished(1, 1)), table::LIVE_BYTES_MAX);
    assert_eq!(table.begin(id(2), DEADLINE, 1), Begin::Full);
    assert_eq!(table.begin(id(1), DEADLINE, 1), Begin::Finished(finished(1, 1)));
    table.note(&Record::Acked { command: id(1), deadline: DEADLINE }, 60);
    assert_eq!(table.begin(id(2), DEADLINE, 1), Begin::Execute { attempt: 1, was_begun: false });
}

#[test]
fn stages_never_go_back() {
    let mut table = Table::default();
    table.replay(&Record::Acked { command: id(1), deadline: DEADLINE }, 1);
    table.replay(&Record::Finished(finished(1, 1)), 1);
    table.replay(&Record::Started(started(1, Effect::Once).into()), 1);
    assert_eq!(table.begin(id(1), DEADLINE, 1), Begin::Acked);
}
