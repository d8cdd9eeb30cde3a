//! Real entries, signed and chained, with the rows they ought to make.
#![allow(dead_code)]

use if_schemas::{
    Body, Code, Command, CommandId, Effect, Entry, Envelope, Hash, Money, Payload, Reject, ResultEvent, Salt,
    Settlement, SigningKey, Status, Timestamp, TraceId, TrustChange, TrustOp, member::Genesis,
};
use if_witness::{Batch, Filter, Log, NewEntry, Options};
use std::path::Path;

/// Microseconds; the time of entry 0.
pub const START_US: i64 = 1_795_000_000_000_000;

/// What a search may return, kept beside the log to compare with.
#[derive(Debug, Clone)]
pub struct ModelRow {
    pub index: u64,
    pub at: Timestamp,
    pub operation: String,
    pub provider: Option<String>,
    pub instance: Option<String>,
    pub actor: if_schemas::KeyId,
    pub trace: Option<TraceId>,
    pub status: String,
}

/// A command that was admitted.
#[derive(Debug, Clone, Copy)]
pub struct Admitted {
    pub id: CommandId,
    pub index: u64,
    pub hash: Hash,
}

/// Makes the entries of one log, in order.
pub struct Maker {
    pub operators: Vec<SigningKey>,
    pub worker: SigningKey,
    pub rows: Vec<ModelRow>,
    next: u64,
    prev: Hash,
    at: Timestamp,
    counter: u64,
}

pub struct What<'a> {
    pub operation: &'a str,
    pub instance: &'a str,
    pub operator: usize,
    pub trace: u8,
}

impl Default for What<'_> {
    fn default() -> Self {
        Self { operation: "vmix.cut", instance: "studio1", operator: 0, trace: 0 }
    }
}

impl Maker {
    pub fn new() -> Self {
        let operators = [1u8, 2, 3].map(|s| SigningKey::from_seed(&[s; 32])).into_iter().collect();
        let worker = SigningKey::from_seed(&[9; 32]);
        Self { operators, worker, rows: Vec::new(), next: 0, prev: Hash::ZERO, at: Timestamp(START_US), counter: 0 }
    }

    /// Goes on after the head of a log. Ids and times are those of a fresh start at that index.
    pub fn continuing(reader: &if_witness::Reader) -> Self {
        let mut maker = Self::new();
        if let Some(head) = reader.head().unwrap() {
            (maker.next, maker.prev, maker.at) = (head.index + 1, head.hash, head.at);
            maker.counter = maker.next * 1_000;
        }
        maker
    }

    pub fn next_index(&self) -> u64 {
        self.next
    }

    /// Moves the clock of the entries to come.
    pub fn wait_us(&mut self, us: i64) {
        self.at = self.at.saturating_add_us(us);
    }

    pub fn now(&self) -> Timestamp {
        self.at
    }

    fn fresh(&mut self) -> (CommandId, Salt) {
        self.counter += 1;
        let mut id = [0u8; 16];
        // Spread over the first digits too, so that prefixes mean something.
        id[..8].copy_from_slice(&self.counter.wrapping_mul(0xd134_2543_de82_ef95).to_be_bytes());
        id[8..].copy_from_slice(&self.counter.to_be_bytes());
        let mut salt = [0u8; 16];
        salt.copy_from_slice(&if_schemas::codec::hash("test salt", &[&self.counter.to_be_bytes()]).0[..16]);
        (CommandId::from_bytes(id), Salt(salt))
    }

    pub fn seal(&mut self, body: Body, payload: Option<Payload>) -> NewEntry {
        let entry = Entry::new(self.next, self.prev, self.at, body);
        let bytes = entry.encode().unwrap();
        let hash = Entry::hash_bytes(&bytes);
        (self.next, self.prev) = (self.next + 1, hash);
        NewEntry { entry, bytes, hash, payload }
    }

    fn row(&mut self, operation: &str, operator: usize, status: &str) {
        self.rows.push(ModelRow {
            index: self.next,
            at: self.at,
            operation: operation.into(),
            provider: None,
            instance: None,
            actor: self.operators[operator].id(),
            trace: None,
            status: status.into(),
        });
    }

