//! `Provider` and `Adapter` for OBS.

use crate::{
    connect::{self, Target, disconnected},
    lanes::Lanes,
    limits::Limits,
    mirror, operations,
    session::{RequestError, Session, wait_closed},
};
use async_trait::async_trait;
use if_engine::{
    Adapter, AdapterError, Call, Discovered, Executed, Execution, InstanceConfig, LiveState, Peer, Prices,
    ProgressSink, Provider, Secret,
};
use if_manifest::ProviderSpec;
use if_schemas::presence::InstanceState;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

/// Makes adapters for OBS instances.
pub struct ObsProvider {
    spec: ProviderSpec,
    limits: Limits,
}

impl Default for ObsProvider {
    fn default() -> Self {
        Self::with_limits(Limits::default())
    }
}

impl ObsProvider {
    pub fn new() -> Self {
        Self::default()
    }
    /// With other bounds on connecting and silence.
    pub fn with_limits(limits: Limits) -> Self {
        Self { spec: if_manifest::native::obs::spec(), limits }
    }
}

#[async_trait]
impl Provider for ObsProvider {
    fn spec(&self) -> &ProviderSpec {
        &self.spec
    }
    fn prices(&self) -> Prices {
        Prices::free(&self.spec)
    }

    fn adapter(&self, config: InstanceConfig) -> Result<Arc<dyn Adapter>, AdapterError> {
        Ok(Arc::new(ObsAdapter::new(&config, self.limits)?))
    }
}

/// One OBS.
pub struct ObsAdapter {
    target: Target,
    limits: Limits,
    stream_key: Option<Secret>,
    lanes: Lanes,
    live: Arc<LiveState>,
    link: Mutex<Option<Link>>,
}

/// A session and what follows it into the live state; ended together.
struct Link {
    session: Arc<Session>,
    _mirror: AbortOnDropHandle<()>,
}

impl ObsAdapter {
    /// Errors: `bad_config` where host or port cannot be used.
    pub fn new(config: &InstanceConfig, limits: Limits) -> Result<Self, AdapterError> {
        let host = config.text("host").unwrap_or_default().trim();
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let plain = |c: char| c.is_alphanumeric() || "-._:%".contains(c);
        if host.is_empty() || !host.chars().all(plain) {
            return Err(bad_config(config, format!("host {host:?} is no host name or address"))
                .hint("give host as a name or an IP address, without scheme, port and path"));
        }
        let Some(port) = config.port("port").filter(|port| *port > 0) else {
            return Err(bad_config(config, "port is not a number from 1 to 65535".into())
                .hint("take the port shown in Tools > WebSocket Server Settings; it is 4455 unless changed"));
        };
        let secret = |name| config.secret(name).filter(|secret| !secret.expose().is_empty()).cloned();
        let target = Target { host: host.to_owned(), port, password: secret("password") };
        let (lanes, live) = (Lanes::default(), Arc::default());
        Ok(Self { target, limits, stream_key: secret("stream_key"), lanes, live, link: Mutex::new(None) })
    }

    fn session(&self) -> Option<Arc<Session>> {
        self.slot().as_ref().map(|link| link.session.clone())
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Link>> {
        // The slot is replaced whole: a panic elsewhere cannot leave it half-written.
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn peer(&self, session: &Session) -> Result<Peer, AdapterError> {
        let version =
            session.version(Instant::now() + self.limits.health).await.map_err(|error| self.unhealthy(&error))?;
        let description =
            format!("OBS Studio {}, obs-websocket {}", version.obs_version, version.obs_web_socket_version);
        Ok(Peer { description, simulated: false })
    }

    fn unhealthy(&self, error: &RequestError) -> AdapterError {
        let message = format!("OBS at {}: {error}", self.target);
        match error {
            RequestError::Refused { .. } | RequestError::Unreadable { .. } => {
                connect::unknown(message, "update OBS Studio to 28 or later")
            }
            RequestError::NotSent { .. } | RequestError::NoAnswer { .. } | RequestError::Lost { .. } => {
                disconnected(message, "OBS hangs, was quit, or the network is broken")
            }
        }
    }

    fn not_connected(&self) -> AdapterError {
        disconnected(format!("there is no connection to OBS at {}", self.target), "it is made again by itself")
    }
}

fn bad_config(config: &InstanceConfig, what: String) -> AdapterError {
    AdapterError::new(InstanceState::BadConfig, format!("OBS instance {}: {what}", config.name))
}

#[async_trait]
impl Adapter for ObsAdapter {
    async fn connect(&self) -> Result<Peer, AdapterError> {
        let socket = connect::open(&self.target, &self.limits).await?;
        let session = Arc::new(Session::start(socket, format!("OBS at {}", self.target), self.limits));
        let peer = self.peer(&session).await?;
        // Dropping the session before ends it, and before what follows it could call the new one's state stale.
        drop(self.slot().take());
        self.live.set_fresh(false);
        let mirror = tokio::spawn(mirror::follow(Arc::downgrade(&session), self.live.clone()));
        *self.slot() = Some(Link { session, _mirror: AbortOnDropHandle::new(mirror) });
        Ok(peer)
    }

    async fn disconnect(&self) {
        let link = self.slot().take();
        self.live.set_fresh(false);
        if let Some(link) = link {
            link.session.close().await;
        }
    }

    async fn closed(&self) -> AdapterError {
        let closed = self.session().map(|session| session.closed());
        match closed {
            Some(closed) => wait_closed(closed).await,
            None => self.not_connected(),
        }
    }

    async fn health_check(&self) -> Result<Peer, AdapterError> {
        let session = self.session().ok_or_else(|| self.not_connected())?;
        self.peer(&session).await
    }

    async fn discover_instances(&self) -> Result<Vec<Discovered>, AdapterError> {
        // An OBS knows of no other.
        Ok(Vec::new())
    }

    async fn execute_command(&self, call: Call, progress: ProgressSink) -> Executed {
        let execution = match self.session() {
            Some(session) => {
                let stream_key = self.stream_key.as_ref();
                let hands = operations::Hands { session: &session, lanes: &self.lanes, stream_key };
                operations::execute(hands, &call, &progress).await
            }
            None => {
                let error = self.not_connected();
                Execution::failed("disconnected", error.message, error.hint.as_deref())
            }
        };
        execution.into()
    }

    fn live(&self) -> Option<Arc<LiveState>> {
        Some(self.live.clone())
    }
}
