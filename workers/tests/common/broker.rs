//! Just enough of a broker: one admin, one broker key, entries that chain, work, receipts.

use super::{PATIENCE, adapter::PROVIDER, within};
use if_bus::{Bus, BusRole, ConnectOptions, Subscription};
use if_schemas::{
    Body, Command, CommandId, Effect, Entry, Envelope, Hash, Head, Member, Money, Name, Outcome, Payload, PublicKey,
    ResultEvent, Role, Salt, SigningKey, Timestamp, TraceId, TrustChange, TrustOp,
    head::{Receipt, Verdict},
    member::Genesis,
    payload::Arguments,
    presence::Announcement,
    price::Quote,
    query::{Answer, EntriesAnswer, HeadAnswer, RawEntry},
    subject,
    wire::{Committed, Message, Submission, WorkItem},
};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{sync::mpsc, task::JoinSet};

pub const WORKER_SEED: [u8; 32] = [3; 32];
/// Of a second node that may serve the same instances.
pub const SPARE_SEED: [u8; 32] = [4; 32];

pub fn admin() -> SigningKey {
    SigningKey::from_seed(&[1; 32])
}
pub fn broker_key() -> SigningKey {
    SigningKey::from_seed(&[2; 32])
}
pub fn stranger() -> SigningKey {
    SigningKey::from_seed(&[99; 32])
}

fn member(name: &str, key: PublicKey, role: Role, grants: &[&str]) -> Member {
    let grants = grants.iter().map(|g| g.parse().unwrap()).collect();
    Member { name: name.parse().unwrap(), key, role, grants }
}

pub fn genesis() -> Envelope {
    let members = vec![
        member("admin", admin().public(), Role::Admin, &[]),
        member("broker", broker_key().public(), Role::Broker, &[]),
        member("node1", SigningKey::from_seed(&WORKER_SEED).public(), Role::Worker, &["*"]),
        member("node2", SigningKey::from_seed(&SPARE_SEED).public(), Role::Worker, &["*"]),
    ];
    Envelope::seal(&Genesis { created_at: Timestamp(1), nonce: Hash([7; 32]), members }, &admin()).unwrap()
}

pub fn now() -> Timestamp {
    if_worker::clock::now()
}

pub fn id() -> CommandId {
    CommandId::from_bytes(if_worker::clock::salt().unwrap().0)
}

/// A command with its arguments, ready to be admitted.
#[derive(Clone)]
pub struct Order {
    pub command: Command,
    pub payload: Payload,
}

pub fn order(instance: &str, verb: &str, effect: Effect, text: &str, deadline: Duration) -> Order {
    let args = json!({"text": text}).as_object().unwrap().clone();
    let payload = Payload::new(&Arguments { args, why: None, cause: None }, Salt([5; 16])).unwrap();
    let now = now();
    let command = Command {
        id: id(),
        trace: TraceId::from_bytes([9; 16]),
        issued_at: now,
        deadline: now.saturating_add_us(i64::try_from(deadline.as_micros()).unwrap()),
        operation: format!("{PROVIDER}.{verb}").parse().unwrap(),
        provider: PROVIDER.parse().unwrap(),
        instance: instance.parse().unwrap(),
        effect,
        dry_run: false,
        session: None,
        payload: payload.hash(),
        run: None,
    };
    Order { command, payload }
}

struct Log {
    entries: Vec<Vec<u8>>,
}

impl Log {
    fn append(&mut self, body: Body) -> (Vec<u8>, Head) {
        let prev = self.entries.last().map_or(Hash::ZERO, |e| Entry::hash_bytes(e));
        let entry = Entry::new(self.entries.len() as u64, prev, now(), body);
        let bytes = entry.encode().unwrap();
        self.entries.push(bytes.clone());
        let head = Head {
            log: Entry::hash_bytes(&self.entries[0]),
            index: entry.index,
            hash: Entry::hash_bytes(&bytes),
            at: entry.at,
        };
        (bytes, head)
    }
    fn trust(&self) -> Vec<RawEntry> {
        let is_trust =
            |e: &&Vec<u8>| matches!(Entry::decode(e).unwrap().body, Body::Genesis { .. } | Body::Trust { .. });
        self.entries.iter().filter(is_trust).map(|e| RawEntry { entry: e.clone(), payload: None }).collect()
    }
}

