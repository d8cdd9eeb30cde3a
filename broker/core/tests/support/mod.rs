//! A broker without IO: keys, clock and log in memory.
#![allow(dead_code)]

use if_core::{Decision, Input, Prior, Served, State, VerifiedChange, VerifiedCommand, VerifiedResult, decide};
use if_schemas::{
    Body, Command, CommandId, Effect, Entry, Envelope, Hash, Head, Member, Money, Name, Payload, Reject, ResultEvent,
    Role, Salt, SigningKey, Status, Timestamp, TraceId, TrustChange, TrustOp, head::Verdict, member::Genesis,
    payload::Arguments, subject, wire::Submission,
};

pub const START: Timestamp = Timestamp(1_800_000_000_000_000);

pub fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

pub fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub fn member(text: &str, key: &SigningKey, role: Role, grants: &[&str]) -> Member {
    Member { name: name(text), key: key.public(), role, grants: grants.iter().map(|g| g.parse().unwrap()).collect() }
}

/// By the node of the world.
pub fn served(effect: Option<Effect>) -> Served {
    Served::By { worker: name("node"), effect }
}

pub struct World {
    pub state: State,
    pub now: Timestamp,
    pub entries: Vec<Vec<u8>>,
    pub admin: SigningKey,
    pub operator: SigningKey,
    pub broker: SigningKey,
    pub worker: SigningKey,
    seen: Vec<(CommandId, Hash, Head, Option<Reject>)>,
    ids: u64,
}

impl World {
    pub fn new() -> Self {
        let (admin, operator, broker, worker) = (key(1), key(2), key(3), key(4));
        let genesis = Genesis {
            created_at: START,
            nonce: Hash([9; 32]),
            members: vec![
                member("ada", &admin, Role::Admin, &[]),
                member("otto", &operator, Role::Operator, &["obs.*@obs/main"]),
                member("broker", &broker, Role::Broker, &[]),
                member("node", &worker, Role::Worker, &["*@obs"]),
            ],
        };
        let envelope = Envelope::seal(&genesis, &admin).unwrap();
        let mut world = Self {
            state: State::default(),
            now: START,
            entries: vec![],
            admin,
            operator,
            broker,
            worker,
            seen: vec![],
            ids: 0,
        };
        world.append(Body::Genesis { envelope });
        world
    }

    pub fn append(&mut self, body: Body) -> Head {
        let entry = self.state.draft(self.now, body);
        let bytes = entry.encode().unwrap();
        let hash = Entry::hash_bytes(&bytes);
        self.state.apply(&entry, hash).unwrap();
        self.entries.push(bytes);
        Head { log: self.state.log().unwrap(), index: entry.index, hash, at: entry.at }
    }

    pub fn next_id(&mut self) -> CommandId {
        self.ids += 1;
        let mut random = [0; 10];
        random[2..].copy_from_slice(&self.ids.to_be_bytes());
        CommandId::new(1, random)
    }

    pub fn command(&mut self, operation: &str) -> Command {
        Command {
            id: self.next_id(),
            trace: TraceId::from_bytes([7; 16]),
            issued_at: self.now,
            deadline: self.now.saturating_add_us(5_000_000),
            operation: operation.parse().unwrap(),
            provider: name("obs"),
            instance: name("main"),
            effect: Effect::Idempotent,
            dry_run: false,
            payload: arguments().hash(),
        }
    }

    pub fn verified(&self, command: &Command, key: &SigningKey) -> VerifiedCommand {
        let submission = Submission { envelope: Envelope::seal(command, key).unwrap(), payload: Some(arguments()) };
        let subject = subject::command(&command.provider, &command.instance, &command.operation);
        VerifiedCommand::verify(self.state.trust(), submission, &subject).unwrap()
    }

    pub fn send(&mut self, command: &Command, key: &SigningKey) -> (Verdict, Option<Head>) {
        self.send_priced(command, key, Money::FREE)
    }

    pub fn send_priced(&mut self, command: &Command, key: &SigningKey, price: Money) -> (Verdict, Option<Head>) {
        let verified = self.verified(command, key);
        let prior = self.prior(&command.id, &verified.hash());
        let hash = verified.hash();
        let input = Input::Command { command: verified, prior, served: served(Some(Effect::Idempotent)), price };
        self.step(command.id, Some(hash), input)
    }

    pub fn change(&mut self, op: TrustOp, key: &SigningKey) -> (Verdict, Option<Head>) {
        let id = self.next_id();
        let change = TrustChange { id, issued_at: self.now, deadline: self.now.saturating_add_us(5_000_000), op };
        let submission = Submission { envelope: Envelope::seal(&change, key).unwrap(), payload: None };
        let change = VerifiedChange::verify(self.state.trust(), submission).unwrap();
        let hash = change.hash();
        let prior = self.prior(&id, &hash);
        self.step(id, Some(hash), Input::Trust { change, prior })
    }

    pub fn result(
        &mut self,
        command: CommandId,
        entry: Hash,
        status: Status,
        cost: Money,
        key: &SigningKey,
    ) -> (Verdict, Option<Head>) {
        let payload = arguments();
        let body = ResultEvent {
            command,
            entry,
            status,
            started_at: self.now,
            finished_at: self.now,
            attempt: 1,
            simulated: false,
            cost,
            price_table: None,
            payload: payload.hash(),
        };
        let submission = Submission { envelope: Envelope::seal(&body, key).unwrap(), payload: Some(payload) };
        let result = VerifiedResult::verify(self.state.trust(), submission).unwrap();
        let hash = result.hash();
        let prior = self.prior(&command, &hash);
        self.step(command, Some(hash), Input::Result { result, prior })
    }

    pub fn settle_overdue(&mut self) -> usize {
        let overdue = self.state.overdue(self.now, 100);
        for command in &overdue {
            self.step(*command, None, Input::Overdue { command: *command });
        }
        overdue.len()
    }

    pub fn step(&mut self, id: CommandId, hash: Option<Hash>, input: Input) -> (Verdict, Option<Head>) {
        match decide(&self.state, self.now, input) {
            Decision::Answer { verdict, head } => (verdict, head),
            Decision::Append { body, verdict, .. } => {
                let head = self.append(body);
                if let Some(hash) = hash {
                    let reject = match &verdict {
                        Verdict::Rejected(r) => Some(r.clone()),
                        _ => None,
                    };
                    self.seen.push((id, hash, head, reject));
                }
                (verdict, Some(head))
            }
        }
    }

    fn prior(&self, id: &CommandId, hash: &Hash) -> Prior {
        let of_id = || self.seen.iter().filter(|(i, ..)| i == id);
        match of_id().find(|(_, h, ..)| h == hash) {
            Some((_, _, head, reject)) => Prior::Same { head: *head, reject: reject.clone() },
            None if of_id().next().is_some() => Prior::Different,
            None => Prior::Nothing,
        }
    }
}

pub fn arguments() -> Payload {
    Payload::new(&Arguments { args: serde_json::Map::new(), why: None }, Salt([5; 16])).unwrap()
}

pub fn code(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Rejected(r) => r.code.as_str(),
        Verdict::Accepted => "accepted",
        Verdict::WouldAccept => "would_accept",
    }
}
