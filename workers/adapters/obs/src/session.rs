//! One websocket session: a task owns the socket, callers hold a handle.

mod task;

use crate::{
    connect::{Socket, disconnected},
    limits::{EVENT_QUEUE, Limits, OUTGOING_QUEUE},
    protocol::{Event, RequestStatus},
};
use if_engine::AdapterError;
use serde_json::Value;
use std::sync::Arc;
use task::{Outgoing, Task};
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    time::{Instant, timeout_at},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Where a recording is, as the last event said. Reading state back cannot tell stopping from running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordPhase {
    /// No event since the connection was made.
    Unknown,
    Starting,
    Running,
    Stopping,
    Stopped,
}

/// A live (or just lost) session.
pub struct Session {
    outgoing: mpsc::Sender<Outgoing>,
    events: broadcast::Sender<Arc<Event>>,
    record: watch::Receiver<RecordPhase>,
    closed: watch::Receiver<Option<AdapterError>>,
    cancel: CancellationToken,
    _cancel_on_drop: DropGuard,
}

/// Why a request gave no data.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RequestError {
    #[error("OBS refused {request} with code {code}{}", comment.as_ref().map(|c| format!(": {c}")).unwrap_or_default())]
    Refused { request: &'static str, code: u64, comment: Option<String> },
    /// It never left this process.
    #[error("{request} was not sent to OBS: {why}")]
    NotSent { request: &'static str, why: String },
    /// Perhaps sent, perhaps acted on.
    #[error("OBS did not answer {request} in time")]
    NoAnswer { request: &'static str },
    /// Perhaps acted on.
    #[error("{request} got no answer: {why}")]
    Lost { request: &'static str, why: String },
    #[error("OBS answered {request} with a document of the wrong shape: {why}")]
    Unreadable { request: &'static str, why: String },
}

impl RequestError {
    fn too_late(request: &'static str) -> Self {
        Self::NotSent { request, why: "its time is over".into() }
    }
}

/// What the task tells a waiting caller.
type Answer = Result<(RequestStatus, Value), RequestError>;

impl Session {
    /// Starts the task that owns `socket`. `whom` names the peer in errors.
    pub fn start(socket: Socket, whom: String, limits: Limits) -> Self {
        let (outgoing, commands) = mpsc::channel(OUTGOING_QUEUE);
        let (events, _) = broadcast::channel(EVENT_QUEUE);
        let (record_sender, record) = watch::channel(RecordPhase::Unknown);
        let (closed_sender, closed) = watch::channel(None);
        let cancel = CancellationToken::new();
        let task = Task::new(socket, whom, limits, commands, events.clone(), record_sender, cancel.clone());
        tokio::spawn(task.run(closed_sender));
        Self { outgoing, events, record, closed, _cancel_on_drop: cancel.clone().drop_guard(), cancel }
    }

    /// Events from now on.
    pub fn events(&self) -> broadcast::Receiver<Arc<Event>> {
        self.events.subscribe()
    }

    pub fn record_phase(&self) -> RecordPhase {
        *self.record.borrow()
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
    pub async fn request(&self, request: &'static str, data: Value, until: Instant) -> Result<Value, RequestError> {
        if Instant::now() >= until {
            return Err(RequestError::too_late(request));
        }
        let (reply, answer) = oneshot::channel();
        match timeout_at(until, self.outgoing.send(Outgoing { request, data, until, reply })).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(RequestError::NotSent { request, why: self.why_closed() }),
            Err(_) => return Err(RequestError::NotSent { request, why: "too many requests are waiting".into() }),
        }
        let (status, data) = match timeout_at(until, answer).await {
            Ok(Ok(answer)) => answer?,
            Ok(Err(_)) => return Err(RequestError::Lost { request, why: self.why_closed() }),
            Err(_) => return Err(RequestError::NoAnswer { request }),
        };
        match status.result {
            true => Ok(data),
            false => Err(RequestError::Refused { request, code: status.code, comment: status.comment }),
        }
    }

    fn why_closed(&self) -> String {
        self.closed.borrow().as_ref().map_or_else(|| "the connection is closing".into(), |error| error.message.clone())
    }
}

/// Resolves once the session is over, with why.
pub async fn wait_closed(mut closed: watch::Receiver<Option<AdapterError>>) -> AdapterError {
    match closed.wait_for(Option::is_some).await.map(|why| (*why).clone()) {
        Ok(Some(why)) => why,
        // Only a task that ended without a word (a panic, a runtime shutting down) gets here.
        Ok(None) | Err(_) => disconnected("the session with OBS ended unexpectedly".into(), "reconnecting helps"),
    }
}
