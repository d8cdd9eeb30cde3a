//! What leaves the broker after an entry is durable: receipts, events, committed entries. Signs; decides nothing.

use crate::{outbox, shared::Shared};
use futures::FutureExt;
use if_bus::Bus;
use if_schemas::{
    CommandId, Draft, Envelope, Head, Name, OperationId, Payload, PublicKey, SchemaError, TraceId,
    head::{Receipt, Verdict},
    subject::{self, EventKind},
    wire::{Committed, Message as _},
};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Publications waiting; the sequencer waits when it is full.
pub const PUBLISHER_QUEUE: usize = 8_192;
/// Most publications under one signature: bounds how long the first of them waits for the last.
const SIGNED_TOGETHER_MAX: usize = 512;

/// Everything one durable entry (or one answer without an entry) causes.
pub struct Publication {
    pub reply: Option<Reply>,
    pub entry: Option<DurableEntry>,
    pub then: Option<Then>,
}

pub struct Reply {
    /// NATS subject to answer on; none if the sender wants no answer.
    pub to: Option<String>,
    pub command: Option<CommandId>,
    pub head: Option<Head>,
    pub verdict: Verdict,
}

pub struct DurableEntry {
    pub head: Head,
    pub bytes: Vec<u8>,
    pub payload: Option<Payload>,
    pub signer: Option<PublicKey>,
}

pub enum Then {
    /// Put the admitted command on the work queue.
    Dispatch { command: CommandId, target: Target },
    /// Tell the world how a command ended.
    AnnounceResult { command: CommandId, target: Target },
}

/// Where events of a command go.
pub struct Target {
    pub provider: Name,
    pub instance: Name,
    pub operation: OperationId,
    pub trace: TraceId,
}

impl Publication {
    pub fn reply(reply: Reply) -> Self {
        Self { reply: Some(reply), entry: None, then: None }
    }
}

pub struct Publisher {
    pub bus: Bus,
    pub shared: Arc<Shared>,
    pub outbox: mpsc::Sender<outbox::Note>,
}

impl Publisher {
    /// Publishes in order until the queue closes. What waits together is signed together.
    pub async fn run(self, mut queue: mpsc::Receiver<Publication>) {
        let mut waiting = Vec::with_capacity(SIGNED_TOGETHER_MAX);
        while queue.recv_many(&mut waiting, SIGNED_TOGETHER_MAX).await > 0 {
            let signed = match self.sign(&waiting) {
                Ok(signed) => signed,
                Err(error) => {
                    tracing::error!(%error, "could not sign");
                    waiting.clear();
                    continue;
                }
            };
            for (publication, word) in waiting.drain(..).zip(signed) {
                if let Err(error) = self.publish(publication, word).await {
                    // The log has it; senders ask again, followers fill the gap by index.
                    tracing::error!(%error, "could not publish");
                }
            }
        }
    }

    /// The broker's word for each: its receipt where somebody asked, which states the head too; else the head; none where
    /// there is nothing to tell anybody.
    fn sign(&self, publications: &[Publication]) -> Result<Vec<Option<Envelope>>, SchemaError> {
        let drafts = publications.iter().map(draft).collect::<Result<Vec<_>, _>>()?;
        let needed: Vec<bool> = drafts.iter().map(Option::is_some).collect();
        let mut sealed = Envelope::seal_all(drafts.into_iter().flatten().collect(), &self.shared.key)?.into_iter();
        Ok(needed.into_iter().map(|needed| if needed { sealed.next() } else { None }).collect())
    }

    async fn publish(&self, publication: Publication, word: Option<Envelope>) -> Result<(), PublishError> {
        let Publication { reply, entry, then } = publication;
        if let Some(reply) = &reply {
            let verdict = if matches!(reply.verdict, Verdict::Rejected(_)) { "rejected" } else { "accepted" };
            self.shared.metrics.commands.with_label_values(&[verdict]).inc();
        }
        let Some(word) = word else { return Ok(()) };
        if let Some(to) = reply.and_then(|reply| reply.to) {
            self.bus.publish(&to, word.to_message()?, None).await?;
        }
        let Some(entry) = entry else { return Ok(()) };
        let (index, id) = (entry.head.index, entry.head.hash.to_string());
        let committed = Committed { entry: entry.bytes, head: word, payload: entry.payload, signer: entry.signer };
        let message = committed.to_message()?;
        match then {
            Some(Then::Dispatch { command, target: t }) => {
                tracing::info!(trace_id = %t.trace, %command, operation = %t.operation, index, "admitted");
                let subject = subject::work(&t.provider, &t.instance);
                let sending = self.bus.send_work(&subject, &id, message.clone());
                // Where it would have to wait, the outbox does: receipts of others must not.
                let sent = sending.now_or_never().and_then(Result::ok);
                self.note(outbox::Note::Dispatched { command, index, sent }).await;
            }
            Some(Then::AnnounceResult { command, target: t }) => {
                self.note(outbox::Note::Settled(command)).await;
                tracing::info!(trace_id = %t.trace, %command, operation = %t.operation, index, "settled");
                let subject = subject::event(&t.provider, &t.instance, &t.operation, EventKind::Result);
                self.bus.publish(&subject, message.clone(), Some(t.trace)).await?;
            }
            None => {}
        }
        self.bus.publish(subject::WITNESS_ENTRY, message, None).await?;
        Ok(())
    }

    async fn note(&self, note: outbox::Note) {
        // Fails only while shutting down; unsettled work is found in the log at the next start.
        let _ = self.outbox.send(note).await;
    }
}

fn draft(publication: &Publication) -> Result<Option<Draft>, SchemaError> {
    match (&publication.reply, &publication.entry) {
        (Some(reply), entry) if entry.is_some() || reply.to.is_some() => {
            let receipt = Receipt { command: reply.command, head: reply.head, verdict: reply.verdict.clone() };
            Draft::of(&receipt).map(Some)
        }
        (_, Some(entry)) => Draft::of(&entry.head).map(Some),
        _ => Ok(None),
    }
}

#[derive(Debug, thiserror::Error)]
enum PublishError {
    #[error(transparent)]
    Schema(#[from] SchemaError),
    #[error(transparent)]
    Bus(#[from] if_bus::BusError),
}
