//! One supervised connection per instance: connects, watches, reconnects with back-off, and survives whatever the
//! adapter does. Sessions share nothing, so a dead instance never blocks another.

use crate::{
    clock::{self, Backoff},
    secrets,
};
use if_engine::{Adapter, AdapterError, InstanceConfig, Peer, Provider};
use if_home::Instance;
use if_schemas::{Name, Timestamp, presence::InstanceState};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Longest attempt to connect.
    pub connect: Duration,
    /// Pause between attempts: doubles from the first to the second figure.
    pub retry: (Duration, Duration),
    /// Time between health checks.
    pub health_interval: Duration,
    /// Longest health check.
    pub health: Duration,
}

impl Timing {
    pub const STANDARD: Timing = Timing {
        connect: Duration::from_secs(5),
        retry: (Duration::from_millis(250), Duration::from_secs(10)),
        health_interval: Duration::from_secs(10),
        health: Duration::from_secs(3),
    };
}

/// Health checks that may fail one after the other while commands execute.
const HEALTH_MISSED_BUSY: u32 = 2;
/// Longest orderly disconnect.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// A connection that lasted this long was a good one: the next attempt comes soon.
const STABLE: Duration = Duration::from_secs(10);
/// Longest detail text kept, characters.
const DETAIL_MAX: usize = 300;

/// How the instance is right now.
#[derive(Clone)]
pub struct Snapshot {
    pub state: InstanceState,
    /// Why it is not ok, or who the peer is.
    pub detail: Option<String>,
    pub hint: Option<String>,
    pub since: Timestamp,
    /// The peer says it is a simulator, or its settings do.
    pub simulated: bool,
    /// There exactly while the state is ok.
    pub adapter: Option<Arc<dyn Adapter>>,
}

/// What makes a session.
#[derive(Clone)]
pub struct Target {
    pub provider: Arc<dyn Provider>,
    pub provider_name: Name,
    pub name: Name,
    pub instance: Instance,
    pub timing: Timing,
}

/// A running session. Ends when its token is cancelled.
#[derive(Clone)]
pub struct Session {
    snapshot: watch::Receiver<Snapshot>,
    signals: Arc<Signals>,
}

#[derive(Default)]
struct Signals {
    /// Try now.
    kick: Notify,
    /// An execution panicked: begin anew.
    fault: Notify,
    /// Commands executing.
    busy: AtomicUsize,
}

