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

/// Cheap to clone.
#[derive(Clone)]
pub struct Publisher {
    pub bus: Bus,
    pub shared: Arc<Shared>,
    pub outbox: mpsc::Sender<outbox::Note>,
}

impl Publisher {
    /// Publishes in order; all together under one signature. Waits no longer than one message may take to be handed to the
    /// connection: what does not get out is in the log, senders ask again, followers fill the gap by index.
    pub async fn publish_all(&self, publications: Vec<Publication>) {
        let signed = match self.sign(&publications) {
            Ok(signed) => signed,
            Err(error) => {
                tracing::error!(%error, "could not sign");
                vec![None; publications.len()]
            }
        };
        let mut is_open = true;
        for (publication, word) in publications.into_iter().zip(signed) {
            let (messages, note) = match self.prepare(publication, word) {
                Ok(prepared) => prepared,
                Err(error) => {
                    tracing::error!(%error, "could not publish");
                    continue;
                }
            };
            if let Some(note) = note {
                // Fails only while shutting down; unsettled work is found in the log at the next start.
                let _ = self.outbox.send(note).await;
            }
            for Outgoing { subject, bytes, trace } in messages {
                if is_open && let Err(error) = self.bus.publish(&subject, bytes, trace).await {
                    tracing::error!(%error, "could not publish");
                    is_open = false;
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

    /// The messages of one publication, and what the outbox has to know. Work is on its way when this returns.
    fn prepare(&self, publication: Publication, word: Option<Envelope>) -> Result<Prepared, SchemaError> {
        let Publication { reply, entry, then } = publication;
        if let Some(reply) = &reply {
            let verdict = if matches!(reply.verdict, Verdict::Rejected(_)) { "rejected" } else { "accepted" };
            self.shared.metrics.commands.with_label_values(&[verdict]).inc();
        }
        let mut messages = Vec::new();
        let to = reply.and_then(|reply| reply.to);
        if let (Some(to), Some(word)) = (to, &word) {
            messages.push(Outgoing { subject: to, bytes: word.to_message()?, trace: None });
        }
        let Some(entry) = entry else { return Ok((messages, None)) };
        let (index, id) = (entry.head.index, entry.head.hash.to_string());
        let message = match word {
            Some(head) => {
                Committed { entry: entry.bytes, head, payload: entry.payload, signer: entry.signer }.to_message()?
            }
            None => return Ok((messages, then.map(|then| then.note(index, None)))),
        };
        let note = match then {
            Some(Then::Dispatch { command, target: t }) => {
                tracing::info!(trace_id = %t.trace, %command, operation = %t.operation, index, "admitted");
                let subject = subject::work(&t.provider, &t.instance);
                let sending = self.bus.send_work(&subject, &id, message.clone());
                // Where it would have to wait, the outbox does: receipts of others must not.
                let sent = sending.now_or_never().and_then(Result::ok);
                Some(outbox::Note::Dispatched { command, index, sent })
            }
            Some(Then::AnnounceResult { command, target: t }) => {
                tracing::info!(trace_id = %t.trace, %command, operation = %t.operation, index, "settled");
                let subject = subject::event(&t.provider, &t.instance, &t.operation, EventKind::Result);
                messages.push(Outgoing { subject, bytes: message.clone(), trace: Some(t.trace) });
                Some(outbox::Note::Settled(command))
            }
            None => None,
        };
        messages.push(Outgoing { subject: subject::WITNESS_ENTRY.into(), bytes: message, trace: None });
        Ok((messages, note))
    }
}

/// One message to be handed to the connection.
struct Outgoing {
    subject: String,
    bytes: Vec<u8>,
    trace: Option<TraceId>,
}

type Prepared = (Vec<Outgoing>, Option<outbox::Note>);

impl Then {
    fn note(self, index: u64, sent: Option<if_bus::Sent>) -> outbox::Note {
        match self {
            Then::Dispatch { command, .. } => outbox::Note::Dispatched { command, index, sent },
            Then::AnnounceResult { command, .. } => outbox::Note::Settled(command),
        }
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
