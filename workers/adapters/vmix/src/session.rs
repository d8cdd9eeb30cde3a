//! One TCP session: a task that owns the socket. One request is outstanding at a time; what arrives unasked is a push.

mod link;
#[cfg(test)]
mod tests;

use crate::{
    endpoint::Endpoint,
    frame::{Answer, Decoder, FrameError, Verb},
    state::{State, StateError},
};
use if_engine::AdapterError;
use if_schemas::presence::InstanceState;
use link::Link;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot, watch},
    time::{Instant, timeout_at},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Longest wait for the TCP connection to be accepted.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest wait for the greeting.
const GREETING_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest wait for a complete reply. After it the session is closed: a late reply would be taken for the next one's.
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest time a started message may take to be complete.
const FRAME_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest time from the first packet to a session ready for use, however slowly the peer answers.
const OPEN_TIMEOUT: Duration = Duration::from_secs(4);
/// Longest wait for the task to end when the session is closed.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);
/// Requests waiting for their turn.
const REQUEST_QUEUE: usize = 16;

/// Why a session ended, or never began.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SessionError {
    #[error("{peer} could not be reached: {why}")]
    Unreachable { peer: String, why: String },
    #[error("{peer} accepted the connection and did not greet within {} s", GREETING_TIMEOUT.as_secs())]
    NoGreeting { peer: String },
    #[error("{peer} did not get ready within {} s", OPEN_TIMEOUT.as_secs())]
    TooSlow { peer: String },
    #[error("{peer} does not speak vMix's protocol: {source}")]
    Frame { peer: String, source: FrameError },
    #[error("{peer} does not speak vMix's protocol: it sent {got} while {waiting} was expected")]
    Unexpected { peer: String, got: &'static str, waiting: &'static str },
    #[error("{peer} refused {verb}: {text}")]
    Refused { peer: String, verb: &'static str, text: String },
    #[error("{peer} did not answer {verb} within {} s", REPLY_TIMEOUT.as_secs())]
    NoReply { peer: String, verb: &'static str },
    #[error("{peer} began a message and did not finish it within {} s", FRAME_TIMEOUT.as_secs())]
    SlowMessage { peer: String },
    #[error("{peer} closed the connection")]
    Closed { peer: String },
    #[error("the connection to {peer} broke: {why}")]
    Broken { peer: String, why: String },
    #[error("the connection to {peer} was closed on this side")]
    Stopped { peer: String },
}

impl From<SessionError> for AdapterError {
    fn from(error: SessionError) -> Self {
        let message = error.to_string();
        let (state, hint) = match error {
            SessionError::Unreachable { .. } => (
                InstanceState::Disconnected,
                "check that vMix runs, the `host` of the instance, its `tcp_port` (8099 unless changed) and firewalls",
            ),
            SessionError::NoGreeting { .. } | SessionError::TooSlow { .. } => (
                InstanceState::Disconnected,
                "check that `tcp_port` is vMix's TCP API port (8099) and not its web port (8088), and that vMix is not hung",
            ),
            SessionError::Frame { .. } | SessionError::Unexpected { .. } => {
                (InstanceState::UnknownError, "check that `tcp_port` is vMix's TCP API port (8099 unless changed)")
            }
            SessionError::Refused { .. } => {
                (InstanceState::UnknownError, "check that this version of vMix has the TCP API")
            }
            SessionError::NoReply { .. } | SessionError::SlowMessage { .. } => {
                (InstanceState::Disconnected, "check that vMix is not hung and the network between is sound")
            }
            SessionError::Closed { .. } | SessionError::Broken { .. } => {
                (InstanceState::Disconnected, "check that vMix still runs; connecting is tried again")
            }
            SessionError::Stopped { .. } => return AdapterError::new(InstanceState::Disconnected, message),
        };
        AdapterError::new(state, message).hint(hint)
    }
}

/// What became of a request.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RequestError {
    /// Not a byte of it left: it had no effect.
    #[error("{0}")]
    NotSent(SessionError),
    /// It may have been carried out.
    #[error("{0}")]
    NoReply(SessionError),
    #[error("vMix did not answer in time")]
    TimedOut,
    #[error("vMix refused: {0}")]
    Refused(String),
    #[error("{0}")]
    State(StateError),
}

