//! An operator that can do everything a client may, and everything it must not.

use crate::world::{new_command_id, new_salt, new_trace_id, now};
use anyhow::{Context, ensure};
use if_bus::{Bus, BusRole, ConnectOptions, Subscription};
use if_schemas::{
    Body, Cause, Command, CommandId, Effect, Entry, Envelope, Hash, Head, Payload, PublicKey, ResultEvent, SigningKey,
    Status, TrustChange, TrustOp, Verifier, codec,
    head::{Receipt, Verdict},
    payload::Arguments,
    query::{Answer, ENTRIES, EntriesAnswer, EntriesQuery, RawEntry},
    subject,
    wire::{Committed, Message as _, Submission},
};
use std::{sync::Arc, time::Duration};

/// How long the broker may take to answer.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Clone)]
pub struct Client {
    pub bus: Bus,
    broker: Arc<Verifier>,
}

impl Client {
    pub async fn connect(url: &str, broker: PublicKey) -> anyhow::Result<Self> {
        let options =
            ConnectOptions { url: url.into(), name: "test client".into(), role: BusRole::Operator, nkey_seed: None };
        Ok(Self { bus: Bus::connect(&options).await?, broker: Arc::new(Verifier::new(broker)?) })
    }

    /// A good command; change it to make it a bad one.
    pub fn command(&self, operation: &str, effect: Effect) -> anyhow::Result<(Command, Payload)> {
        self.command_with(operation, effect, &serde_json::json!({}))
    }

    /// The same with arguments, a JSON object.
    pub fn command_with(
        &self,
        operation: &str,
        effect: Effect,
        args: &serde_json::Value,
    ) -> anyhow::Result<(Command, Payload)> {
        let args = args.as_object().cloned().unwrap_or_default();
        let payload = Payload::new(&Arguments { args, why: None, cause: None }, new_salt())?;
        let command = Command {
            id: new_command_id(),
            trace: new_trace_id(),
            issued_at: now(),
            deadline: now().saturating_add_us(10_000_000),
            operation: operation.parse()?,
            provider: "noop".parse()?,
            instance: "main".parse()?,
            effect,
            dry_run: false,
            session: None,
            payload: payload.hash(),
            run: None,
        };
        Ok((command, payload))
    }

    pub fn subject(command: &Command) -> String {
        subject::command(&command.provider, &command.instance, &command.operation)
    }

    /// Sends raw bytes and gives the broker's verified receipt.
    pub async fn send_raw(&self, subject: &str, bytes: Vec<u8>) -> anyhow::Result<Receipt> {
        let answer = self.bus.request(subject, bytes, ANSWER_TIMEOUT).await?;
        Ok(Envelope::from_message(&answer)?.open_with(&self.broker)?)
    }

    pub async fn send(&self, command: &Command, payload: Payload, key: &SigningKey) -> anyhow::Result<Receipt> {
        let submission = Submission { envelope: Envelope::seal(command, key)?, payload: Some(payload) };
        self.send_raw(&Self::subject(command), submission.to_message()?).await
    }

    pub async fn events(&self, command: &Command) -> anyhow::Result<Subscription> {
        let subscription = self.bus.subscribe(&subject::events_of(&command.provider, &command.instance)).await?;
        self.bus.flush().await?;
        Ok(subscription)
    }

    /// Sends a good command and waits for its witnessed result.
    pub async fn run(
        &self,
        operation: &str,
        effect: Effect,
        key: &SigningKey,
    ) -> anyhow::Result<(Command, Head, Status)> {
        let (command, payload) = self.command(operation, effect)?;
        let mut events = self.events(&command).await?;
        let receipt = self.send(&command, payload, key).await?;
        ensure!(receipt.verdict == Verdict::Accepted, "not admitted: {:?}", receipt.verdict);
        let (_, status) = self.result(&mut events, &command.id).await?;
        Ok((command, receipt.head.context("an accepted receipt has a head")?, status))
    }