    pub fn genesis(&mut self) -> NewEntry {
        let body = Genesis { created_at: self.at, nonce: Hash([7; 32]), members: vec![] };
        let envelope = Envelope::seal(&body, &self.operators[0]).unwrap();
        self.row("genesis", 0, "applied");
        self.seal(Body::Genesis { envelope }, None)
    }

    pub fn command(&mut self, what: &What<'_>) -> (CommandId, Envelope, Payload) {
        let (id, salt) = self.fresh();
        self.command_with_id(what, id, salt)
    }

    pub fn command_with_id(&mut self, what: &What<'_>, id: CommandId, salt: Salt) -> (CommandId, Envelope, Payload) {
        let payload = Payload::new(&serde_json::json!({"args": {"input": self.counter}, "why": null}), salt).unwrap();
        let command = Command {
            id,
            trace: TraceId::from_bytes([what.trace; 16]),
            issued_at: self.at,
            deadline: self.at.saturating_add_us(5_000_000),
            operation: what.operation.parse().unwrap(),
            provider: what.operation.split('.').next().unwrap().parse().unwrap(),
            instance: what.instance.parse().unwrap(),
            effect: Effect::Idempotent,
            dry_run: false,
            session: None,
            payload: payload.hash(),
            run: None,
        };
        (id, Envelope::seal(&command, &self.operators[what.operator]).unwrap(), payload)
    }

    fn command_row(&mut self, what: &What<'_>, status: &str) {
        self.row(what.operation, what.operator, status);
        let row = self.rows.last_mut().unwrap();
        row.provider = Some(what.operation.split('.').next().unwrap().into());
        row.instance = Some(what.instance.into());
        row.trace = Some(TraceId::from_bytes([what.trace; 16]));
    }

    pub fn admit(&mut self, what: &What<'_>) -> (NewEntry, Admitted) {
        let (id, envelope, payload) = self.command(what);
        self.command_row(what, "pending");
        let new = self.seal(
            Body::Admitted { envelope, worker: "node".parse().unwrap(), reserved: Money::FREE, quote: None },
            Some(payload),
        );
        let admitted = Admitted { id, index: new.entry.index, hash: new.hash };
        (new, admitted)
    }

    pub fn reject(&mut self, what: &What<'_>) -> (NewEntry, CommandId) {
        let (id, envelope, payload) = self.command(what);
        self.command_row(what, "rejected");
        let reject = Reject::new(Code::NotAllowed, "no grant covers it");
        (self.seal(Body::Rejected { envelope, reject }, Some(payload)), id)
    }

    fn result(&mut self, of: &Admitted, status: Status) -> (Envelope, Payload) {
        let (_, salt) = self.fresh();
        let payload = Payload::new(&serde_json::json!({"result": {"n": self.counter}}), salt).unwrap();
        let event = ResultEvent {
            command: of.id,
            entry: of.hash,
            status,
            started_at: self.at,
            finished_at: self.at,
            attempt: 1,
            simulated: true,
            cost: Money::FREE,
            price_table: None,
            usage: None,
            payload: payload.hash(),
            route: None,
        };
        (Envelope::seal(&event, &self.worker).unwrap(), payload)
    }

    fn settled(&mut self, of: &Admitted, status: Status) {
        let row = self.rows.iter_mut().find(|r| r.index == of.index).unwrap();
        row.status = status.as_str().into();
    }

    pub fn complete(&mut self, of: &Admitted, status: Status) -> NewEntry {
        let (envelope, payload) = self.result(of, status);
        self.settled(of, status);
        self.seal(Body::Completed { envelope, settlement: FREE }, Some(payload))
    }

    pub fn unresolved(&mut self, of: &Admitted) -> NewEntry {
        self.settled(of, Status::Indeterminate);
        let body = Body::Unresolved {
            command: of.id,
            status: Status::Indeterminate,
            reason: "no result came before the deadline".into(),
            settlement: FREE,
        };
        self.seal(body, None)
    }

    pub fn late(&mut self, of: &Admitted) -> NewEntry {
        let (envelope, payload) = self.result(of, Status::Failed);
        self.seal(Body::Late { envelope }, Some(payload))
    }

    pub fn reject_result(&mut self, of: &Admitted) -> NewEntry {
        let (envelope, payload) = self.result(of, Status::Succeeded);
        let reject = Reject::new(Code::WrongWorker, "another node serves it");
        self.seal(Body::Rejected { envelope, reject }, Some(payload))
    }