/// Most activators remembered; more are only counted. 1,000 inputs have some 12 each, most of which never change.
const ACTIVATORS_MAX: usize = 16_384;

/// What pushes have told so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pushed {
    /// One digit per input: 0 off, 1 on program or an overlay, 2 on preview.
    pub tally: String,
    /// Counts activator pushes.
    pub acts: u64,
    /// By name and input (`InputAudio 3`, `Recording`): the value last pushed, and which push it was.
    activators: BTreeMap<String, (u64, String)>,
}

impl Pushed {
    /// The digit of an input, counted from 1.
    pub fn digit(&self, number: u32) -> Option<char> {
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        self.tally.chars().nth(at)
    }

    /// What was last pushed for an activator.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.activators.get(name).map(|(_, value)| value.as_str())
    }

    /// Activators pushed after the first `acts`, in the order they came.
    pub fn since(&self, acts: u64) -> Vec<(&str, &str)> {
        let mut new: Vec<_> = self.activators.iter().filter(|(_, (at, _))| *at > acts).collect();
        new.sort_by_key(|(_, (at, _))| *at);
        new.into_iter().map(|(name, (_, value))| (name.as_str(), value.as_str())).collect()
    }

    /// `Input 3 1`: the value comes last.
    fn act(&mut self, text: &str) {
        self.acts += 1;
        let Some((name, value)) = text.trim().rsplit_once(' ') else { return };
        if self.activators.contains_key(name) || self.activators.len() < ACTIVATORS_MAX {
            self.activators.insert(name.into(), (self.acts, value.into()));
        }
    }
}

struct Request {
    verb: Verb,
    /// Without line break.
    line: String,
    reply: oneshot::Sender<Result<Answer, RequestError>>,
}

/// A session ready for use. The task ends with the last handle.
#[derive(Debug)]
pub struct Session {
    pub version: String,
    peer: String,
    requests: mpsc::Sender<Request>,
    pushed: watch::Receiver<Pushed>,
    ended: watch::Receiver<Option<SessionError>>,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

impl Session {
    /// Connects, takes the greeting, subscribes to pushes. Bounded by [`CONNECT_TIMEOUT`] and [`OPEN_TIMEOUT`].
    pub async fn open(endpoint: &Endpoint) -> Result<Arc<Self>, SessionError> {
        let peer = endpoint.tcp_label();
        let until = Instant::now() + OPEN_TIMEOUT;
        let opened = timeout_at(until, Self::open_unbounded(endpoint, &peer)).await;
        opened.unwrap_or(Err(SessionError::TooSlow { peer }))
    }

    async fn open_unbounded(endpoint: &Endpoint, peer: &str) -> Result<Arc<Self>, SessionError> {
        let unreachable = |why: String| SessionError::Unreachable { peer: peer.into(), why };
        let connecting = TcpStream::connect((endpoint.host.as_str(), endpoint.tcp_port));
        let stream = tokio::time::timeout(CONNECT_TIMEOUT, connecting)
            .await
            .map_err(|_| unreachable(format!("no answer within {} s", CONNECT_TIMEOUT.as_secs())))?
            .map_err(|e| unreachable(e.to_string()))?;
        stream.set_nodelay(true).map_err(|e| unreachable(e.to_string()))?;
        let (requests, queue) = mpsc::channel(REQUEST_QUEUE);
        let (pushed, pushes) = watch::channel(Pushed::default());
        let mut link = Link::new(peer.into(), stream, Decoder::default(), queue, pushed);
        let version = link.greeting(Instant::now() + GREETING_TIMEOUT).await?;
        let (end, ended) = watch::channel(None);
        let stop = CancellationToken::new();
        tokio::spawn(link.run(stop.clone(), end));
        let guard = stop.clone().drop_guard();
        let session = Self { version, peer: peer.into(), requests, pushed: pushes, ended, stop, _stop_on_drop: guard };
        for what in ["TALLY", "ACTS"] {
            session.subscribe(what).await?;
        }
        Ok(Arc::new(session))
    }

