//! A compiled manifest as a provider of the fabric.

use super::{
    client::Client,
    context::Scope,
    engine::Engine,
    login::LoginRequests,
    tls::{TlsError, TlsSettings},
};
use crate::{
    Adapter, AdapterError, Call, Discovered, Executed, Execution, InstanceConfig, Peer, Prices, ProgressSink, Provider,
    auth::{self, Authenticator, FileTokenStore},
    transport::Transport,
};
use async_trait::async_trait;
use if_manifest::{ProviderSpec, plan::Plan};
use if_schemas::{CommandId, presence::InstanceState, price::PriceTable};
use serde_json::{Map, Value};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, time::Instant};

/// Longest time a proof of the settings may take.
const VERIFY_TIME: Duration = Duration::from_secs(15);
/// A provider is asked at most this often whether it is there; in between, the last answer counts.
pub const VERIFY_EVERY: Duration = Duration::from_secs(60);
/// Setting: certificates of loopback and private addresses are not verified.
const INSECURE_TLS: &str = "insecure_tls";
/// Setting: the other side is a stand-in.
const SIMULATED: &str = "simulated";

/// Instances of one manifest.
#[derive(Debug)]
pub struct HttpProvider {
    plan: Arc<Plan>,
    table: Option<PriceTable>,
    tokens: PathBuf,
}

impl HttpProvider {
    /// `table` holds the prices now in force; `tokens` is the directory in which rotated refresh tokens are kept.
    pub fn new(plan: Arc<Plan>, table: Option<PriceTable>, tokens: PathBuf) -> Self {
        Self { plan, table, tokens }
    }
}

#[async_trait]
impl Provider for HttpProvider {
    fn spec(&self) -> &ProviderSpec {
        &self.plan.spec
    }
    fn prices(&self) -> Prices {
        Prices::of(&self.plan.spec, self.table.clone())
    }
    fn adapter(&self, config: InstanceConfig) -> Result<Arc<dyn Adapter>, AdapterError> {
        Ok(Arc::new(HttpAdapter::new(self.plan.clone(), config, &self.tokens)?))
    }
}

/// One instance. HTTP has no connection to lose: it is lost only when the provider refuses the credentials.
pub struct HttpAdapter {
    engine: Engine,
    simulated: bool,
    refused: watch::Sender<Option<AdapterError>>,
    verified: Mutex<Option<(Instant, Result<Peer, AdapterError>)>>,
}

impl HttpAdapter {
    /// Nothing is sent yet. An error means that the settings can never work.
    pub fn new(plan: Arc<Plan>, config: InstanceConfig, tokens: &Path) -> Result<Self, AdapterError> {
        let context = Scope::of_instance(&plan, &config).context();
        let insecure_private = config.settings.get(INSECURE_TLS) == Some(&Value::Bool(true));
        let tls = TlsSettings { insecure_private, identity: Authenticator::identity(&plan, &context)?, ca: None };
        let transport: Arc<dyn Transport> = Arc::new(Client::new(&plan.limits, &tls).map_err(bad_tls)?);
        let store = FileTokenStore::new(tokens, config.provider.as_str(), config.name.as_str());
        let auth = Authenticator::new(
            plan.clone(),
            context,
            transport.clone(),
            Arc::new(auth::SystemClock),
            Arc::new(store),
            Arc::new(LoginRequests),
        )?;
        Ok(Self::of_engine(Engine::new(plan, config, transport, Arc::new(auth))))
    }

    pub fn of_engine(engine: Engine) -> Self {
        let simulated = engine.config.settings.get(SIMULATED) == Some(&Value::Bool(true));
        Self { engine, simulated, refused: watch::Sender::new(None), verified: Mutex::new(None) }
    }

    /// Runs the operation that proves the settings.
    async fn verify(&self) -> Result<Peer, AdapterError> {
        let plan = &self.engine.plan;
        let bad = |why: String| AdapterError::new(InstanceState::BadConfig, why);
        let operation = plan.verify.parse().map_err(|e| bad(format!("verify is {:?}: {e}", plan.verify)))?;
        let deadline = Instant::now() + VERIFY_TIME;
        let call = Call { command: CommandId::new(0, [0; 10]), operation, args: Map::new(), deadline };
        let verified = match self.engine.execute(&call, &ProgressSink::none()).await.0 {
            Execution::Succeeded(result) => Ok(self.peer(&result)),
            Execution::Failed(f) | Execution::Indeterminate(f) => {
                Err(AdapterError { state: state_of(&f.code), message: f.message, hint: f.hint })
            }
        };
        *self.last() = Some((Instant::now(), verified.clone()));
        verified
    }

    fn peer(&self, result: &Value) -> Peer {
        let name = &self.engine.plan.spec.display_name;
        let known = result.as_object().and_then(|m| m.values().find_map(Value::as_str)).filter(|s| !s.is_empty());
        let description = known.map_or_else(|| name.clone(), |known| format!("{name}, {known}"));
        Peer { description, simulated: self.simulated }
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Option<(Instant, Result<Peer, AdapterError>)>> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refuse(&self, message: &str, hint: Option<&String>) {
        let error =
            AdapterError { state: InstanceState::AuthenticationFailure, message: message.into(), hint: hint.cloned() };
        *self.last() = Some((Instant::now(), Err(error.clone())));
        self.refused.send_replace(Some(error));
    }
}

#[async_trait]
impl Adapter for HttpAdapter {
    async fn connect(&self) -> Result<Peer, AdapterError> {
        self.refused.send_replace(None);
        self.verify().await
    }

    async fn disconnect(&self) {}

    async fn closed(&self) -> AdapterError {
        let mut refused = self.refused.subscribe();
        match refused.wait_for(Option::is_some).await.ok().and_then(|e| e.clone()) {
            Some(error) => error,
            // The sender is ours: this is never reached.
            None => std::future::pending().await,
        }
    }

    async fn health_check(&self) -> Result<Peer, AdapterError> {
        let recent = self.last().clone().filter(|(at, _)| at.elapsed() < VERIFY_EVERY);
        match recent {
            Some((_, outcome)) => outcome,
            None => self.verify().await,
        }
    }

    async fn discover_instances(&self) -> Result<Vec<Discovered>, AdapterError> {
        Ok(Vec::new())
    }

    async fn execute_command(&self, call: Call, progress: ProgressSink) -> Executed {
        let (execution, metered) = self.engine.execute(&call, &progress).await;
        if let Execution::Failed(failure) = &execution
            && failure.code == "authentication_failure"
        {
            self.refuse(&failure.message, failure.hint.as_ref());
        }
        Executed { execution, metered }
    }
}

fn state_of(code: &str) -> InstanceState {
    match code {
        "authentication_failure" => InstanceState::AuthenticationFailure,
        "bad_config" | "bad_argument" => InstanceState::BadConfig,
        "unreachable" | "no_answer" | "deadline" | "unavailable" | "rate_limited" | "busy" => {
            InstanceState::Disconnected
        }
        _ => InstanceState::UnknownError,
    }
}

fn bad_tls(error: TlsError) -> AdapterError {
    AdapterError::new(InstanceState::BadConfig, error.to_string())
        .hint("check the certificate settings of the instance in the worker's instance file")
}
