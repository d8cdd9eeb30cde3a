//! One connection, with what is known of its state.

use crate::{BusError, Message, Subscription, message::trace_headers};
use async_nats::{Client, Event, RequestErrorKind, ServerAddr};
use bytes::Bytes;
use if_schemas::TraceId;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// How long the first connection may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause between attempts to reconnect: doubles from the first to the second figure.
const RECONNECT_DELAY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// Messages a subscription holds before the client drops new ones.
pub const SUBSCRIPTION_CAPACITY: usize = 16_384;
/// Outgoing messages waiting for the socket before a publisher has to wait.
const CLIENT_CAPACITY: usize = 4_096;
/// Longest wait for a place among them.
pub const PUBLISH_WAIT: Duration = Duration::from_secs(2);
/// Longest wait for the rest to be sent when a connection is closed.
const CLOSE_WAIT: Duration = Duration::from_secs(2);
/// How often the client checks that the server is there.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// Pause between attempts of [`Bus::connect_waiting`].
const WAIT_DELAY: Duration = Duration::from_millis(250);

/// Which set of permissions a connection uses; also its inbox prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BusRole {
    Operator,
    Worker,
    Broker,
}

impl BusRole {
    pub fn as_str(self) -> &'static str {
        match self {
            BusRole::Operator => "operator",
            BusRole::Worker => "worker",
            BusRole::Broker => "broker",
        }
    }
    fn inbox_prefix(self) -> String {
        format!("_INBOX_{}", self.as_str())
    }
}

#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// `nats://host:port` or `tls://host:port`.
    pub url: String,
    /// Shown by the server's monitoring.
    pub name: String,
    pub role: BusRole,
    /// nkey seed (`SU…`); none where the server asks for no credentials.
    pub nkey_seed: Option<String>,
}

/// State of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    pub up: bool,
    /// Counts connections, the first being 1: a change means the server may have forgotten everything.
    pub epoch: u64,
}

/// A connected client. Cheap to clone; reconnects by itself for as long as it lives.
#[derive(Clone)]
pub struct Bus {
    pub(crate) client: Client,
    pub(crate) jetstream: async_nats::jetstream::Context,
    pub(crate) url: Arc<str>,
    link: watch::Receiver<Link>,
}

impl Bus {
    /// One attempt, at most [`CONNECT_TIMEOUT`].
    pub async fn connect(options: &ConnectOptions) -> Result<Self, BusError> {
        let url = options.url.clone();
        let down = |why: String| BusError::Down { url: url.clone(), why };
        let address: ServerAddr = url.parse().map_err(|e| down(format!("{e}")))?;
        let (sender, link) = watch::channel(Link { up: false, epoch: 0 });
        let mut nats = async_nats::ConnectOptions::new()
            .name(&options.name)
            .custom_inbox_prefix(options.role.inbox_prefix())
            .connection_timeout(CONNECT_TIMEOUT)
            .ping_interval(PING_INTERVAL)
            .subscription_capacity(SUBSCRIPTION_CAPACITY)
            .client_capacity(CLIENT_CAPACITY)
            .reconnect_delay_callback(reconnect_delay)
            .event_callback(move |event| note_event(sender.clone(), event));
        if let Some(seed) = &options.nkey_seed {
            nats = nats.nkey(seed.trim().to_string());
        }
        let attempt = tokio::time::timeout(CONNECT_TIMEOUT, nats.connect(address)).await;
        let client = attempt.map_err(|_| down("no answer".into()))?.map_err(|e| refine(&url, &e))?;
        let jetstream = async_nats::jetstream::context::ContextBuilder::new()
            .max_ack_inflight(crate::work::PUBLISH_INFLIGHT)
            .build(client.clone());
        let bus = Self { client, jetstream, url: url.into(), link };
        let mut link = bus.link.clone();
        // The event of the first connection comes through a task of its own: wait for it, so that epoch is 1 when we return.
        let first = tokio::time::timeout(CONNECT_TIMEOUT, link.wait_for(|l| l.epoch > 0)).await;
        match first {
            Ok(Ok(_)) => Ok(bus),
            _ => Err(BusError::Down { url: bus.url.to_string(), why: "no answer".into() }),
        }
    }