    /// Waits for the result of one command; checks the broker's signature.
    pub async fn result(&self, events: &mut Subscription, id: &CommandId) -> anyhow::Result<(Head, Status)> {
        let wait = async {
            while let Some(message) = events.next().await {
                if !message.subject.ends_with(".result") {
                    continue;
                }
                let (head, settled) = self.open_result(&message.payload)?;
                if settled.0 == *id {
                    return Ok((head, settled.1));
                }
            }
            anyhow::bail!("the connection closed")
        };
        tokio::time::timeout(ANSWER_TIMEOUT, wait).await.context("no result in time")?
    }

    pub fn open_result(&self, bytes: &[u8]) -> anyhow::Result<(Head, (CommandId, Status))> {
        let committed = Committed::from_message(bytes)?;
        let head = committed.open_head(&self.broker)?;
        let settled = match Entry::decode(&committed.entry)?.body {
            Body::Completed { envelope, .. } => {
                let r: ResultEvent = envelope.open(&committed.signer.context("no signer")?)?;
                (r.command, r.status)
            }
            Body::Unresolved { command, status, .. } => (command, status),
            other => anyhow::bail!("a {} is no result", other.name()),
        };
        Ok((head, settled))
    }

    pub async fn query<Q: serde::Serialize, A: serde::de::DeserializeOwned>(
        &self,
        what: &str,
        question: &Q,
    ) -> anyhow::Result<A> {
        let answer = self.bus.request(&subject::query(what), serde_json::to_vec(question)?, ANSWER_TIMEOUT).await?;
        match serde_json::from_slice(&answer)? {
            Answer::Ok(value) => Ok(value),
            Answer::Error { message, .. } => anyhow::bail!("{message}"),
        }
    }

    /// Hash of one entry as the log has it.
    pub async fn entry_hash(&self, index: u64) -> anyhow::Result<Hash> {
        Ok(Entry::hash_bytes(&self.entry(index).await?.entry))
    }

    /// What led to the command of an entry, if a trigger sent it.
    pub async fn cause_of(&self, index: u64) -> anyhow::Result<Option<Cause>> {
        Ok(self.entry(index).await?.payload.and_then(|payload| payload.cause()))
    }

    async fn entry(&self, index: u64) -> anyhow::Result<RawEntry> {
        let question = serde_json::to_vec(&EntriesQuery { from: index, to: Some(index), payloads: true })?;
        let answer = self.bus.request(&subject::query(ENTRIES), question, ANSWER_TIMEOUT).await?;
        match codec::decode("entries answer", &answer)? {
            Answer::<EntriesAnswer>::Ok(found) => {
                found.entries.into_iter().next().with_context(|| format!("no entry {index}"))
            }
            Answer::Error { message, .. } => anyhow::bail!("{message}"),
        }
    }

    /// Has `op` done by an admin.
    pub async fn change_trust(&self, op: TrustOp, admin: &SigningKey) -> anyhow::Result<()> {
        let (id, issued_at) = (new_command_id(), now());
        let change = TrustChange { id, issued_at, deadline: issued_at.saturating_add_us(5_000_000), op };
        let submission = Submission { envelope: Envelope::seal(&change, admin)?, payload: None };
        let receipt = self.send_raw(subject::TRUST, submission.to_message()?).await?;
        ensure!(receipt.verdict == Verdict::Accepted, "{receipt:?}");
        Ok(())
    }

    /// How many rules of triggers the worker's counters say are armed.
    pub async fn armed(&self) -> anyhow::Result<usize> {
        let answer = self.bus.request("$SRV.STATS.if-worker", vec![], ANSWER_TIMEOUT).await?;
        let stats: serde_json::Value = serde_json::from_slice(&answer)?;
        let armed = stats["endpoints"][0]["data"]["triggers"]["armed"].as_array();
        Ok(armed.with_context(|| format!("not in {stats}"))?.len())
    }

    /// Index of the newest durable entry.
    pub async fn head(&self) -> anyhow::Result<u64> {
        let status: if_schemas::query::StatusAnswer = self.query(if_schemas::query::STATUS, &()).await?;
        Ok(status.head.index)
    }
}
