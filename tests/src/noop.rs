//! A provider that does nothing, and remembers what it was asked to do.

use async_trait::async_trait;
use if_engine::{Adapter, AdapterError, Call, Discovered, Execution, InstanceConfig, Peer, ProgressSink, Provider};
use if_manifest::{Category, OperationSpec, ParamKind, ProviderSpec};
use if_schemas::{CommandId, Effect};
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};

/// Executions so far, in order.
pub type Executed = Arc<Mutex<Vec<CommandId>>>;

pub struct NoopProvider {
    spec: ProviderSpec,
    executed: Executed,
}

impl NoopProvider {
    pub fn new(executed: Executed) -> Self {
        let operation = |id, effect| {
            OperationSpec::new(id, effect, "does nothing").optional("note", ParamKind::Text, None, "any text")
        };
        let spec = ProviderSpec {
            id: "noop".into(),
            display_name: "No-op".into(),
            category: Category::Studio,
            summary: "does nothing, for tests and benches".into(),
            instance: vec![],
            operations: vec![
                operation("noop.read", Effect::Read),
                operation("noop.set", Effect::Idempotent),
                operation("noop.fire", Effect::Once),
            ],
        };
        Self { spec, executed }
    }
}

#[async_trait]
impl Provider for NoopProvider {
    fn spec(&self) -> &ProviderSpec {
        &self.spec
    }
    fn adapter(&self, _: InstanceConfig) -> Result<Arc<dyn Adapter>, AdapterError> {
        Ok(Arc::new(Noop { executed: self.executed.clone() }))
    }
}

struct Noop {
    executed: Executed,
}

fn peer() -> Peer {
    Peer { description: "no-op".into(), simulated: true }
}

#[async_trait]
impl Adapter for Noop {
    async fn connect(&self) -> Result<Peer, AdapterError> {
        Ok(peer())
    }
    async fn disconnect(&self) {}
    async fn closed(&self) -> AdapterError {
        std::future::pending().await
    }
    async fn health_check(&self) -> Result<Peer, AdapterError> {
        Ok(peer())
    }
    async fn discover_instances(&self) -> Result<Vec<Discovered>, AdapterError> {
        Ok(vec![])
    }
    async fn execute_command(&self, call: Call, _: ProgressSink) -> Execution {
        self.executed.lock().unwrap_or_else(PoisonError::into_inner).push(call.command);
        Execution::Succeeded(json!({ "done": true }))
    }
}
