//! Work on its way to the queue. Derived from the log: every admitted, unsettled command belongs on the queue, once;
//! the entry hash as message id makes a repeat harmless. After a lost connection everything unsettled is published again,
//! because the work stream lives in the server's memory.

use crate::shared::Shared;
use futures::{FutureExt, StreamExt, stream::FuturesUnordered};
use if_bus::{Bus, BusError, Sent};
use if_schemas::{
    CommandId, Entry, Head, KeyId, SchemaError, subject,
    wire::{Committed, Message as _},
};
use if_witness::{Reader, WitnessError};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::sync::mpsc;

/// Notes waiting; the sequencer waits when it is full.
pub const OUTBOX_QUEUE: usize = 8_192;
/// Work messages published at once without acknowledgement.
const PUBLISHING_MAX: usize = 256;
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
}

type Published = (CommandId, u64, Result<(), OutboxError>);

impl Outbox {
    /// `unsettled` as the log had it at start-up.
    pub fn new(bus: Bus, shared: Arc<Shared>, reader: Reader, unsettled: Vec<(CommandId, u64)>) -> Self {
        let waiting = unsettled.iter().map(|(command, index)| (*index, *command)).collect();
        Self { bus, shared, reader, unsettled: unsettled.into_iter().collect(), waiting }
    }

    pub async fn run(mut self, mut notes: mpsc::Receiver<Note>) {
        let mut link = self.bus.link();
        let mut epoch = link.borrow().epoch;
        let mut publishing = FuturesUnordered::new();
        loop {
            while publishing.len() < PUBLISHING_MAX {
                let Some((index, command)) = self.waiting.pop_first() else { break };
                publishing.push(self.publish(command, index).boxed());
            }
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
                            None => drop(self.waiting.insert(index, command)),
                        }
                    }
                    None => return,
                },
                Some(done) = publishing.next(), if !publishing.is_empty() => self.published(done),
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

    fn published(&mut self, (command, index, result): Published) {
        let Err(error) = result else { return };
        if self.unsettled.contains_key(&command) {
            tracing::warn!(%command, %error, "work is not on the queue yet, trying again");
            self.waiting.insert(index, command);
        }
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
            (command, index, result)
        }
    }

    async fn start_over(&mut self) {
        if let Err(error) = self.bus.ensure_work_stream().await {
            tracing::error!(%error, "the work queue cannot be set up");
        }
        self.waiting = self.unsettled.iter().map(|(command, index)| (*index, *command)).collect();
    }
}

async fn stored(command: CommandId, index: u64, sent: Sent) -> Published {
    (command, index, sent.stored().await.map_err(OutboxError::from))
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
    let subject = work_subject(&entry)?;
    let message = Committed { entry: bytes, head: shared.sign_head(&head)?, payload, signer }.to_message()?;
    Ok(Work { id: head.hash.to_string(), subject, message })
}

fn work_subject(entry: &Entry) -> Result<String, SchemaError> {
    let missing =
        || SchemaError::Invalid { what: "work item", value: entry.body.name().into(), rule: "it must be an admission" };
    let envelope = entry.body.envelope().ok_or_else(missing)?;
    let command: if_schemas::Command = envelope.read_unverified()?;
    Ok(subject::work(&command.provider, &command.instance))
}
