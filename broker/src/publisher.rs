//! What leaves the broker after an entry is durable: receipts, events, committed entries. Signs; decides nothing.

use crate::{outbox, shared::Shared};
use futures::FutureExt;
use if_bus::Bus;
use if_schemas::{
    CommandId, Draft, Envelope, Head, KeyId, Name, OperationId, Payload, PublicKey, SchemaError, TraceId,
    finance::BudgetAlert,
    head::{Receipt, Verdict},
    subject::{self, EventKind},
    wire::{Committed, Message as _},
};
use std::{sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::Instant};

/// Longest wait for room in the connection, for all publications of a batch together.
const PUBLISH_MAX: Duration = Duration::from_secs(2);

/// Longest wait for room in the connection, for one alert.
const ALERT_MAX: Duration = Duration::from_millis(100);

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
    /// Who listens to a part of the log, and to this entry.
    pub also: Option<Also>,
}

/// A part of the log that has a subject of its own.
pub enum Also {
    Trust,
    Run { run: CommandId, delegate: KeyId },
}

impl Also {
    fn subject(&self) -> String {
        match self {
            Also::Trust => subject::WITNESS_TRUST.into(),
            Also::Run { run, delegate } => subject::witness_run(delegate, run),
        }
    }
}

pub enum Then {
    /// Put the admitted command on the work queue.
    Dispatch { command: CommandId, target: Target, order: Option<Box<Envelope>> },
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
    pub backlog: Arc<outbox::Backlog>,
}

impl Publisher {
    /// Publishes in order; all together under one signature. Waits for the connection at most [`PUBLISH_MAX`]: what does
    /// not get out is in the log, senders ask again, followers fill the gap by index.
    pub async fn publish_all(&self, publications: Vec<Publication>) {
        // Without the runtime's budget for one turn: used up, it would look like a connection without room.
        tokio::task::unconstrained(self.publish_in_order(publications)).await;
    }

    async fn publish_in_order(&self, publications: Vec<Publication>) {
        let give_up = Instant::now() + PUBLISH_MAX;
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
                if !is_open {
                    break;
                }
                let sent = tokio::time::timeout_at(give_up, self.bus.publish(&subject, bytes, trace)).await;
                if !matches!(sent, Ok(Ok(()))) {
                    tracing::error!(subject, "could not publish: the connection takes nothing");
                    is_open = false;
                }
            }
        }
    }

    /// Tells that budgets have reached a part of their limit: to the log on stderr, the metrics and the bus.
    pub async fn alert(&self, alerts: &[BudgetAlert]) {
        for alert in alerts {
            let (percent, used, limit) = (alert.percent, alert.used, alert.limit);
            tracing::warn!(budget = %alert.key, percent, %used, %limit, entry = alert.entry, "budget alert");
            self.shared.metrics.budget_alerts.with_label_values(&[percent.to_string().as_str()]).inc();
            let bytes = match serde_json::to_vec(alert) {
                Ok(bytes) => bytes,
                Err(error) => {
                    tracing::error!(%error, "an alert could not be written");
                    continue;
                }
            };
            let sent = tokio::time::timeout(ALERT_MAX, self.bus.publish(subject::BUDGET_ALERT, bytes, None)).await;
            if !matches!(sent, Ok(Ok(()))) {
                tracing::error!(budget = %alert.key, "could not publish an alert: the connection takes nothing");
                return;
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
        let also = entry.also.as_ref().map(Also::subject);
        let message = match word {
            Some(head) => {
                let order = match &then {
                    Some(Then::Dispatch { order, .. }) => order.clone(),
                    _ => None,
                };
                let DurableEntry { bytes, payload, signer, .. } = entry;
                Committed { entry: bytes, head, payload, signer, order }.to_message()?
            }
            None => return Ok((messages, then.map(|then| self.unsent(then, index)))),
        };
        let note = match then {
            Some(Then::Dispatch { command, target: t, .. }) => {
                tracing::info!(trace_id = %t.trace, %command, operation = %t.operation, index, "admitted");
                let subject = subject::work(&t.provider, &t.instance);
                let sent = self.send_at_once(&subject, &id, message.clone());
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
        if let Some(subject) = also {
            messages.push(Outgoing { subject, bytes: message.clone(), trace: None });
        }
        messages.push(Outgoing { subject: subject::WITNESS_ENTRY.into(), bytes: message, trace: None });
        Ok((messages, note))
    }

    /// What the outbox has to know of an entry without a signed head.
    fn unsent(&self, then: Then, index: u64) -> outbox::Note {
        match then {
            Then::AnnounceResult { command, .. } => outbox::Note::Settled(command),
            Then::Dispatch { command, .. } => {
                self.backlog.hand_over();
                outbox::Note::Dispatched { command, index, sent: None }
            }
        }
    }

    /// Work goes straight to the queue, unless some is waiting in the outbox, which it must not overtake, or it would have
    /// to wait itself: the outbox does that, receipts of others must not.
    fn send_at_once(&self, subject: &str, id: &str, message: Vec<u8>) -> Option<if_bus::Sent> {
        let sent = if self.backlog.is_empty() {
            self.bus.send_work(subject, id, message).now_or_never().and_then(Result::ok)
        } else {
            None
        };
        if sent.is_none() {
            self.backlog.hand_over();
        }
        sent
    }
}

/// One message to be handed to the connection.
struct Outgoing {
    subject: String,
    bytes: Vec<u8>,
    trace: Option<TraceId>,
}

type Prepared = (Vec<Outgoing>, Option<outbox::Note>);

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
