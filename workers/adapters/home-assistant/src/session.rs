//! One websocket session: a task owns the socket, callers hold a handle.

mod load;
mod task;

use crate::{
    connect::{LoggedIn, disconnected},
    limits::{Limits, OUTGOING_QUEUE, SUBSCRIPTION_QUEUE},
    mirror::{Context, Entity, Mirror},
    protocol::Refusal,
    services::Services,
    target::Target,
};
use if_engine::AdapterError;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use task::{Outgoing, Request, Task};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, timeout_at},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// What Home Assistant says of itself.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Config {
    pub version: Option<String>,
    pub location_name: Option<String>,
    /// `RUNNING`, `STARTING`, …
    pub state: Option<String>,
    pub recovery_mode: Option<bool>,
    /// What recovery mode was called until 2023.11; something else since.
    pub safe_mode: Option<bool>,
}

impl Config {
    pub fn is_recovery(&self) -> bool {
        self.recovery_mode.or(self.safe_mode).unwrap_or(false)
    }
}

/// A live (or just lost) session.
pub struct Session {
    outgoing: mpsc::Sender<Outgoing>,
    closed: watch::Receiver<Option<AdapterError>>,
    cancel: CancellationToken,
    _cancel_on_drop: DropGuard,
    mirror: Arc<Mirror>,
    version: String,
    place: Option<String>,
}

