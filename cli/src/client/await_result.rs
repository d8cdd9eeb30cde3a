//! Waiting for the one event that settles a command, and proving that it does.

use super::{Client, proof};
use crate::{CliError, Exit};
use if_bus::Subscription;
use if_schemas::{
    Body, CommandId, Entry, Envelope, Hash, Head, Kind, Outcome, Payload, ResultEvent, Role, Settlement,
    outcome::Progress,
    query::{self, ShowAnswer, ShowQuery},
    subject::{EventKind, event_kind},
    wire::{Committed, Message as _},
};
use std::time::Duration;
use tokio::time::Instant;

/// Silence after which the log is asked whether the event was missed: doubles from the first to the second figure.
const POLL_DELAY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(8));
/// A connection lost for this long while waiting counts as an unreachable fabric.
const LINK_DOWN_MAX: Duration = Duration::from_millis(2_500);

/// What is waited for.
pub struct Awaited {
    pub command: CommandId,
    /// Head of the admission, from the receipt.
    pub admission: Head,
    /// When to give up.
    pub until: Instant,
}

/// A settled command. Every signature and hash in it has been checked.
#[derive(Debug, Clone)]
pub struct Settled {
    pub head: Head,
    pub settlement: Settlement,
    pub ending: Ending,
}

#[derive(Debug, Clone)]
// One per command line.
#[allow(clippy::large_enum_variant)]
pub enum Ending {
    /// The worker's signed statement and its document; none if the payload was erased.
    Result { event: ResultEvent, outcome: Option<Outcome> },
    /// The broker gave up waiting.
    Unresolved { reason: String },
}

impl Client {
    /// Waits for the settlement. `progress` gets each authentic report. `None` if there is none by then.
    pub async fn await_result(
        &mut self,
        events: &mut Subscription,
        awaited: &Awaited,
        mut progress: impl FnMut(&Progress),
    ) -> Result<Option<Settled>, CliError> {
        let mut link = self.bus.link();
        let mut delay = POLL_DELAY.0;
        let mut poll_at = Instant::now() + delay;
        loop {
            tokio::select! {
                message = events.next() => {
                    let Some(message) = message else { return self.poll(awaited).await };
                    match event_kind(&message.subject) {
                        Some(EventKind::Result) => match self.read_result(&message.payload, awaited).await? {
                            Some(settled) => return Ok(Some(settled)),
                            None => continue,
                        },
                        Some(_) => if let Some(p) = self.read_progress(&message.payload, awaited) { progress(&p) },
                        None => {}
                    }
                }
                changed = link.changed() => {
                    if changed.is_err() || !link.borrow_and_update().up {
                        self.wait_for_link(awaited).await?;
                    }
                    poll_at = Instant::now();
                }
                () = tokio::time::sleep_until(poll_at) => {
                    if let Some(settled) = self.poll(awaited).await? {
                        return Ok(Some(settled));
                    }
                    delay = (delay * 2).min(POLL_DELAY.1);
                    poll_at = Instant::now() + delay;
                }
                () = tokio::time::sleep_until(awaited.until) => return self.poll(awaited).await,
            }
        }
    }

    async fn wait_for_link(&self, awaited: &Awaited) -> Result<(), CliError> {
        let mut link = self.bus.link();
        let back = tokio::time::timeout(LINK_DOWN_MAX, link.wait_for(|l| l.up)).await;
        match back {
            Ok(Ok(_)) => Ok(()),
            _ => Err(CliError::new(Exit::Unreachable, "the connection to NATS was lost while waiting for the result")
                .hint(format!(
                    "the command was admitted as entry #{}: `ifctl witness show {}` says what became of it",
                    awaited.admission.index, awaited.command
                ))),
        }
    }

