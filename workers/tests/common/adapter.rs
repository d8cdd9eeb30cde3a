//! A provider whose adapter does what the test says.

use async_trait::async_trait;
use if_engine::{
    Adapter, AdapterError, Call, Discovered, Executed, Execution, InstanceConfig, Metered, Peer, Prices, ProgressSink,
    Provider,
};
use if_manifest::{Category, FieldSpec, OperationSpec, ParamKind, ProviderSpec};
use if_schemas::{Effect, presence::InstanceState, price::Unit};
use serde_json::json;
use std::sync::{Arc, Mutex};
use tokio::sync::{Notify, Semaphore, watch};

pub const PROVIDER: &str = "scripted";

/// Operations: `echo` (read), `set` (idempotent), `fire` (once): each answers its text. `hang…` wait for the
/// gate. `panic` (once) panics.
pub struct Scripted {
    spec: ProviderSpec,
    pub shared: Arc<Shared>,
}

pub struct Shared {
    /// Texts of executed commands, in order of beginning.
    pub executed: Mutex<Vec<String>>,
    pub begun: Notify,
    pub gate: Semaphore,
    /// What connecting gives.
    pub connect: watch::Sender<Result<(), AdapterError>>,
    pub secrets: Mutex<Vec<String>>,
}

impl Scripted {
    pub fn new() -> Arc<Self> {
        let op = |id: &str, effect| {
            OperationSpec::new(&format!("{PROVIDER}.{id}"), effect, id).optional(
                "text",
                ParamKind::Text,
                Some("hello"),
                "text",
            )
        };
        let spec = ProviderSpec {
            id: PROVIDER.into(),
            display_name: "Scripted".into(),
            category: Category::Studio,
            summary: "for tests".into(),
            docs_url: None,
            maturity: None,
            checked_on: None,
            verify: None,
            instance: vec![
                FieldSpec::required("host", ParamKind::Text, "anything"),
                FieldSpec::secret("password", "anything"),
            ],
            operations: vec![
                op("echo", Effect::Read),
                op("set", Effect::Idempotent),
                op("fire", Effect::Once),
                op("hang", Effect::Once),
                op("hang_set", Effect::Idempotent),
                op("hang_read", Effect::Read),
                op("panic", Effect::Once),
            ],
        };
        let shared = Shared {
            executed: Mutex::default(),
            begun: Notify::new(),
            gate: Semaphore::new(0),
            connect: watch::channel(Ok(())).0,
            secrets: Mutex::default(),
        };
        Arc::new(Self { spec, shared: Arc::new(shared) })
    }
    pub fn executed(&self) -> Vec<String> {
        self.shared.executed.lock().unwrap().clone()
    }
    /// Waits until `count` commands have begun.
    pub async fn begun(&self, count: usize) {
        super::within("a command to begin", async {
            while self.executed().len() < count {
                self.shared.begun.notified().await;
            }
        })
        .await;
    }
    pub fn refuse(&self, state: InstanceState, message: &str) {
        let _ = self.shared.connect.send_replace(Err(AdapterError::new(state, message)));
    }
}

#[async_trait]
impl Provider for Scripted {
    fn spec(&self) -> &ProviderSpec {
        &self.spec
    }
    fn prices(&self) -> Prices {
        Prices::free(self.spec())
    }
    fn adapter(&self, config: InstanceConfig) -> Result<Arc<dyn Adapter>, AdapterError> {
        let secrets = config.secrets.values().map(|s| s.expose().to_string());
        self.shared.secrets.lock().unwrap().extend(secrets);
        Ok(Arc::new(Play { shared: self.shared.clone() }))
    }
}

struct Play {
    shared: Arc<Shared>,
}

impl Play {
    fn peer(&self) -> Peer {
        Peer { description: "scripted peer".into(), simulated: false }
    }
}

#[async_trait]
impl Adapter for Play {
    async fn connect(&self) -> Result<Peer, AdapterError> {
        self.shared.connect.borrow().clone().map(|()| self.peer())
    }
    async fn disconnect(&self) {}
    async fn closed(&self) -> AdapterError {
        let mut connect = self.shared.connect.subscribe();
        let lost = connect.wait_for(Result::is_err).await.map(|r| r.clone());
        match lost {
            Ok(Err(error)) => error,
            _ => std::future::pending().await,
        }
    }
    async fn health_check(&self) -> Result<Peer, AdapterError> {
        Ok(self.peer())
    }
    async fn discover_instances(&self) -> Result<Vec<Discovered>, AdapterError> {
        Ok(vec![])
    }
    async fn execute_command(&self, call: Call, progress: ProgressSink) -> Executed {
        let text = call.text("text").unwrap_or_default().to_string();
        self.shared.executed.lock().unwrap().push(text.clone());
        self.shared.begun.notify_one();
        match call.operation.verb() {
            "panic" => panic!("scripted panic"),
            verb if verb.starts_with("hang") => {
                progress.report("hanging", None);
                self.shared.gate.acquire().await.unwrap().forget();
            }
            _ => {}
        }
        // `use 3` used three calls, `use ?` nobody knows how many.
        let metered = match text.strip_prefix("use ") {
            None => Metered::Nothing,
            Some(calls) => calls.parse().map_or(Metered::Unknown, |n| Metered::Known([(Unit::Call, n)].into())),
        };
        Executed { execution: Execution::Succeeded(json!({"text": text})), metered }
    }
}
