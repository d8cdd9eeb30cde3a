//! Live state: a JetStream key-value bucket that keeps the last value of every path, in memory. Workers put it there again
//! after a restart of the server; it is no truth, only what was last seen.

use crate::{Bus, BusError, work::Sent};
use async_nats::{
    HeaderMap,
    jetstream::{
        consumer::{AckPolicy, DeliverPolicy, pull},
        message::PublishMessage,
        stream::{Config, DiscardPolicy, Republish, StorageType},
    },
};
use bytes::Bytes;
use futures::StreamExt;
use if_schemas::{Name, subject};
use std::time::Duration;

/// Values sent and not yet acknowledged by the server that one instance may have.
pub const STATE_INFLIGHT: usize = 256;
/// Most bytes of all state together; the oldest values go first.
const BUCKET_BYTES_MAX: i64 = 128 * 1024 * 1024;
/// A value nobody put there again for this long belongs to an instance that is gone. Workers repeat theirs well before.
pub const STATE_MAX_AGE: Duration = Duration::from_secs(25 * 60);
/// A reader that went away without a word is forgotten after this long.
const READER_TTL: Duration = Duration::from_secs(30);
const PULL_EXPIRES: Duration = Duration::from_secs(30);
/// Silence after which the reader counts as cut off (twice this).
const PULL_HEARTBEAT: Duration = Duration::from_millis(500);
const PULL_BATCH: usize = 1_024;
/// What key-value clients know a removal by.
const OPERATION_HEADER: &str = "KV-Operation";
const REMOVED: &str = "DEL";

pub(crate) fn bucket() -> Config {
    Config {
        name: format!("KV_{}", subject::STATE_BUCKET),
        description: Some("live state of instances, as their workers last saw it".into()),
        subjects: vec![subject::STATE_KEYS.into()],
        max_messages_per_subject: 1,
        max_bytes: BUCKET_BYTES_MAX,
        max_age: STATE_MAX_AGE,
        storage: StorageType::Memory,
        discard: DiscardPolicy::Old,
        allow_direct: true,
        allow_rollup: true,
        republish: Some(Republish {
            source: subject::STATE_KEYS.into(),
            destination: subject::STATE.into(),
            headers_only: false,
        }),
        ..Config::default()
    }
}

/// One value, as it was put there.
#[derive(Debug, Clone)]
pub struct StateMessage {
    pub payload: Bytes,
    /// Values still to come of those that were there when the reading began; 0 with the last of them and ever after.
    pub pending: u64,
}

impl Bus {
    /// Puts one value on its key. Whether the server has it, the returned value tells.
    pub async fn send_state(&self, key: &str, bytes: Vec<u8>, removed: bool) -> Result<Sent, BusError> {
        let mut message = PublishMessage::build().payload(bytes.into());
        if removed {
            let mut headers = HeaderMap::new();
            headers.insert(OPERATION_HEADER, REMOVED);
            message = message.headers(headers);
        }
        self.send_stored(key, message).await
    }

    /// Reads every value of one instance under `path`, then what changes. `*` is any one part, `>` all that follows.
    pub async fn watch_state(&self, provider: &Name, instance: &Name, path: &str) -> Result<StateWatch, BusError> {
        let filter = subject::state_key(provider, instance, path);
        let config = pull::Config {
            filter_subject: filter,
            deliver_policy: DeliverPolicy::LastPerSubject,
            ack_policy: AckPolicy::None,
            inactive_threshold: READER_TTL,
            memory_storage: true,
            ..pull::Config::default()
        };
        let broken = |e| BusError::other("live state", e);
        let stream = format!("KV_{}", subject::STATE_BUCKET);
        let mut consumer = self
            .jetstream
            .create_consumer_on_stream(config, stream)
            .await
            .map_err(|e| BusError::other("live state", e))?;
        let pending = consumer.info().await.map_err(|e| BusError::other("live state", e))?.num_pending;
        let pulls =
            consumer.stream().max_messages_per_batch(PULL_BATCH).expires(PULL_EXPIRES).heartbeat(PULL_HEARTBEAT);
        let messages = pulls.messages().await.map_err(broken)?;
        Ok(StateWatch { messages, pending })
    }
}

/// Live state, as it is put there.
pub struct StateWatch {
    messages: pull::Stream,
    /// Values there were when the reading began.
    pub pending: u64,
}

impl StateWatch {
    /// The next value. After an error the watch is broken: begin another one.
    pub async fn next(&mut self) -> Result<StateMessage, BusError> {
        let message = self.messages.next().await;
        let message = message.ok_or_else(|| BusError::other("live state", "the connection is closed"))?;
        let message = message.map_err(|e| BusError::other("live state", e))?;
        let pending = message.info().map(|i| i.pending).map_err(|e| BusError::other("live state", e))?;
        Ok(StateMessage { payload: message.payload.clone(), pending })
    }
}