    async fn subscribe(&self, what: &str) -> Result<(), SessionError> {
        let until = Instant::now() + REPLY_TIMEOUT;
        match self.request(Verb::Subscribe, format!("SUBSCRIBE {what}"), until).await {
            Ok(_) => Ok(()),
            Err(RequestError::Refused(text)) => {
                Err(SessionError::Refused { peer: self.peer.clone(), verb: "SUBSCRIBE", text })
            }
            Err(RequestError::NotSent(e) | RequestError::NoReply(e)) => Err(e),
            Err(RequestError::TimedOut | RequestError::State(_)) => {
                Err(SessionError::NoReply { peer: self.peer.clone(), verb: "SUBSCRIBE" })
            }
        }
    }

    /// Sends one request and waits for its reply until `until`.
    async fn request(&self, verb: Verb, line: String, until: Instant) -> Result<Answer, RequestError> {
        let (reply, answered) = oneshot::channel();
        let request = Request { verb, line, reply };
        match timeout_at(until, self.requests.send(request)).await {
            Err(_) => return Err(RequestError::TimedOut),
            Ok(Err(_)) => return Err(RequestError::NotSent(self.end_reason())),
            Ok(Ok(())) => {}
        }
        match timeout_at(until, answered).await {
            Err(_) => Err(RequestError::TimedOut),
            Ok(Err(_)) => Err(RequestError::NoReply(self.end_reason())),
            Ok(Ok(result)) => match result? {
                Answer::Refused(text) => Err(RequestError::Refused(text)),
                answer => Ok(answer),
            },
        }
    }

    /// Runs a function. `Ok` says that vMix took it, not that it did it.
    pub async fn function(&self, text: &str, until: Instant) -> Result<(), RequestError> {
        self.request(Verb::Function, format!("FUNCTION {text}"), until).await.map(drop)
    }

    pub async fn read_state(&self, until: Instant) -> Result<State, RequestError> {
        match self.request(Verb::Xml, "XML".into(), until).await? {
            Answer::Body(text) => State::parse(&text).map_err(RequestError::State),
            Answer::Ok(text) | Answer::Refused(text) => Err(RequestError::Refused(text)),
        }
    }

    /// Asks for the tally, and so proves that the peer answers.
    pub async fn read_tally(&self, until: Instant) -> Result<String, RequestError> {
        match self.request(Verb::Tally, "TALLY".into(), until).await? {
            Answer::Ok(text) => Ok(text),
            Answer::Body(text) | Answer::Refused(text) => Err(RequestError::Refused(text)),
        }
    }

    /// What pushes tell; changes wake its receivers.
    pub fn pushed(&self) -> watch::Receiver<Pushed> {
        self.pushed.clone()
    }

    /// Resolves when the session is over, with why.
    pub async fn ended(&self) -> SessionError {
        let mut ended = self.ended.clone();
        // An error means the task is gone without a word, which `end_reason` has words for.
        let _ = ended.wait_for(Option::is_some).await;
        self.end_reason()
    }

    fn end_reason(&self) -> SessionError {
        self.ended.borrow().clone().unwrap_or_else(|| SessionError::Stopped { peer: self.peer.clone() })
    }

    /// Says goodbye and waits, briefly, for the task to end.
    pub async fn close(&self) {
        self.stop.cancel();
        // Past the limit the task ends by itself: every wait in it is bounded.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.ended()).await;
    }
}
