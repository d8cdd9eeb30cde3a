//! What leaves the broker after an entry is durable: receipts, events, committed entries. Signs; decides nothing.

use crate::{outbox, shared::Shared};
use if_bus::Bus;
use if_schemas::{
    CommandId, Envelope, Head, Name, OperationId, Payload, PublicKey, SchemaError, TraceId,
    head::{Receipt, Verdict},
    subject::{self, EventKind},
    wire::{Committed, Message as _},
};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Publications waiting; the sequencer waits when it is full.
pub const PUBLISHER_QUEUE: usize = 8_192;

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
    /// Publishes in order until the queue closes.
    pub async fn run(self, mut queue: mpsc::Receiver<Publication>) {
        while let Some(publication) = queue.recv().await {
            if let Err(error) = self.publish(publication).await {
                // The log has it; senders ask again, followers fill the gap by index.
                tracing::error!(%error, "could not publish");
            }
        }
    }

    async fn publish(&self, publication: Publication) -> Result<(), PublishError> {
        let Publication { reply, entry, then } = publication;
        let receipt = reply.map(|r| self.answer(r, entry.is_some())).transpose()?.flatten();
        if let Some((Some(to), envelope)) = &receipt {
            self.bus.publish(to, envelope.to_message()?, None).await?;
        }
        let Some(entry) = entry else { return Ok(()) };
        let (index, id) = (entry.head.index, entry.head.hash);
        let head = match receipt {
            // It states the head already: a second signature would say nothing new.
            Some((_, envelope)) => envelope,
            None => self.shared.sign_head(&entry.head)?,
        };
        let committed = Committed { entry: entry.bytes, head, payload: entry.payload, signer: entry.signer };
        let message = committed.to_message()?;
        match then {
            Some(Then::Dispatch { command, target: t }) => {
                tracing::info!(trace_id = %t.trace, %command, operation = %t.operation, index, "admitted");
                let subject = subject::work(&t.provider, &t.instance);
                let work = outbox::Work { command, index, id: id.to_string(), subject, message: message.clone() };
                self.note(outbox::Note::Dispatch(work)).await;
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

    /// The signed receipt and where it goes; none where nobody asked and no entry needs it as its head.
    fn answer(&self, reply: Reply, is_logged: bool) -> Result<Option<(Option<String>, Envelope)>, SchemaError> {
        let verdict = if matches!(reply.verdict, Verdict::Rejected(_)) { "rejected" } else { "accepted" };
        self.shared.metrics.commands.with_label_values(&[verdict]).inc();
        if reply.to.is_none() && !is_logged {
            return Ok(None);
        }
        let receipt = Receipt { command: reply.command, head: reply.head, verdict: reply.verdict };
        Ok(Some((reply.to, Envelope::seal(&receipt, &self.shared.key)?)))
    }
}

#[derive(Debug, thiserror::Error)]
enum PublishError {
    #[error(transparent)]
    Schema(#[from] SchemaError),
    #[error(transparent)]
    Bus(#[from] if_bus::BusError),
}