/// Why a request gave no data.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RequestError {
    #[error("Home Assistant refused {request}: {} ({})", refusal.message, refusal.code)]
    Refused { request: &'static str, refusal: Refusal },
    /// It never left this process.
    #[error("{request} was not sent to Home Assistant: {why}")]
    NotSent { request: &'static str, why: String },
    /// Perhaps sent, perhaps acted on.
    #[error("Home Assistant did not answer {request} in time")]
    NoAnswer { request: &'static str },
    /// Perhaps acted on.
    #[error("{request} got no answer: {why}")]
    Lost { request: &'static str, why: String },
    #[error("Home Assistant answered {request} with a document of the wrong shape: {why}")]
    Unreadable { request: &'static str, why: String },
}

impl RequestError {
    fn too_late(request: &'static str) -> Self {
        Self::NotSent { request, why: "its time is over".into() }
    }
}

/// Id and data, as the task tells a waiting caller.
type Answer = Result<(u64, Value), RequestError>;

/// Events of one subscription. Ended by dropping it.
pub struct Subscription {
    id: u64,
    events: mpsc::Receiver<Value>,
    outgoing: mpsc::Sender<Outgoing>,
}

impl Subscription {
    /// None once the session is over, or this reader fell too far behind.
    pub async fn next(&mut self) -> Option<Value> {
        self.events.recv().await
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // Where the queue is full, the task ends the subscription at its next event.
        let _ = self.outgoing.try_send(Outgoing::Unsubscribe(self.id));
    }
}

impl Session {
    /// Loads states, services and configuration into `mirror`, then starts the task that owns the socket. The mirror is fresh
    /// until the task ends.
    pub async fn start(
        target: &Target,
        logged_in: LoggedIn,
        limits: Limits,
        mirror: Arc<Mirror>,
    ) -> Result<Self, AdapterError> {
        let LoggedIn { mut socket, version, .. } = logged_in;
        let loaded = load::load(target, &mut socket, &mirror, limits.load).await?;
        let whom = format!("Home Assistant at {target}");
        let (outgoing, commands) = mpsc::channel(OUTGOING_QUEUE);
        let (closed_sender, closed) = watch::channel(None);
        let cancel = CancellationToken::new();
        let task = Task::new(socket, whom, limits, commands, mirror.clone(), loaded.subscriptions, cancel.clone());
        tokio::spawn(task.run(closed_sender));
        Ok(Self {
            outgoing,
            closed,
            _cancel_on_drop: cancel.clone().drop_guard(),
            cancel,
            mirror,
            version: loaded.config.version.or(version).unwrap_or_else(|| "of an unknown version".into()),
            place: loaded.config.location_name.filter(|name| !name.is_empty()),
        })
    }

    pub fn mirror(&self) -> &Arc<Mirror> {
        &self.mirror
    }

    /// `Home Assistant 2025.4.4 (Studio)`.
    pub fn description(&self) -> String {
        let place = self.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
        format!("Home Assistant {}{place}", self.version)
    }

    /// A receiver that outlives the session's handle; see [`wait_closed`].
    pub fn closed(&self) -> watch::Receiver<Option<AdapterError>> {
        self.closed.clone()
    }

    /// Asks the task to say goodbye and waits until the socket is closed.
    pub async fn close(&self) {
        self.cancel.cancel();
        wait_closed(self.closed.clone()).await;
    }

    /// Sends one request and waits for its answer until `until`. Nothing is sent after `until`.
    pub async fn request(&self, request: &'static str, body: Value, until: Instant) -> Result<Value, RequestError> {
        self.ask(request, body, None, until).await.map(|(_, data)| data)
    }

    /// The same, read as `T`.
    pub async fn read<T: DeserializeOwned>(
        &self,
        request: &'static str,
        body: Value,
        until: Instant,
    ) -> Result<T, RequestError> {
        let answer = self.request(request, body, until).await?;
        serde_json::from_value(answer).map_err(|error| RequestError::Unreadable { request, why: error.to_string() })
    }

    /// Sends a request that is followed by events.
    pub async fn subscribe(
        &self,
        request: &'static str,
        body: Value,
        until: Instant,
    ) -> Result<Subscription, RequestError> {
        let (sender, events) = mpsc::channel(SUBSCRIPTION_QUEUE);
        let (id, _) = self.ask(request, body, Some(sender), until).await?;
        Ok(Subscription { id, events, outgoing: self.outgoing.clone() })
    }

    /// Reads one entity back: not from the mirror, but from Home Assistant now. None where there is no such entity.
    pub async fn read_entity(&self, id: &str, until: Instant) -> Result<Option<Entity>, RequestError> {
        const REQUEST: &str = "subscribe_entities";
        let mut states = self.subscribe(REQUEST, json!({"entity_ids": [id]}), until).await?;
        let event = match timeout_at(until, states.next()).await {
            Ok(Some(event)) => event,
            Ok(None) => return Err(RequestError::Lost { request: REQUEST, why: self.why_closed() }),
            Err(_) => return Err(RequestError::NoAnswer { request: REQUEST }),
        };
        compressed(id, &event).map_err(|why| RequestError::Unreadable { request: REQUEST, why })
    }

    /// The services as they are now: from the mirror unless they changed.
    pub async fn services(&self, until: Instant) -> Result<Arc<Services>, RequestError> {
        match self.mirror.services() {
            Some(services) => Ok(services),
            None => self.services_anew(until).await,
        }
    }

    pub async fn services_anew(&self, until: Instant) -> Result<Arc<Services>, RequestError> {
        let services = Services::read(&self.request("get_services", json!({}), until).await?);
        self.mirror.set_services(Some(services.clone()));
        Ok(Arc::new(services))
    }

    async fn ask(
        &self,
        request: &'static str,
        body: Value,
        events: Option<mpsc::Sender<Value>>,
        until: Instant,
    ) -> Answer {
        if Instant::now() >= until {
            return Err(RequestError::too_late(request));
        }
        let body = match body {
            Value::Object(body) => body,
            _ => Map::new(),
        };
        let (reply, answer) = oneshot::channel();
        let outgoing = Outgoing::Request(Request { request, body, until, reply, events });
        match timeout_at(until, self.outgoing.send(outgoing)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(RequestError::NotSent { request, why: self.why_closed() }),
            Err(_) => return Err(RequestError::NotSent { request, why: "too many requests are waiting".into() }),
        }
        match timeout_at(until, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(RequestError::Lost { request, why: self.why_closed() }),
            Err(_) => Err(RequestError::NoAnswer { request }),
        }
    }

    fn why_closed(&self) -> String {
        self.closed.borrow().as_ref().map_or_else(|| "the connection is closing".into(), |error| error.message.clone())
    }
}

/// One entity of a `subscribe_entities` event: `{"a": {id: {"s": state, "a": attributes, "c": context}}}`.
fn compressed(id: &str, event: &Value) -> Result<Option<Entity>, String> {
    let added = match event.get("a") {
        Some(Value::Object(added)) => added,
        None => return Ok(None),
        Some(_) => return Err("\"a\" is no object".into()),
    };
    let Some(raw) = added.get(id) else { return Ok(None) };
    let state = raw.get("s").and_then(Value::as_str).ok_or("an entity without state")?.to_owned();
    let attributes = raw.get("a").and_then(Value::as_object).cloned().unwrap_or_default();
    let context = match raw.get("c") {
        Some(Value::String(id)) => Context { id: Some(id.clone()), ..Context::default() },
        Some(context) => Context::deserialize(context).unwrap_or_default(),
        None => Context::default(),
    };
    Ok(Some(Entity { id: id.to_owned(), state, attributes, context, last_changed: None }))
}

/// Resolves once the session is over, with why.
pub async fn wait_closed(mut closed: watch::Receiver<Option<AdapterError>>) -> AdapterError {
    match closed.wait_for(Option::is_some).await.map(|why| (*why).clone()) {
        Ok(Some(why)) => why,
        // Only a task that ended without a word (a panic, a runtime shutting down) gets here.
        Ok(None) | Err(_) => {
            disconnected("the session with Home Assistant ended unexpectedly".into(), "reconnecting helps")
        }
    }
}
