//! A broker without IO: keys, clock and log in memory.
#![allow(dead_code)]

pub mod runs;

use if_core::{
    Decision, Input, Metered, Pricing, Prior, Served, State, VerifiedChange, VerifiedCommand, VerifiedFinance,
    VerifiedResult, Window, decide,
};
use if_schemas::{
    Body, Command, CommandId, Effect, Entry, Envelope, FinanceChange, FinanceOp, Hash, Head, Member, Money, Name,
    Payload, Reject, ResultEvent, Role, Salt, SigningKey, Status, Timestamp, TraceId, TrustChange, TrustOp,
    finance::{BudgetAlert, Period},
    head::Verdict,
    member::Genesis,
    payload::Arguments,
    price::{Meter, MeterLine, PriceTable, Quantity, Quote, Rate, Sku, SkuName, Unit, Usage},
    subject,
    wire::Submission,
};
use std::{collections::BTreeMap, sync::Arc};

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
    pub alerts: Vec<BudgetAlert>,
    /// Of every admission, also of those settled since.
    quotes: BTreeMap<CommandId, Quote>,
    seen: Vec<(CommandId, Hash, Head, Option<Reject>)>,
    ids: u64,
}

/// Prices of the tests: a call costs one micro-unit of `currency`, and at most `most` are made.
pub fn metered(most: Money) -> Pricing {
    if most.is_zero() {
        return Pricing::Free;
    }
    let quantity = u64::try_from(most.amount_micros).unwrap();
    let lines = vec![MeterLine { unit: Unit::Call, most: Quantity::Fixed(quantity) }];
    let rates = vec![Rate { unit: Unit::Call, amount_micros: 1, per: 1 }];
    let skus = [("unit".to_string(), Sku { rates, limits: Default::default() })].into();
    let table = PriceTable { version: "test-1".into(), currency: most.currency, skus };
    let meter = Meter { sku: SkuName::Fixed("unit".into()), lines };
    Pricing::Metered(Box::new(Metered { meter, table: Some(Arc::new(table)), args: Default::default() }))
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
            alerts: vec![],
            quotes: BTreeMap::new(),
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
        self.alerts.extend(self.state.apply(&entry, hash).unwrap());
        if let Body::Admitted { envelope, quote: Some(quote), .. } = &entry.body {
            self.quotes.insert(envelope.read_unverified::<Command>().unwrap().id, quote.clone());
        }
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
            session: None,
            payload: arguments().hash(),
            run: None,
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
        self.send_with(command, key, metered(price))
    }

    pub fn send_with(&mut self, command: &Command, key: &SigningKey, pricing: Pricing) -> (Verdict, Option<Head>) {
        let verified = self.verified(command, key);
        let prior = self.prior(&command.id, &verified.hash());
        let hash = verified.hash();
        let input = Input::Command { command: verified, prior, served: served(Some(Effect::Idempotent)), pricing };
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

    pub fn finance(&mut self, op: FinanceOp, key: &SigningKey) -> (Verdict, Option<Head>) {
        let id = self.next_id();
        let change = FinanceChange { id, issued_at: self.now, deadline: self.now.saturating_add_us(5_000_000), op };
        let submission = Submission { envelope: Envelope::seal(&change, key).unwrap(), payload: None };
        let change = VerifiedFinance::verify(self.state.trust(), submission).unwrap();
        let hash = change.hash();
        let prior = self.prior(&id, &hash);
        let done = self.step(id, Some(hash), Input::Finance { change, prior, zone_known: true });
        self.roll();
        done
    }

    /// Begins every window that is due; days, weeks of seven and months of thirty, from the epoch.
    pub fn roll(&mut self) {
        let now = self.now.max(self.state.at());
        for stale in self.state.budgets().stale(now) {
            const DAY_US: i64 = 86_400_000_000;
            let length = match stale.budget.key.period {
                Period::Day => DAY_US,
                Period::Week => 7 * DAY_US,
                Period::Month => 30 * DAY_US,
            };
            let start = Timestamp(now.0 - now.0.rem_euclid(length)).max(stale.not_before.unwrap_or(Timestamp(0)));
            let end = Timestamp(now.0 - now.0.rem_euclid(length) + length);
            let input = Input::Period { budget: stale.budget.key, window: Window { start, end } };
            match decide(&self.state, self.now, input) {
                Decision::Append { body, .. } => drop(self.append(body)),
                other => panic!("{other:?}"),
            }
        }
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
        let quote = self.quotes.get(&command).cloned();
        let used = u64::try_from(cost.amount_micros).unwrap();
        let usage = quote.is_some().then(|| Usage::from([(Unit::Call, used)]));
        self.result_with(
            ResultEvent {
                command,
                entry,
                status,
                started_at: self.now,
                finished_at: self.now,
                attempt: 1,
                simulated: false,
                cost,
                price_table: quote.map(|q| q.table),
                usage,
                payload: payload.hash(),
                route: None,
            },
            key,
        )
    }

    pub fn result_with(&mut self, body: ResultEvent, key: &SigningKey) -> (Verdict, Option<Head>) {
        let (payload, command) = (arguments(), body.command);
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
        self.roll();
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

    pub fn prior(&self, id: &CommandId, hash: &Hash) -> Prior {
        let of_id = || self.seen.iter().filter(|(i, ..)| i == id);
        match of_id().find(|(_, h, ..)| h == hash) {
            Some((_, _, head, reject)) => Prior::Same { head: *head, reject: reject.clone() },
            None if of_id().next().is_some() => Prior::Different,
            None => Prior::Nothing,
        }
    }
}

pub fn arguments() -> Payload {
    Payload::new(&Arguments { args: serde_json::Map::new(), why: None, cause: None }, Salt([5; 16])).unwrap()
}

pub fn code(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Rejected(r) => r.code.as_str(),
        Verdict::Accepted => "accepted",
        Verdict::WouldAccept { .. } => "would_accept",
    }
}
