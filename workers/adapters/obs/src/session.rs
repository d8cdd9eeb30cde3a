//! One websocket session: a task owns the socket, callers hold a handle.

mod task;

use crate::{
    connect::{Socket, disconnected},
    limits::{EVENT_QUEUE, Limits, OUTGOING_QUEUE},
    protocol::{BatchResult, Event, RequestStatus},
};
use if_engine::AdapterError;
use serde_json::Value;
use std::{borrow::Cow, sync::Arc};
use task::{Body, Outgoing, Task};
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    time::{Instant, timeout_at},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// What OBS can put out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    Record,
    Stream,
    Replay,
    VirtualCam,
}

impl Output {
    pub const ALL: [Output; 4] = [Output::Record, Output::Stream, Output::Replay, Output::VirtualCam];

    /// The event that tells of its state.
    pub fn event(self) -> &'static str {
        match self {
            Output::Record => "RecordStateChanged",
            Output::Stream => "StreamStateChanged",
            Output::Replay => "ReplayBufferStateChanged",
            Output::VirtualCam => "VirtualcamStateChanged",
        }
    }
}

/// Where an output is, as the last event said. Reading state back cannot tell stopping from running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// No event since the connection was made.
    #[default]
    Unknown,
    Starting,
    Running,
    Stopping,
    Stopped,
}

/// What events said of the outputs.
#[derive(Debug, Default)]
pub struct Phases {
    /// By [`Output`].
    of: [Phase; 4],
    /// When the recording was paused last.
    paused_at: Option<Instant>,
}

/// A live (or just lost) session.
pub struct Session {
    outgoing: mpsc::Sender<Outgoing>,
    events: broadcast::Sender<Arc<Event>>,
    phases: watch::Receiver<Phases>,
    closed: watch::Receiver<Option<AdapterError>>,
    cancel: CancellationToken,
    /// Held while a transform is set. OBS reads the whole transform, changes what was asked and writes it back, several
    /// requests at a time: of two at once, one is lost.
    transforming: tokio::sync::Mutex<()>,
    _cancel_on_drop: DropGuard,
}

/// The request for which [`Session::transforming`] is held.
const TRANSFORM: &str = "SetSceneItemTransform";

/// The name of a request.
pub type Kind = Cow<'static, str>;

/// Why a request gave no data.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RequestError {
    #[error("OBS refused {request} with code {code}{}", comment.as_ref().map(|c| format!(": {c}")).unwrap_or_default())]
    Refused { request: Kind, code: u64, comment: Option<String> },
    /// It never left this process.
    #[error("{request} was not sent to OBS: {why}")]
    NotSent { request: Kind, why: String },
    /// Perhaps sent, perhaps acted on.
    #[error("OBS did not answer {request} in time")]
    NoAnswer { request: Kind },
    /// Perhaps acted on.
    #[error("{request} got no answer: {why}")]
    Lost { request: Kind, why: String },
    #[error("OBS answered {request} with a document of the wrong shape: {why}")]
    Unreadable { request: Kind, why: String },
}

impl RequestError {
    fn too_late(request: Kind) -> Self {
        Self::NotSent { request, why: "its time is over".into() }
    }

    /// Of one answer.
    pub fn check(request: Kind, status: RequestStatus, data: Value) -> Result<Value, Self> {
        match status.result {
            true => Ok(data),
            false => Err(Self::Refused { request, code: status.code, comment: status.comment }),
        }
    }
}

/// What the task tells a waiting caller.
enum Answer {
    One(RequestStatus, Value),
    Batch(Vec<BatchResult>),
}

type Reply = Result<Answer, RequestError>;

impl Session {
    /// Starts the task that owns `socket`. `whom` names the peer in errors.
    pub fn start(socket: Socket, whom: String, limits: Limits) -> Self {
        let (outgoing, commands) = mpsc::channel(OUTGOING_QUEUE);
        let (events, _) = broadcast::channel(EVENT_QUEUE);
        let (phases_sender, phases) = watch::channel(Phases::default());
        let (closed_sender, closed) = watch::channel(None);
        let cancel = CancellationToken::new();
        let task = Task::new(socket, whom, limits, commands, events.clone(), phases_sender, cancel.clone());
        tokio::spawn(task.run(closed_sender));
        Self {
            outgoing,
            events,
            phases,
            closed,
            _cancel_on_drop: cancel.clone().drop_guard(),
            cancel,
            transforming: tokio::sync::Mutex::default(),
        }
    }

    /// Events from now on.
    pub fn events(&self) -> broadcast::Receiver<Arc<Event>> {
        self.events.subscribe()
    }

    pub fn phase(&self, output: Output) -> Phase {
        self.phases.borrow().of[output as usize]
    }

    /// When the recording was paused last, in this session.
    pub fn paused_at(&self) -> Option<Instant> {
        self.phases.borrow().paused_at
    }

    /// Waits until an output is in another phase than this. False where it still is at `until`.
    pub async fn left(&self, output: Output, phase: Phase, until: Instant) -> bool {
        let mut phases = self.phases.clone();
        let left = phases.wait_for(|phases| phases.of[output as usize] != phase);
        // Where the session ends, the request that follows says so.
        timeout_at(until, left).await.is_ok()
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
    pub async fn request(&self, request: impl Into<Kind>, data: Value, until: Instant) -> Result<Value, RequestError> {
        let request = request.into();
        let turn =
            timeout_at(until, async { if request == TRANSFORM { Some(self.transforming.lock().await) } else { None } });
        let Ok(_turn) = turn.await else {
            return Err(RequestError::NotSent { request, why: "others were being carried out until then".into() });
        };
        match self.ask(request.clone(), Body::One(data), until).await? {
            Answer::One(status, data) => RequestError::check(request, status, data),
            Answer::Batch(_) => Err(RequestError::Unreadable { request, why: "it answers a batch".into() }),
        }
    }

    /// Sends several requests as one batch. The answers come in the same order; fewer where `halt` ended it.
    pub async fn batch(
        &self,
        requests: Vec<(String, Value)>,
        halt: bool,
        until: Instant,
    ) -> Result<Vec<BatchResult>, RequestError> {
        let request = Kind::Borrowed("a batch");
        match self.ask(request.clone(), Body::Batch { requests, halt }, until).await? {
            Answer::Batch(results) => Ok(results),
            Answer::One(status, data) => {
                // How an obs-websocket refuses a batch as a whole.
                RequestError::check(request.clone(), status, data)?;
                Err(RequestError::Unreadable { request, why: "it answers no batch".into() })
            }
        }
    }

    async fn ask(&self, request: Kind, body: Body, until: Instant) -> Reply {
        if Instant::now() >= until {
            return Err(RequestError::too_late(request));
        }
        let (reply, answer) = oneshot::channel();
        let outgoing = Outgoing { request: request.clone(), body, until, reply };
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

/// Resolves once the session is over, with why.
pub async fn wait_closed(mut closed: watch::Receiver<Option<AdapterError>>) -> AdapterError {
    match closed.wait_for(Option::is_some).await.map(|why| (*why).clone()) {
        Ok(Some(why)) => why,
        // Only a task that ended without a word (a panic, a runtime shutting down) gets here.
        Ok(None) | Err(_) => disconnected("the session with OBS ended unexpectedly".into(), "reconnecting helps"),
    }
}