    /// Tries until it works or the credentials are refused. For daemons, which outlive their server.
    pub async fn connect_waiting(options: &ConnectOptions) -> Result<Self, BusError> {
        loop {
            match Self::connect(options).await {
                Err(e @ BusError::Down { .. }) => {
                    tracing::warn!(error = %e, "waiting for NATS");
                    tokio::time::sleep(WAIT_DELAY).await;
                }
                other => return other,
            }
        }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn link(&self) -> watch::Receiver<Link> {
        self.link.clone()
    }

    /// Version of the server, `2.15.1`.
    pub fn server_version(&self) -> String {
        self.client.server_info().version
    }

    /// Hands a message to the connection, for which it waits at most [`PUBLISH_WAIT`]. Delivery is not confirmed.
    pub async fn publish(&self, subject: &str, bytes: Vec<u8>, trace: Option<TraceId>) -> Result<(), BusError> {
        let (to, bytes) = (subject.to_string(), bytes.into());
        let sending = async {
            match trace {
                None => self.client.publish(to, bytes).await,
                Some(t) => self.client.publish_with_headers(to, trace_headers(t), bytes).await,
            }
        };
        let timeout = |_| self.timeout_cause(BusError::Timeout { subject: subject.into(), after: PUBLISH_WAIT });
        let sent = tokio::time::timeout(PUBLISH_WAIT, sending).await.map_err(timeout)?;
        sent.map_err(|e| BusError::other("publish", e))
    }

    /// Sends and waits for the one answer, at most `timeout`.
    pub async fn request(&self, subject: &str, bytes: Vec<u8>, timeout: Duration) -> Result<Bytes, BusError> {
        self.request_traced(subject, bytes, timeout, None).await
    }

    pub async fn request_traced(
        &self,
        subject: &str,
        bytes: Vec<u8>,
        timeout: Duration,
        trace: Option<TraceId>,
    ) -> Result<Bytes, BusError> {
        let mut request = async_nats::Request::new().payload(bytes.into()).timeout(Some(timeout));
        if let Some(t) = trace {
            request = request.headers(trace_headers(t));
        }
        let timed_out = || BusError::Timeout { subject: subject.into(), after: timeout };
        // The client's own timer starts only once the request is queued; ours bounds the whole.
        let answer = tokio::time::timeout(timeout, self.client.send_request(subject.to_string(), request));
        match answer.await.map_err(|_| self.timeout_cause(timed_out()))? {
            Ok(message) => Ok(message.payload),
            Err(e) => Err(match e.kind() {
                RequestErrorKind::NoResponders => BusError::NoResponders { subject: subject.into() },
                RequestErrorKind::TimedOut => self.timeout_cause(timed_out()),
                _ => BusError::other("request", e),
            }),
        }
    }

    /// Sends, and gives every answer that comes: for askers who cannot believe the first one. An empty answer means
    /// that nobody listens, or that somebody says so.
    pub async fn request_many(
        &self,
        subject: &str,
        bytes: Vec<u8>,
        trace: Option<TraceId>,
    ) -> Result<Subscription, BusError> {
        let inbox = self.client.new_inbox();
        let answers = self.subscribe(&inbox).await?;
        let (subject, bytes) = (subject.to_string(), bytes.into());
        let sent = match trace {
            None => self.client.publish_with_reply(subject, inbox, bytes).await,
            Some(t) => self.client.publish_with_reply_and_headers(subject, inbox, trace_headers(t), bytes).await,
        };
        sent.map_err(|e| BusError::other("request", e))?;
        Ok(answers)
    }

    pub async fn subscribe(&self, subject: &str) -> Result<Subscription, BusError> {
        let subscriber = self.client.subscribe(subject.to_string()).await;
        subscriber.map(Subscription).map_err(|e| BusError::other("subscribe", e))
    }

    /// Answers `message`, if it asked for an answer.
    pub async fn reply(&self, message: &Message, bytes: Vec<u8>) -> Result<(), BusError> {
        match &message.reply {
            Some(reply) => self.publish(reply, bytes, None).await,
            None => Ok(()),
        }
    }

    /// Waits until everything published so far is on the wire.
    pub async fn flush(&self) -> Result<(), BusError> {
        self.client.flush().await.map_err(|e| BusError::other("flush", e))
    }

    /// Sends what is queued and closes; waits at most [`CLOSE_WAIT`].
    pub async fn close(&self) -> Result<(), BusError> {
        let closing = async {
            self.client.flush().await.map_err(|e| BusError::other("flush", e))?;
            self.client.drain().await.map_err(|e| BusError::other("close", e))
        };
        let timeout = |_| self.timeout_cause(BusError::Timeout { subject: "close".into(), after: CLOSE_WAIT });
        tokio::time::timeout(CLOSE_WAIT, closing).await.map_err(timeout)?
    }

    fn timeout_cause(&self, timeout: BusError) -> BusError {
        if self.link.borrow().up {
            return timeout;
        }
        BusError::Down { url: self.url.to_string(), why: "the connection is lost".into() }
    }
}

fn reconnect_delay(attempt: usize) -> Duration {
    // The client asks before its very first attempt too, which counts as 1: that one is made at once.
    let Some(earlier) = attempt.checked_sub(2) else { return Duration::ZERO };
    let (first, most) = RECONNECT_DELAY;
    first.saturating_mul(1 << earlier.min(8)).min(most)
}

async fn note_event(sender: watch::Sender<Link>, event: Event) {
    match event {
        Event::Connected => sender.send_modify(|l| *l = Link { up: true, epoch: l.epoch + 1 }),
        Event::Disconnected | Event::Closed => sender.send_modify(|l| l.up = false),
        other => tracing::warn!(event = %other, "NATS"),
    }
}

fn refine(url: &str, error: &async_nats::ConnectError) -> BusError {
    use async_nats::ConnectErrorKind as K;
    let (url, why) = (url.to_string(), error.to_string());
    match error.kind() {
        K::Authentication | K::AuthorizationViolation => BusError::Refused { url, why },
        _ => BusError::Down { url, why },
    }
}
