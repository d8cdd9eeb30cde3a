//! A log made without a broker: real keys, real signatures, the real state machine.

use if_core::State;
use if_schemas::{
    Body, Command, CommandId, Effect, Entry, Envelope, Grant, Hash, Head, Member, Money, Outcome, Payload, ResultEvent,
    Role, Salt, Settlement, SigningKey, Status, Timestamp, TraceId, TrustChange, TrustOp,
    export::{Header, Writer},
    member::Genesis,
    payload::Arguments,
    query::RawEntry,
};
use serde_json::{Map, json};
use std::path::Path;

pub struct Keys {
    pub admin: SigningKey,
    pub broker: SigningKey,
    pub worker: SigningKey,
    pub late: SigningKey,
}

impl Default for Keys {
    fn default() -> Self {
        let key = |n: u8| SigningKey::from_seed(&[n; 32]);
        Self { admin: key(1), broker: key(2), worker: key(3), late: key(4) }
    }
}

pub struct Log {
    pub keys: Keys,
    pub entries: Vec<RawEntry>,
    pub times: Vec<Timestamp>,
    state: State,
    clock: Timestamp,
    /// Commands so far, which makes ids differ.
    commands: u64,
}

impl Log {
    /// Genesis, `commands` commands with their results, one change of trust in the middle.
    pub fn new(commands: u64) -> Self {
        let clock = "2026-11-22T18:30:00Z".parse().unwrap();
        let mut log = Self {
            keys: Keys::default(),
            entries: Vec::new(),
            times: Vec::new(),
            state: State::default(),
            clock,
            commands: 0,
        };
        log.genesis();
        for n in 0..commands {
            if n == commands / 2 {
                log.add_member();
            }
            log.command();
        }
        log
    }

    fn genesis(&mut self) {
        let member = |name: &str, key: &SigningKey, role, grants| Member {
            name: name.parse().unwrap(),
            key: key.public(),
            role,
            grants,
        };
        let genesis = Genesis {
            created_at: self.clock,
            nonce: Hash([7; 32]),
            members: vec![
                member("danny", &self.keys.admin, Role::Admin, vec![]),
                member("broker", &self.keys.broker, Role::Broker, vec![]),
                member("local", &self.keys.worker, Role::Worker, vec![Grant::all()]),
            ],
        };
        let envelope = Envelope::seal(&genesis, &self.keys.admin).unwrap();
        self.append(Body::Genesis { envelope }, None);
    }

    fn add_member(&mut self) {
        let member = Member {
            name: "eve".parse().unwrap(),
            key: self.keys.late.public(),
            role: Role::Operator,
            grants: vec![Grant::all()],
        };
        let id = self.id();
        let change =
            TrustChange { id, issued_at: self.clock, deadline: self.later(5_000_000), op: TrustOp::Add(member) };
        self.append(Body::Trust { envelope: Envelope::seal(&change, &self.keys.admin).unwrap() }, None);
    }

    fn command(&mut self) {
        let args = Map::from_iter([("input".to_string(), json!(self.commands % 4 + 1))]);
        let payload = Payload::new(&Arguments { args, why: None, cause: None }, Salt([5; 16])).unwrap();
        let command = Command {
            id: self.id(),
            trace: TraceId::from_bytes(u128::from(self.commands).to_be_bytes()),
            issued_at: self.clock,
            deadline: self.later(5_000_000),
            operation: "vmix.cut".parse().unwrap(),
            provider: "vmix".parse().unwrap(),
            instance: "myvmix".parse().unwrap(),
            effect: Effect::Once,
            dry_run: false,
            session: None,
            payload: payload.hash(),
            run: None,
        };
        let envelope = Envelope::seal(&command, &self.keys.admin).unwrap();
        self.append(
            Body::Admitted { envelope, worker: "local".parse().unwrap(), reserved: Money::FREE, quote: None },
            Some(payload),
        );
        let outcome = Payload::new(&Outcome::Result(json!({"program": 1})), Salt([6; 16])).unwrap();
        let result = ResultEvent {
            command: command.id,
            entry: self.state.prev(),
            status: Status::Succeeded,
            started_at: self.clock,
            finished_at: self.clock,
            attempt: 1,
            simulated: true,
            cost: Money::FREE,
            price_table: None,
            usage: None,
            payload: outcome.hash(),
            route: None,
        };
        let envelope = Envelope::seal(&result, &self.keys.worker).unwrap();
        let settlement = Settlement { posted: Money::FREE, voided: Money::FREE };
        self.append(Body::Completed { envelope, settlement }, Some(outcome));
    }

    fn id(&mut self) -> CommandId {
        self.commands += 1;
        let mut random = [0; 10];
        random[2..].copy_from_slice(&self.commands.to_be_bytes());
        CommandId::new(1_795_000_000_000 + self.commands, random)
    }

    fn later(&self, us: i64) -> Timestamp {
        self.clock.saturating_add_us(us)
    }

    pub fn append(&mut self, body: Body, payload: Option<Payload>) {
        self.clock = self.later(100);
        let entry = self.state.draft(self.clock, body);
        let bytes = entry.encode().unwrap();
        self.state.apply(&entry, Entry::hash_bytes(&bytes)).unwrap();
        self.entries.push(RawEntry { entry: bytes, payload });
        self.times.push(self.clock);
    }

    pub fn hash(&self, index: usize) -> Hash {
        Entry::hash_bytes(&self.entries[index].entry)
    }

    pub fn head(&self, index: usize) -> Envelope {
        let head = Head { log: self.hash(0), index: index as u64, hash: self.hash(index), at: self.times[index] };
        Envelope::seal(&head, &self.keys.broker).unwrap()
    }

    /// Index of the trust change.
    pub fn trust_index(&self) -> usize {
        let is_trust = |raw: &RawEntry| matches!(Entry::decode(&raw.entry).unwrap().body, Body::Trust { .. });
        self.entries.iter().position(is_trust).unwrap()
    }

    /// What `witness head --json` prints.
    pub fn saved_head(&self, index: usize) -> String {
        json!({"index": index, "head": hex::encode(self.head(index).encode().unwrap())}).to_string()
    }

    pub fn command_id(&self, n: u64) -> String {
        let mut random = [0; 10];
        random[2..].copy_from_slice(&n.to_be_bytes());
        CommandId::new(1_795_000_000_000 + n, random).to_string()
    }

    pub fn genesis_bin(&self) -> Vec<u8> {
        let entry = Entry::decode(&self.entries[0].entry).unwrap();
        entry.body.envelope().unwrap().encode().unwrap()
    }

    /// Writes `from..=to` as an export file.
    pub fn export(&self, path: &Path, from: usize, to: usize) {
        self.export_with(path, from, to, |_, raw| raw.clone(), self.head(to));
    }

    /// The same with entries changed on the way, and any footer.
    pub fn export_with(
        &self,
        path: &Path,
        from: usize,
        to: usize,
        change: impl Fn(usize, &RawEntry) -> RawEntry,
        head: Envelope,
    ) {
        let prev = if from == 0 { Hash::ZERO } else { self.hash(from - 1) };
        let header = Header::new(self.hash(0), from as u64, prev, self.keys.broker.public());
        let file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
        let mut writer = Writer::new(file, &header).unwrap();
        if from > 0 {
            writer.trust(&self.entries[0].entry).unwrap();
            if self.trust_index() < from {
                writer.trust(&self.entries[self.trust_index()].entry).unwrap();
            }
        }
        for index in from..=to {
            writer.entry(change(index, &self.entries[index])).unwrap();
        }
        writer.finish(head).unwrap();
    }
}
