//! `Provider` and `Adapter` for Home Assistant.

use crate::{
    claims::Claims,
    confirm::Clock,
    connect::{self, disconnected},
    limits::Limits,
    mirror::Mirror,
    operations::{self, Ground},
    rest::Rest,
    session::{RequestError, Session, wait_closed},
    target::Target,
};
use async_trait::async_trait;
use if_engine::{
    Adapter, AdapterError, Call, Discovered, Executed, Execution, InstanceConfig, LiveState, Peer, Prices,
    ProgressSink, Provider,
};
use if_manifest::ProviderSpec;
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// Makes adapters for Home Assistant instances.
pub struct HomeAssistantProvider {
    spec: ProviderSpec,
    limits: Limits,
}

impl Default for HomeAssistantProvider {
    fn default() -> Self {
        Self::with_limits(Limits::default())
    }
}

impl HomeAssistantProvider {
    pub fn new() -> Self {
        Self::default()
    }
    /// With other bounds on connecting and silence.
    pub fn with_limits(limits: Limits) -> Self {
        Self { spec: if_manifest::native::ha::spec(), limits }
    }
}

#[async_trait]
impl Provider for HomeAssistantProvider {
    fn spec(&self) -> &ProviderSpec {
        &self.spec
    }
    fn prices(&self) -> Prices {
        Prices::free(&self.spec)
    }

    fn adapter(&self, config: InstanceConfig) -> Result<Arc<dyn Adapter>, AdapterError> {
        Ok(Arc::new(HomeAssistantAdapter::new(&config, self.limits)?))
    }
}

/// One Home Assistant.
pub struct HomeAssistantAdapter {
    target: Target,
    limits: Limits,
    mirror: Arc<Mirror>,
    claims: Arc<Claims>,
    link: Mutex<Option<Link>>,
}

/// What a connection is made of.
#[derive(Clone)]
struct Link {
    session: Arc<Session>,
    rest: Arc<Rest>,
}

impl HomeAssistantAdapter {
    /// Errors: `bad_config` where address or token cannot be used.
    pub fn new(config: &InstanceConfig, limits: Limits) -> Result<Self, AdapterError> {
        let target = Target::new(config)?;
        Ok(Self { target, limits, mirror: Arc::default(), claims: Arc::default(), link: Mutex::new(None) })
    }

    fn link(&self) -> Option<Link> {
        self.slot().clone()
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Link>> {
        // The slot is replaced whole: a panic elsewhere cannot leave it half-written.
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unhealthy(&self, error: &RequestError) -> AdapterError {
        let message = format!("Home Assistant at {}: {error}", self.target);
        disconnected(message, "Home Assistant hangs, is being restarted, or the network is broken")
    }

    fn not_connected(&self) -> AdapterError {
        let message = format!("there is no connection to Home Assistant at {}", self.target);
        disconnected(message, "it is made again by itself")
    }
}

#[async_trait]
impl Adapter for HomeAssistantAdapter {
    async fn connect(&self) -> Result<Peer, AdapterError> {
        // The session before must not call the mirror stale after this one has filled it.
        self.disconnect().await;
        let logged_in = connect::open(&self.target, &self.limits).await?;
        let rest = Arc::new(Rest::new(&self.target, &logged_in)?);
        let session = Session::start(&self.target, logged_in, self.limits, self.mirror.clone()).await?;
        let peer = Peer { description: session.description(), simulated: false };
        let link = Link { session: Arc::new(session), rest };
        // Dropping a session ends it.
        let _before = self.slot().replace(link);
        Ok(peer)
    }

    async fn disconnect(&self) {
        let link = self.slot().take();
        if let Some(link) = link {
            link.session.close().await;
        }
    }

    async fn closed(&self) -> AdapterError {
        let closed = self.link().map(|link| link.session.closed());
        match closed {
            Some(closed) => wait_closed(closed).await,
            None => self.not_connected(),
        }
    }

    async fn health_check(&self) -> Result<Peer, AdapterError> {
        let link = self.link().ok_or_else(|| self.not_connected())?;
        let until = Instant::now() + self.limits.health;
        link.session.request("ping", json!({}), until).await.map_err(|error| self.unhealthy(&error))?;
        Ok(Peer { description: link.session.description(), simulated: false })
    }

    async fn discover_instances(&self) -> Result<Vec<Discovered>, AdapterError> {
        // A Home Assistant knows of no other.
        Ok(Vec::new())
    }

    async fn execute_command(&self, call: Call, progress: ProgressSink) -> Executed {
        let Some(link) = self.link() else {
            let error = self.not_connected();
            return Execution::failed("disconnected", error.message, error.hint.as_deref()).into();
        };
        let ground = Ground {
            session: &link.session,
            call: &call,
            clock: Clock::until(call.deadline),
            progress: &progress,
            claims: &self.claims,
            rest: &link.rest,
        };
        operations::execute(&ground).await.into()
    }

    fn live(&self) -> Option<Arc<LiveState>> {
        Some(self.mirror.live())
    }
}
