//! One vMix: its session and its HTTP side.

use crate::{
    change::{self, Desk},
    endpoint::Endpoint,
    mirror, query,
    session::{REPLY_TIMEOUT, RequestError, Session, SessionError},
    state::State,
};
use async_trait::async_trait;
use if_engine::{Adapter, AdapterError, Call, Discovered, Executed, Execution, LiveState, Peer, ProgressSink};
use if_schemas::presence::InstanceState;
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{task::JoinHandle, time::Instant};

/// How long before the deadline a call stops waiting, so that its result is out in time.
const RETURN_MARGIN: Duration = Duration::from_millis(50);

/// A connection that was made.
struct Connected {
    session: Arc<Session>,
    /// Keeps the live state. It holds the session too: left alone it would keep the connection of an adapter that is gone.
    mirror: JoinHandle<()>,
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.mirror.abort();
    }
}

pub struct VmixAdapter {
    endpoint: Endpoint,
    connected: Mutex<Option<Connected>>,
    desk: Desk,
    /// Also the desk's: what a command has seen is shown before its result.
    live: Arc<LiveState>,
}

impl VmixAdapter {
    pub fn new(endpoint: Endpoint) -> Self {
        let live: Arc<LiveState> = Arc::default();
        Self { endpoint, connected: Mutex::default(), desk: Desk::new(Arc::clone(&live)), live }
    }

    fn slot(&self) -> MutexGuard<'_, Option<Connected>> {
        // A panic elsewhere leaves a whole Option behind.
        self.connected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn session(&self) -> Option<Arc<Session>> {
        self.slot().as_ref().map(|connected| Arc::clone(&connected.session))
    }
}

fn peer(state: &State) -> Peer {
    Peer { description: state.description(), simulated: state.simulated() }
}

fn not_connected() -> AdapterError {
    AdapterError::new(InstanceState::Disconnected, "not connected to vMix")
}

#[async_trait]
impl Adapter for VmixAdapter {
    async fn connect(&self) -> Result<Peer, AdapterError> {
        self.disconnect().await;
        // Side by side: the slower of the two bounds the wait, not their sum.
        let (session, state) = tokio::join!(Session::open(&self.endpoint), self.endpoint.read_state(REPLY_TIMEOUT));
        let session = session?;
        match state {
            Ok(state) => {
                tracing::debug!(version = %session.version, "connected to {}", self.endpoint.tcp_label());
                mirror::fill(&self.live, &state);
                self.live.set_fresh(true);
                let mirror = mirror::run(self.endpoint.clone(), Arc::clone(&session), Arc::clone(&self.live));
                *self.slot() = Some(Connected { session, mirror: tokio::spawn(mirror) });
                Ok(peer(&state))
            }
            Err(error) => {
                session.close().await;
                Err(error.into())
            }
        }
    }

    async fn disconnect(&self) {
        let connected = self.slot().take();
        if let Some(mut connected) = connected {
            connected.mirror.abort();
            // Cancelled or at its end: in either case it will not write over what the next connection finds.
            let _ = (&mut connected.mirror).await;
            connected.session.close().await;
            self.live.set_fresh(false);
        }
    }

    async fn closed(&self) -> AdapterError {
        match self.session() {
            Some(session) => session.ended().await.into(),
            None => not_connected(),
        }
    }

    async fn health_check(&self) -> Result<Peer, AdapterError> {
        let session = self.session().ok_or_else(not_connected)?;
        let until = Instant::now() + REPLY_TIMEOUT;
        let (tally, state) = tokio::join!(session.read_tally(until), self.endpoint.read_state(REPLY_TIMEOUT));
        tally.map_err(|error| match error {
            RequestError::NotSent(e) | RequestError::NoReply(e) => e.into(),
            RequestError::TimedOut => SessionError::NoReply { peer: self.endpoint.tcp_label(), verb: "TALLY" }.into(),
            RequestError::Refused(_) | RequestError::State(_) => {
                AdapterError::new(InstanceState::UnknownError, format!("{}: {error}", self.endpoint.tcp_label()))
            }
        })?;
        Ok(peer(&state?))
    }

    async fn discover_instances(&self) -> Result<Vec<Discovered>, AdapterError> {
        // A vMix knows of no other.
        Ok(Vec::new())
    }

    async fn execute_command(&self, call: Call, progress: ProgressSink) -> Executed {
        let Some(session) = self.session() else {
            let text = "not connected to vMix; nothing was sent";
            return Execution::failed("unreachable", text, Some(UNREACHABLE_HINT)).into();
        };
        let until = call.deadline.checked_sub(RETURN_MARGIN).unwrap_or(call.deadline);
        let execution = match query::of(call.operation.as_str()) {
            Some(read) => query::run(read, &self.endpoint, &session, &call, until).await,
            None => change::execute(&self.desk, &self.endpoint, &session, &call, until, &progress).await,
        };
        execution.into()
    }

    fn live(&self) -> Option<Arc<LiveState>> {
        Some(Arc::clone(&self.live))
    }
}

/// What to do about a vMix that is not there.
pub const UNREACHABLE_HINT: &str = "check that vMix runs and answers: ifctl vmix test <instance>";