/// A result as the broker got it.
pub struct Got {
    pub event: ResultEvent,
    pub outcome: Outcome,
    pub submission: Vec<u8>,
}

pub struct Broker {
    pub bus: Bus,
    log: Arc<Mutex<Log>>,
    results: mpsc::UnboundedReceiver<Got>,
    /// How results are answered from now on: none for silence.
    pub verdict: Arc<Mutex<Option<Verdict>>>,
    presence: Subscription,
    /// Ends with the broker.
    _answering: JoinSet<()>,
}

impl Broker {
    pub async fn start(url: &str) -> Self {
        let options =
            ConnectOptions { url: url.into(), name: "test broker".into(), role: BusRole::Broker, nkey_seed: None };
        let bus = Bus::connect(&options).await.unwrap();
        bus.ensure_streams().await.unwrap();
        let mut log = Log { entries: vec![] };
        log.append(Body::Genesis { envelope: genesis() });
        let log = Arc::new(Mutex::new(log));
        let presence = bus.subscribe(subject::PRESENCE).await.unwrap();
        let (sender, results) = mpsc::unbounded_channel();
        let verdict = Arc::new(Mutex::new(Some(Verdict::Accepted)));
        let queries = bus.subscribe("if.query.trust_entries").await.unwrap();
        let mut answering = JoinSet::new();
        answering.spawn(answer_trust(bus.clone(), queries, log.clone()));
        let queries = bus.subscribe("if.query.head").await.unwrap();
        answering.spawn(answer_head(bus.clone(), queries, log.clone()));
        let reports = bus.subscribe(subject::RESULTS).await.unwrap();
        answering.spawn(take_results(bus.clone(), reports, sender, verdict.clone()));
        bus.flush().await.unwrap();
        Self { bus, log, results, verdict, presence, _answering: answering }
    }

    /// Admits and hands out.
    pub async fn send(&self, order: &Order) -> WorkItem {
        let item = self.admit(order, &admin());
        self.publish(&order.command.instance, &item, "").await;
        item
    }

    pub fn admit(&self, order: &Order, signer: &SigningKey) -> WorkItem {
        self.admit_for("node1", order, signer)
    }

    pub fn admit_for(&self, worker: &str, order: &Order, signer: &SigningKey) -> WorkItem {
        self.admit_priced(worker, order, signer, None)
    }

    pub fn admit_priced(&self, worker: &str, order: &Order, signer: &SigningKey, quote: Option<Quote>) -> WorkItem {
        let envelope = Envelope::seal(&order.command, signer).unwrap();
        let reserved = quote.as_ref().map_or(Money::FREE, |q| q.worst_case().unwrap());
        let (entry, head) = self.log.lock().unwrap().append(Body::Admitted {
            envelope,
            worker: worker.parse().unwrap(),
            reserved,
            quote,
        });
        let head = Envelope::seal(&head, &broker_key()).unwrap();
        Committed { entry, head, payload: Some(order.payload.clone()), signer: Some(signer.public()), order: None }
    }

    /// `again` makes the server take the same item once more.
    pub async fn publish(&self, instance: &Name, item: &WorkItem, again: &str) {
        let id = format!("{}{again}", Entry::hash_bytes(&item.entry));
        let subject = subject::work(&PROVIDER.parse().unwrap(), instance);
        self.bus.publish_work(&subject, &id, item.to_message().unwrap()).await.unwrap();
    }

    /// Puts a trust change into the log and tells everybody.
    pub async fn change_trust(&self, op: TrustOp, tell: bool) {
        let change = TrustChange { id: id(), issued_at: now(), deadline: now().saturating_add_us(1_000_000), op };
        let envelope = Envelope::seal(&change, &admin()).unwrap();
        let (entry, head) = self.log.lock().unwrap().append(Body::Trust { envelope });
        if tell {
            let head = Envelope::seal(&head, &broker_key()).unwrap();
            let committed = Committed { entry, head, payload: None, signer: Some(admin().public()), order: None };
            self.bus.publish(subject::WITNESS_TRUST, committed.to_message().unwrap(), None).await.unwrap();
        }
    }