/// Held while a command executes.
pub struct Busy(Arc<Signals>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Session {
    /// Starts the supervisor. `changed` is told of every change of state.
    pub fn start(target: Target, changed: Arc<Notify>, tasks: &TaskTracker, stop: CancellationToken) -> Self {
        let first = Snapshot {
            state: InstanceState::Connecting,
            detail: None,
            hint: None,
            since: clock::now(),
            simulated: target.instance.simulated,
            adapter: None,
        };
        let (sender, snapshot) = watch::channel(first);
        let signals = Arc::new(Signals::default());
        let board = Board { sender: sender.into(), changed };
        tasks.spawn(supervise(target, board, signals.clone(), stop));
        Self { snapshot, signals }
    }

    /// One that will never connect, because its settings are wrong.
    pub fn broken(detail: String, hint: Option<String>) -> Self {
        let state = InstanceState::BadConfig;
        let snapshot =
            Snapshot { state, detail: Some(detail), hint, since: clock::now(), simulated: false, adapter: None };
        Self { snapshot: watch::channel(snapshot).1, signals: Arc::default() }
    }

    pub fn snapshot(&self) -> Snapshot {
        self.snapshot.borrow().clone()
    }
    pub fn watch(&self) -> watch::Receiver<Snapshot> {
        self.snapshot.clone()
    }
    /// Ends a pause between attempts.
    pub fn kick(&self) {
        self.signals.kick.notify_one();
    }
    /// To be held while a command executes.
    pub fn busy(&self) -> Busy {
        self.signals.busy.fetch_add(1, Ordering::Relaxed);
        Busy(self.signals.clone())
    }
    /// The adapter panicked while executing: its connection is not trusted any more.
    pub fn fault(&self) {
        self.signals.fault.notify_one();
    }
}

/// Where the state is posted.
#[derive(Clone)]
struct Board {
    sender: Arc<watch::Sender<Snapshot>>,
    changed: Arc<Notify>,
}

impl Board {
    fn post(
        &self,
        state: InstanceState,
        detail: Option<String>,
        hint: Option<String>,
        peer: Option<(&Peer, Arc<dyn Adapter>)>,
        simulated: bool,
    ) {
        let detail = detail.map(|d| d.chars().take(DETAIL_MAX).collect::<String>());
        let adapter = peer.as_ref().map(|(_, a)| a.clone());
        let simulated = simulated || peer.is_some_and(|(p, _)| p.simulated);
        let modified = self.sender.send_if_modified(|s| {
            let same = s.state == state && s.detail == detail && s.simulated == simulated && s.hint == hint;
            let since = if s.state == state { s.since } else { clock::now() };
            *s = Snapshot { state, detail, hint, since, simulated, adapter };
            !same
        });
        if modified {
            self.changed.notify_one();
        }
    }

    fn failed(&self, error: &AdapterError, simulated: bool) {
        // An adapter that calls a failure ok does not know what it is.
        let state = if error.state == InstanceState::Ok { InstanceState::UnknownError } else { error.state };
        self.post(state, Some(error.message.clone()), error.hint.clone(), None, simulated);
    }
}

/// Runs the session and starts it again if the adapter panics.
async fn supervise(target: Target, board: Board, signals: Arc<Signals>, stop: CancellationToken) {
    let (provider, instance) = (target.provider_name.clone(), target.name.clone());
    let mut backoff = Backoff::new(target.timing.retry.0, target.timing.retry.1);
    loop {
        let driver = Driver { target: target.clone(), board: board.clone(), signals: signals.clone() };
        let mut task = tokio::spawn(driver.run(stop.clone()));
        let ended = tokio::select! {
            ended = &mut task => ended,
            // A driver that hangs in its adapter is stopped from outside.
            () = async { stop.cancelled().await; tokio::time::sleep(DISCONNECT_TIMEOUT * 2).await } => {
                task.abort();
                return;
            }
        };
        let Err(error) = ended else { return };
        let Ok(panic) = error.try_into_panic() else { return };
        let what = panic_text(panic.as_ref());
        tracing::error!(%provider, %instance, what, "the adapter panicked; starting it again");
        let detail = format!("the adapter panicked: {what}");
        board.post(
            InstanceState::UnknownError,
            Some(detail),
            Some("please report this".into()),
            None,
            target.instance.simulated,
        );
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(backoff.step()) => {}
        }
    }
}

/// What a panic said.
pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}

struct Driver {
    target: Target,
    board: Board,
    signals: Arc<Signals>,
}

