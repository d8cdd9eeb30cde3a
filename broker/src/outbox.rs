//! Work on its way to the queue. Derived from the log: every admitted, unsettled command belongs on the queue, once;
//! the entry hash as message id makes a repeat harmless. After a lost connection everything unsettled is published again,
//! because the work stream lives in the server's memory.

use crate::shared::Shared;
use futures::{FutureExt, StreamExt, stream::FuturesUnordered};
use if_bus::{Bus, BusError, Sent};
use if_schemas::{
    Command, CommandId, Entry, Envelope, Head, KeyId, SchemaError, subject,
    wire::{Committed, Message as _},
};
use if_witness::{Reader, WitnessError};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{sync::mpsc, time::Instant};

/// Notes waiting; the sequencer waits when it is full.
pub const OUTBOX_QUEUE: usize = 8_192;
/// Work messages the outbox itself publishes at once, without acknowledgement yet.
const PUBLISHING_MAX: usize = 256;
/// How often at most the stream is made sure of while publishing fails.
const ENSURE_EVERY: Duration = Duration::from_secs(1);
/// Pause after a failed publish.
const RETRY_DELAY: Duration = Duration::from_millis(200);

pub enum Note {
    /// Sent for the first time, by the publisher; none if it could not be sent at once.
    Dispatched {
        command: CommandId,
        index: u64,
        sent: Option<Sent>,
    },
    Settled(CommandId),
}

/// Is there work that later work must not overtake? Counted by the publisher and the outbox, each in its own field.
#[derive(Debug, Default)]
pub struct Backlog {
    /// Notes without a `sent` the publisher made, and those of them the outbox has seen.
    handed: AtomicU64,
    seen: AtomicU64,
    /// What the outbox has not got to the queue yet.
    here: AtomicUsize,
}

impl Backlog {
    pub fn is_empty(&self) -> bool {
        let seen = self.seen.load(Ordering::Acquire);
        seen == self.handed.load(Ordering::Acquire) && self.here.load(Ordering::Acquire) == 0
    }
    pub fn hand_over(&self) {
        self.handed.fetch_add(1, Ordering::AcqRel);
    }
}

/// One encoded work item.
struct Work {
    /// Message id: the entry hash in hex.
    id: String,
    subject: String,
    message: Vec<u8>,
}

pub struct Outbox {
    bus: Bus,
    shared: Arc<Shared>,
    reader: Reader,
    /// Unsettled commands by admission index; bounded by the sequencer's limit on commands in flight.
    unsettled: HashMap<CommandId, u64>,
    /// Those of them to be published.
    waiting: BTreeMap<u64, CommandId>,
    /// How many of them are being published right now.
    publishing: usize,
    backlog: Arc<Backlog>,
    ensured: Instant,
}

#[derive(Debug, thiserror::Error)]
enum OutboxError {
    #[error(transparent)]
    Schema(#[from] SchemaError),
    #[error(transparent)]
    Witness(#[from] WitnessError),
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error("entry {0} is not in the log")]
    Missing(u64),
    #[error("the order of the run {0} is not in the log")]
    NoOrder(CommandId),
}

struct Published {
    command: CommandId,
    index: u64,
    /// Published by the outbox, not by the publisher.
    again: bool,
    result: Result<(), OutboxError>,
}

impl Outbox {
    /// `unsettled` as the log had it at start-up.
    pub fn new(
        bus: Bus,
        shared: Arc<Shared>,
        reader: Reader,
        unsettled: Vec<(CommandId, u64)>,
        backlog: Arc<Backlog>,
    ) -> Self {
        let waiting: BTreeMap<_, _> = unsettled.iter().map(|(command, index)| (*index, *command)).collect();
        backlog.here.store(waiting.len(), Ordering::Release);
        let unsettled = unsettled.into_iter().collect();
        Self { bus, shared, reader, unsettled, waiting, publishing: 0, backlog, ensured: Instant::now() }
    }

