//! The work queue: a JetStream stream from which each message is delivered until it is acknowledged.
//! Kept in memory: the log, not NATS, is what survives, and the broker publishes again what is unsettled.

use crate::{Bus, BusError};
use async_nats::jetstream::{
    AckKind,
    consumer::{AckPolicy, pull},
    message::PublishMessage,
    stream::{Config, RetentionPolicy, StorageType},
};
use bytes::Bytes;
use futures::StreamExt;
use if_schemas::{Name, subject};
use std::time::Duration;

/// A delivery not acknowledged (or marked in progress) for this long is delivered again.
pub const WORK_ACK_WAIT: Duration = Duration::from_secs(2);
/// Deliveries one instance may have open at once.
pub const WORK_PENDING_MAX: i64 = 1_024;
/// Work messages sent and not yet acknowledged by the server before sending another one waits.
pub(crate) const PUBLISH_INFLIGHT: usize = 1_024;
/// Most messages in the stream; a full one refuses new work, which the outbox retries.
const STREAM_MESSAGES_MAX: i64 = 100_000;
/// Most bytes in the stream.
const STREAM_BYTES_MAX: i64 = 256 * 1024 * 1024;
/// Time in which a repeated message id is dropped by the server.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);
/// Oldest work the server keeps: nothing outlives the longest deadline.
const MAX_AGE: Duration = Duration::from_secs(86_400);
/// How long the server may take to create or update the stream.
const STREAM_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait for the server to store a work message.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(2);
/// Silence after which the pull request counts as lost (twice this) and is made again.
const PULL_HEARTBEAT: Duration = Duration::from_millis(500);
/// How long the server keeps one pull request.
const PULL_EXPIRES: Duration = Duration::from_secs(30);
/// Messages asked for at once.
const PULL_BATCH: usize = 256;

impl Bus {
    /// Creates or updates the work stream and the bucket of live state. The broker calls it at every (re)connection.
    pub async fn ensure_streams(&self) -> Result<(), BusError> {
        self.ensure(Config {
            name: subject::WORK_STREAM.into(),
            subjects: vec![subject::WORK.into()],
            retention: RetentionPolicy::WorkQueue,
            storage: StorageType::Memory,
            max_messages: STREAM_MESSAGES_MAX,
            max_bytes: STREAM_BYTES_MAX,
            max_age: MAX_AGE,
            discard: async_nats::jetstream::stream::DiscardPolicy::New,
            duplicate_window: DUPLICATE_WINDOW,
            ..Config::default()
        })
        .await?;
        self.ensure(crate::state::bucket()).await
    }

    async fn ensure(&self, config: Config) -> Result<(), BusError> {
        let name = config.name.clone();
        let creating = self.jetstream.create_or_update_stream(config);
        let timeout = |_| BusError::Timeout { subject: name, after: STREAM_TIMEOUT };
        let info = tokio::time::timeout(STREAM_TIMEOUT, creating).await.map_err(timeout)?;
        info.map(|_| ()).map_err(|e| BusError::other("stream", e))
    }

    /// Puts one work message on the queue and waits until the server has it. `id` makes a repeat harmless.
    pub async fn publish_work(&self, subject: &str, id: &str, bytes: Vec<u8>) -> Result<(), BusError> {
        let sent = tokio::time::timeout(PUBLISH_TIMEOUT, self.send_work(subject, id, bytes)).await;
        let timeout = |_| BusError::Timeout { subject: subject.into(), after: PUBLISH_TIMEOUT };
        sent.map_err(timeout)??.stored().await
    }

    /// Hands one work message to the connection. Whether the server has it, the returned value tells.
    pub async fn send_work(&self, subject: &str, id: &str, bytes: Vec<u8>) -> Result<Sent, BusError> {
        self.send_stored(subject, PublishMessage::build().message_id(id).payload(bytes.into())).await
    }

    pub(crate) async fn send_stored(&self, subject: &str, message: PublishMessage) -> Result<Sent, BusError> {
        let ack = self.jetstream.send_publish(subject.to_string(), message).await;
        let ack = ack.map_err(|e| BusError::other("publish", e))?;
        Ok(Sent { subject: subject.into(), ack })
    }

    /// Opens (creating it if needed) the queue of one instance.
    pub async fn work_queue(&self, provider: &Name, instance: &Name) -> Result<WorkQueue, BusError> {
        let name = subject::work_consumer(provider, instance);
        let config = pull::Config {
            durable_name: Some(name.clone()),
            filter_subject: subject::work(provider, instance),
            ack_policy: AckPolicy::Explicit,
            ack_wait: WORK_ACK_WAIT,
            max_ack_pending: WORK_PENDING_MAX,
            ..pull::Config::default()
        };
        let consumer = self.jetstream.create_consumer_on_stream(config, subject::WORK_STREAM).await;
        let consumer = consumer.map_err(|e| BusError::other("work consumer", e))?;
        let pulls =
            consumer.stream().max_messages_per_batch(PULL_BATCH).expires(PULL_EXPIRES).heartbeat(PULL_HEARTBEAT);
        let messages = pulls.messages().await.map_err(|e| BusError::other("work consumer", e))?;
        Ok(WorkQueue { messages })
    }
}

/// A message under way to the server, which stores it.
pub struct Sent {
    subject: String,
    ack: async_nats::jetstream::context::PublishAckFuture,
}

impl Sent {
    /// Waits until the server has stored it.
    pub async fn stored(self) -> Result<(), BusError> {
        let timeout = |_| BusError::Timeout { subject: self.subject, after: PUBLISH_TIMEOUT };
        let ack = tokio::time::timeout(PUBLISH_TIMEOUT, self.ack.into_future()).await.map_err(timeout)?;
        ack.map(|_| ()).map_err(|e| BusError::other("publish", e))
    }
}

/// The work of one instance, in order, at least once.
pub struct WorkQueue {
    messages: pull::Stream,
}

impl WorkQueue {
    /// The next delivery. After an error the queue is broken: open it again.
    pub async fn next(&mut self) -> Result<Delivery, BusError> {
        let message = self.messages.next().await.ok_or_else(|| BusError::other("work", "the connection is closed"))?;
        let message = message.map_err(|e| BusError::other("work", e))?;
        let attempt = message.info().map(|i| i.delivered).map_err(|e| BusError::other("work", e))?;
        Ok(Delivery { payload: message.payload.clone(), attempt: u32::try_from(attempt).unwrap_or(u32::MAX), message })
    }
}

/// One delivery. Dropped without [`Delivery::ack`], it comes again.
pub struct Delivery {
    pub payload: Bytes,
    /// From 1.
    pub attempt: u32,
    message: async_nats::jetstream::Message,
}

impl Delivery {
    /// Done: never deliver it again.
    pub async fn ack(&self) -> Result<(), BusError> {
        self.message.ack().await.map_err(|e| BusError::other("ack", e))
    }
    /// Still working: start [`WORK_ACK_WAIT`] anew.
    pub async fn in_progress(&self) -> Result<(), BusError> {
        self.message.ack_with(AckKind::Progress).await.map_err(|e| BusError::other("ack", e))
    }
    /// Not now: deliver it again after `delay`.
    pub async fn nak(&self, delay: Duration) -> Result<(), BusError> {
        self.message.ack_with(AckKind::Nak(Some(delay))).await.map_err(|e| BusError::other("ack", e))
    }
}