impl Driver {
    async fn run(self, stop: CancellationToken) {
        let mut adapter: Option<Arc<dyn Adapter>> = None;
        let attempts = async {
            let mut backoff = Backoff::new(self.target.timing.retry.0, self.target.timing.retry.1);
            loop {
                let lasted = self.connect_and_watch(&mut adapter).await;
                if lasted >= STABLE {
                    backoff.reset();
                }
                tokio::select! {
                    () = tokio::time::sleep(backoff.step()) => {}
                    () = self.signals.kick.notified() => {}
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = attempts => {}
        }
        if let Some(adapter) = adapter {
            disconnect(&*adapter).await;
        }
    }

    /// One connection from attempt to loss. How long it was up.
    async fn connect_and_watch(&self, slot: &mut Option<Arc<dyn Adapter>>) -> Duration {
        let simulated = self.target.instance.simulated;
        let adapter = match self.adapter(slot).await {
            Ok(adapter) => adapter,
            Err(error) => {
                self.log("not usable", &error);
                self.board.failed(&error, simulated);
                return Duration::ZERO;
            }
        };
        let peer = match timed(self.target.timing.connect, "did not answer", adapter.connect()).await {
            Ok(peer) => peer,
            Err(error) => {
                self.log("not connected", &error);
                disconnect(&*adapter).await;
                self.board.failed(&error, simulated);
                if error.state == InstanceState::AuthenticationFailure {
                    // The secret may have been changed where its reference points.
                    *slot = None;
                }
                return Duration::ZERO;
            }
        };
        let (provider, instance) = (&self.target.provider_name, &self.target.name);
        tracing::info!(%provider, %instance, peer = peer.description, simulated = peer.simulated, "connected");
        let up = Instant::now();
        let lost = self.watch(&adapter, peer).await;
        self.log("connection lost", &lost);
        disconnect(&*adapter).await;
        if lost.state == InstanceState::Disconnected {
            // Commands may wait for the attempt that follows at once.
            self.board.post(
                InstanceState::Connecting,
                Some(format!("connection lost: {lost}")),
                lost.hint,
                None,
                simulated,
            );
        } else {
            self.board.failed(&lost, simulated);
        }
        up.elapsed()
    }

    async fn adapter(&self, slot: &mut Option<Arc<dyn Adapter>>) -> Result<Arc<dyn Adapter>, AdapterError> {
        if let Some(adapter) = slot {
            return Ok(adapter.clone());
        }
        let mut secrets = BTreeMap::new();
        for (field, reference) in &self.target.instance.secrets {
            let secret = secrets::resolve(reference).await;
            let secret = secret.map_err(|e| AdapterError::new(InstanceState::BadConfig, format!("{field}: {e}")))?;
            secrets.insert(field.clone(), secret);
        }
        let config = InstanceConfig {
            provider: self.target.provider_name.clone(),
            name: self.target.name.clone(),
            settings: self.target.instance.open_settings(),
            secrets,
        };
        let adapter = self.target.provider.adapter(config)?;
        *slot = Some(adapter.clone());
        Ok(adapter)
    }

    /// Posts the state of a live connection until it is lost.
    async fn watch(&self, adapter: &Arc<dyn Adapter>, mut peer: Peer) -> AdapterError {
        let (simulated, timing) = (self.target.instance.simulated, self.target.timing);
        let mut missed = 0;
        loop {
            let detail = Some(peer.description.clone());
            self.board.post(InstanceState::Ok, detail, None, Some((&peer, adapter.clone())), simulated);
            tokio::select! {
                lost = adapter.closed() => return lost,
                () = self.signals.fault.notified() => {
                    return AdapterError::new(InstanceState::UnknownError, "the adapter panicked in a command");
                }
                () = tokio::time::sleep(timing.health_interval) => {}
            }
            match timed(timing.health, "did not answer the health check", adapter.health_check()).await {
                Ok(now) => (peer, missed) = (now, 0),
                // An adapter that does one thing after the other answers late while it executes.
                Err(error) if missed < HEALTH_MISSED_BUSY && self.signals.busy.load(Ordering::Relaxed) > 0 => {
                    missed += 1;
                    self.log("health check missed while commands execute", &error);
                }
                Err(error) => return error,
            }
        }
    }

    fn log(&self, what: &'static str, error: &AdapterError) {
        let (provider, instance) = (&self.target.provider_name, &self.target.name);
        tracing::warn!(%provider, %instance, state = error.state.as_str(), %error, "{what}");
    }
}

async fn timed<T>(
    limit: Duration,
    what: &str,
    call: impl Future<Output = Result<T, AdapterError>>,
) -> Result<T, AdapterError> {
    tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
        let message = format!("{what} within {} ms", limit.as_millis());
        Err(AdapterError::new(InstanceState::Disconnected, message)
            .hint("check that it runs and that the address is right"))
    })
}

async fn disconnect(adapter: &dyn Adapter) {
    // Whether it was orderly changes nothing: the connection is given up either way.
    let _ = tokio::time::timeout(DISCONNECT_TIMEOUT, adapter.disconnect()).await;
}

#[cfg(test)]
mod tests;