    pub async fn run(mut self, mut notes: mpsc::Receiver<Note>) {
        let mut link = self.bus.link();
        let mut epoch = link.borrow().epoch;
        let mut publishing = FuturesUnordered::new();
        loop {
            while self.publishing < PUBLISHING_MAX {
                let Some((index, command)) = self.waiting.pop_first() else { break };
                self.publishing += 1;
                publishing.push(self.publish(command, index).boxed());
            }
            self.backlog.here.store(self.waiting.len() + self.publishing, Ordering::Release);
            self.shared
                .metrics
                .queue_depth
                .with_label_values(&["outbox"])
                .set(i64::try_from(self.waiting.len()).unwrap_or(i64::MAX));
            tokio::select! {
                note = notes.recv() => match note {
                    Some(Note::Settled(command)) => self.settled(command),
                    Some(Note::Dispatched { command, index, sent }) => {
                        self.unsettled.insert(command, index);
                        match sent {
                            Some(sent) => publishing.push(stored(command, index, sent).boxed()),
                            None => {
                                self.waiting.insert(index, command);
                                self.backlog.here.fetch_add(1, Ordering::AcqRel);
                                self.backlog.seen.fetch_add(1, Ordering::AcqRel);
                            }
                        }
                    }
                    None => return,
                },
                Some(done) = publishing.next(), if !publishing.is_empty() => self.published(done).await,
                changed = link.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let now = *link.borrow_and_update();
                    if now.up && now.epoch != epoch {
                        epoch = now.epoch;
                        self.start_over().await;
                    }
                }
            }
        }
    }

    fn settled(&mut self, command: CommandId) {
        if let Some(index) = self.unsettled.remove(&command) {
            self.waiting.remove(&index);
        }
    }

    async fn published(&mut self, done: Published) {
        let Published { command, index, again, result } = done;
        self.publishing -= usize::from(again);
        let Err(error) = result else { return };
        if self.unsettled.contains_key(&command) {
            tracing::warn!(%command, %error, "work is not on the queue yet, trying again");
            self.waiting.insert(index, command);
        }
        // The stream itself may be what is missing.
        if self.bus.link().borrow().up && self.ensured.elapsed() >= ENSURE_EVERY {
            self.ensure_stream().await;
        }
    }

    async fn ensure_stream(&mut self) {
        if let Err(error) = self.bus.ensure_streams().await {
            tracing::error!(%error, "the work queue and the live state cannot be set up");
        }
        self.ensured = Instant::now();
    }

    /// One that was not stored, or is left from an earlier process.
    fn publish(&self, command: CommandId, index: u64) -> impl Future<Output = Published> + Send + use<> {
        let (bus, shared, reader) = (self.bus.clone(), self.shared.clone(), self.reader.clone());
        async move {
            let result = publish_again(&bus, &shared, &reader, index).await;
            if result.is_err() {
                // Inside the bounded set of publishes, so that a dead server is not asked in a tight loop.
                tokio::time::sleep(RETRY_DELAY).await;
            }
            Published { command, index, again: true, result }
        }
    }

    async fn start_over(&mut self) {
        self.ensure_stream().await;
        self.waiting = self.unsettled.iter().map(|(command, index)| (*index, *command)).collect();
    }
}

async fn stored(command: CommandId, index: u64, sent: Sent) -> Published {
    Published { command, index, again: false, result: sent.stored().await.map_err(OutboxError::from) }
}

async fn publish_again(bus: &Bus, shared: &Shared, reader: &Reader, index: u64) -> Result<(), OutboxError> {
    let work = load(shared, reader, index)?;
    Ok(bus.publish_work(&work.subject, &work.id, work.message).await?)
}

/// A work item made again from the durable log.
fn load(shared: &Shared, reader: &Reader, index: u64) -> Result<Work, OutboxError> {
    let bytes = reader.entry(index)?.ok_or(OutboxError::Missing(index))?;
    let entry = Entry::decode(&bytes)?;
    let head = Head { log: shared.view.load().head.log, index, hash: Entry::hash_bytes(&bytes), at: entry.at };
    let key = entry.body.envelope().map(|e| e.key());
    let trust = shared.trust();
    let signer = key.and_then(|k: KeyId| trust.standing(&k).map(|s| s.member.key));
    let payload = reader.payload(index)?;
    let command = admitted(&entry)?;
    let order = command.run.as_ref().map(|step| order(reader, &step.run)).transpose()?;
    let subject = subject::work(&command.provider, &command.instance);
    let message = Committed { entry: bytes, head: shared.sign_head(&head)?, payload, signer, order }.to_message()?;
    Ok(Work { id: head.hash.to_string(), subject, message })
}

/// What the operator of a run signed.
fn order(reader: &Reader, run: &CommandId) -> Result<Box<Envelope>, OutboxError> {
    let index = reader.command_records(run)?.first().map(|r| r.index).ok_or(OutboxError::NoOrder(*run))?;
    let bytes = reader.entry(index)?.ok_or(OutboxError::Missing(index))?;
    Entry::decode(&bytes)?.body.envelope().cloned().map(Box::new).ok_or(OutboxError::NoOrder(*run))
}

fn admitted(entry: &Entry) -> Result<Command, SchemaError> {
    let missing =
        || SchemaError::Invalid { what: "work item", value: entry.body.name().into(), rule: "it must be an admission" };
    let envelope = entry.body.envelope().ok_or_else(missing)?;
    envelope.read_unverified()
}