    pub fn trust(&mut self, operator: usize) -> NewEntry {
        let (id, _) = self.fresh();
        let change = TrustChange {
            id,
            issued_at: self.at,
            deadline: self.at.saturating_add_us(5_000_000),
            op: TrustOp::Revoke(self.worker.id()),
        };
        let envelope = Envelope::seal(&change, &self.operators[operator]).unwrap();
        self.row("trust.revoke", operator, "applied");
        self.seal(Body::Trust { envelope }, None)
    }

    /// Genesis, then `commands` admitted commands, every second one settled. Small, but with every kind of entry.
    pub fn story(&mut self, commands: usize) -> (Vec<NewEntry>, Vec<Admitted>) {
        let mut entries = vec![self.genesis()];
        let mut admitted = Vec::new();
        for n in 0..commands {
            self.wait_us(1_000);
            let instance = ["studio1", "studio2"][n % 2];
            let (entry, command) = self.admit(&What { instance, trace: n as u8, operator: n % 3, ..What::default() });
            entries.push(entry);
            match n % 4 {
                0 => entries.push(self.complete(&command, Status::Succeeded)),
                1 => entries.push(self.unresolved(&command)),
                _ => {}
            }
            if n % 5 == 1 {
                entries.push(self.late(&command));
                entries.push(self.reject_result(&command));
            }
            if n % 7 == 3 {
                entries.push(self.trust(0));
                entries.push(self.reject(&What::default()).0);
            }
            admitted.push(command);
        }
        (entries, admitted)
    }
}

pub const FREE: Settlement = Settlement { posted: Money::FREE, voided: Money::FREE };

pub fn open(path: &Path) -> Log {
    Log::open(path, Options::default()).unwrap()
}

pub fn batch(entries: Vec<NewEntry>) -> Batch {
    Batch { entries, snapshot: None }
}

pub const FAMILIES: [&str; 7] = ["default", "entries", "payloads", "index", "commands", "hashes", "snapshots"];

/// The database without this crate, for looking closely and for doing harm.
pub fn raw(path: &Path) -> rocksdb::DB {
    // Opening moves what is in the write-ahead log into tables; replaying it needs the log's own merge operator.
    drop(open(path));
    raw_as_it_is(path)
}

/// The same for a log that may not open any more.
pub fn raw_as_it_is(path: &Path) -> rocksdb::DB {
    let mut options = rocksdb::Options::default();
    options.set_disable_auto_compactions(true);
    rocksdb::DB::open_cf(&options, path, FAMILIES).unwrap()
}

/// A log in `path` with the story of `commands` commands, closed again.
pub fn write_story(path: &Path, commands: usize) -> (Maker, Vec<NewEntry>, Vec<Admitted>) {
    let mut maker = Maker::new();
    let (entries, admitted) = maker.story(commands);
    let mut log = open(path);
    for chunk in entries.chunks(7) {
        log.append(batch(chunk.to_vec())).unwrap();
    }
    (maker, entries, admitted)
}

/// What a search must find, the slow way.
pub fn naive(rows: &[ModelRow], f: &Filter) -> (Vec<u64>, bool) {
    let is = |wanted: &Option<String>, has: Option<&str>| wanted.as_deref().is_none_or(|w| has == Some(w));
    let mut found: Vec<u64> = rows
        .iter()
        .rev()
        .filter(|r| is(&f.operation, Some(&r.operation)))
        .filter(|r| is(&f.provider, r.provider.as_deref()) && is(&f.instance, r.instance.as_deref()))
        .filter(|r| is(&f.status, Some(&r.status)))
        .filter(|r| f.actor.is_none_or(|a| a == r.actor) && f.trace.is_none_or(|t| r.trace == Some(t)))
        .filter(|r| f.since.is_none_or(|t| r.at >= t) && f.until.is_none_or(|t| r.at <= t))
        .map(|r| r.index)
        .collect();
    let more = found.len() > f.limit;
    found.truncate(f.limit);
    (found, more)
}

/// The texts of what a check finds.
pub fn problems(path: &Path) -> Vec<String> {
    let report = if_witness::fsck::fsck(path, |_, _| {}).unwrap();
    report.problems.iter().map(ToString::to_string).collect()
}

#[track_caller]
pub fn assert_clean(path: &Path) {
    assert_eq!(problems(path), Vec::<String>::new());
}