    /// A result event, if it is about our command. Anything on the bus may be forged: what does not prove itself to
    /// be ours is passed over, and where only the payload is wrong the log is asked.
    async fn read_result(&mut self, bytes: &[u8], awaited: &Awaited) -> Result<Option<Settled>, CliError> {
        let Ok(committed) = Committed::from_message(bytes) else { return Ok(None) };
        let Ok(entry) = Entry::decode(&committed.entry) else { return Ok(None) };
        if command_of(&entry.body) != Some(awaited.command) {
            return Ok(None);
        }
        // A forged head is noise from the bus, not an answer: the true one still comes.
        let Ok(head) = self.open_committed(&committed).await else { return Ok(None) };
        let hash = head.hash;
        if head.index != entry.index || head.log != awaited.admission.log {
            return Ok(None);
        }
        match self.settle(&entry, hash, committed.payload.as_ref(), awaited).await {
            // The payload travels unsigned: somebody may have changed it on the way. The log has the true one.
            Err(e) if e.exit != Exit::Unreachable => self.poll(awaited).await,
            other => other,
        }
    }

    /// Reads the settlement from an entry the broker signed for.
    async fn settle(
        &mut self,
        entry: &Entry,
        hash: Hash,
        payload: Option<&Payload>,
        awaited: &Awaited,
    ) -> Result<Option<Settled>, CliError> {
        let head = Head { log: awaited.admission.log, index: entry.index, hash, at: entry.at };
        match &entry.body {
            Body::Completed { envelope, settlement } => {
                let (event, outcome) = self.open_result(envelope, payload, awaited).await?;
                Ok(Some(Settled { head, settlement: *settlement, ending: Ending::Result { event, outcome } }))
            }
            Body::Unresolved { reason, settlement, .. } => Ok(Some(Settled {
                head,
                settlement: *settlement,
                ending: Ending::Unresolved { reason: reason.clone() },
            })),
            _ => Ok(None),
        }
    }

    async fn open_result(
        &mut self,
        envelope: &Envelope,
        payload: Option<&Payload>,
        awaited: &Awaited,
    ) -> Result<(ResultEvent, Option<Outcome>), CliError> {
        let worker = self.key_of(&envelope.key(), Role::Worker).await?;
        let event: ResultEvent = envelope.open(&worker)?;
        if event.command != awaited.command || event.entry != awaited.admission.hash {
            return Err(CliError::damaged("the result is not for the command that was admitted"));
        }
        let outcome = match payload {
            Some(payload) => {
                payload.check(&event.payload)?;
                Some(payload.read()?)
            }
            None => None,
        };
        Ok((event, outcome))
    }

    /// Only what a known member signed is shown: anybody on the bus could say anything.
    fn read_progress(&self, bytes: &[u8], awaited: &Awaited) -> Option<Progress> {
        let envelope = Envelope::from_message(bytes).ok()?;
        let worker = self.trust.active(&envelope.key(), Role::Worker)?;
        let progress: Progress = envelope.open(&worker).ok()?;
        (progress.command == awaited.command).then_some(progress)
    }

    /// Asks the log, in case the event was missed. An unanswered question is no failure: the next one may be answered.
    async fn poll(&mut self, awaited: &Awaited) -> Result<Option<Settled>, CliError> {
        let question = ShowQuery { id: awaited.command.to_string() };
        let shown: ShowAnswer = match self.query_with(query::SHOW, &question).await {
            Ok(shown) => shown,
            Err(e) if e.exit == Exit::Unreachable || e.code == "not_found" => return Ok(None),
            Err(e) => return Err(e),
        };
        let Some(result) = shown.row.result else { return Ok(None) };
        let (raw, hash, _) = match proof::fetch_chain(self, result.index).await {
            Err(e) if e.exit == Exit::Unreachable => return Ok(None),
            other => other?,
        };
        let entry = Entry::decode(&raw.entry)?;
        if command_of(&entry.body) != Some(awaited.command) {
            return Err(CliError::damaged(format!(
                "entry {} is said to settle {}, it does not",
                result.index, awaited.command
            )));
        }
        self.settle(&entry, hash, raw.payload.as_ref(), awaited).await
    }
}

/// The command a settling entry is about.
fn command_of(body: &Body) -> Option<CommandId> {
    match body {
        Body::Completed { envelope, .. } if envelope.kind() == Kind::Result => {
            envelope.read_unverified::<ResultEvent>().ok().map(|r| r.command)
        }
        Body::Unresolved { command, .. } => Some(*command),
        _ => None,
    }
}