    pub async fn result(&mut self) -> Got {
        within("a result", self.results.recv()).await.unwrap()
    }

    /// No new result is there, and none comes before one for `marker`, which is sent after everything else. The bytes
    /// of a `known` result may come again: the worker sends them until it has seen a receipt.
    pub async fn nothing_new_before(&mut self, marker: &Order, known: &[&Got]) {
        self.send(marker).await;
        loop {
            let got = self.result().await;
            if got.event.command == marker.command.id {
                return;
            }
            assert!(known.iter().any(|k| k.submission == got.submission), "a new result: {:?}", got.event);
        }
    }

    pub async fn nothing_before(&mut self, marker: &Order) {
        self.nothing_new_before(marker, &[]).await;
    }

    /// The next announcement that `wanted` likes.
    pub async fn announced(&mut self, what: &str, wanted: impl Fn(&Announcement) -> bool) -> Announcement {
        let worker = SigningKey::from_seed(&WORKER_SEED).public();
        let search = async {
            loop {
                let message = self.presence.next().await.unwrap();
                // Tariffs come on the same subjects.
                let Ok(envelope) = Envelope::from_message(&message.payload) else { continue };
                let announcement: Announcement = envelope.open(&worker).unwrap();
                if wanted(&announcement) {
                    return announcement;
                }
            }
        };
        tokio::time::timeout(PATIENCE, search).await.unwrap_or_else(|_| panic!("not announced: {what}"))
    }
}

async fn answer_trust(bus: Bus, mut queries: Subscription, log: Arc<Mutex<Log>>) {
    while let Some(message) = queries.next().await {
        let entries = log.lock().unwrap().trust();
        let answer = Answer::Ok(EntriesAnswer { from: 0, entries, head: 0 });
        let bytes = if_schemas::codec::encode("answer", &answer).unwrap();
        // The server may be down in this test.
        let _ = bus.reply(&message, bytes).await;
    }
}

async fn answer_head(bus: Bus, mut queries: Subscription, log: Arc<Mutex<Log>>) {
    while let Some(message) = queries.next().await {
        let entry0 = log.lock().unwrap().entries[0].clone();
        let hash = Entry::hash_bytes(&entry0);
        let head = Envelope::seal(&Head { log: hash, index: 0, hash, at: now() }, &broker_key()).unwrap();
        let answer = Answer::Ok(HeadAnswer { head, broker: broker_key().public() });
        let _ = bus.reply(&message, serde_json::to_vec(&answer).unwrap()).await;
    }
}

async fn take_results(
    bus: Bus,
    mut reports: Subscription,
    results: mpsc::UnboundedSender<Got>,
    verdict: Arc<Mutex<Option<Verdict>>>,
) {
    let workers = [WORKER_SEED, SPARE_SEED].map(|seed| SigningKey::from_seed(&seed).public());
    while let Some(message) = reports.next().await {
        let submission = Submission::from_message(&message.payload).unwrap();
        let worker = workers.iter().find(|w| w.key_id() == submission.envelope.key()).unwrap();
        let event: ResultEvent = submission.envelope.open(worker).unwrap();
        let payload = submission.payload.unwrap();
        payload.check(&event.payload).unwrap();
        let outcome: Outcome = payload.read().unwrap();
        let verdict = verdict.lock().unwrap().clone();
        if let Some(verdict) = verdict {
            let receipt = Receipt { command: Some(event.command), head: None, verdict };
            let receipt = Envelope::seal(&receipt, &broker_key()).unwrap();
            let _ = bus.reply(&message, receipt.to_message().unwrap()).await;
        }
        let got = Got { event, outcome, submission: message.payload.to_vec() };
        if results.send(got).is_err() {
            return;
        }
    }
}

/// The result document of a command that answers its text.
pub fn echoed(text: &str) -> Outcome {
    Outcome::Result(Value::from(serde_json::Map::from_iter([("text".to_string(), json!(text))])))
}
