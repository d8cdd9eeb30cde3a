//! A provider that does nothing, and remembers what it was asked to do.

use async_trait::async_trait;
use if_engine::{
    Adapter, AdapterError, Call, Discovered, Execution, InstanceConfig, LiveState, Metered, Peer, Prices, ProgressSink,
    Provider, live::segment,
};
use if_manifest::{Category, OperationSpec, ParamKind, ProviderSpec};
use if_schemas::{
    CommandId, Currency, Effect,
    price::{Meter, MeterLine, PriceTable, Quantity, Rate, Sku, SkuName, Unit},
};
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};

/// Executions so far, in order.
pub type Executed = Arc<Mutex<Vec<CommandId>>>;

/// What a call of `noop.paid` costs, micro-dollars.
pub const CALL_MICROS: i64 = 1_000;
/// Most calls of one `noop.paid` that does not say how many.
pub const CALLS_MAX: u64 = 10;

/// Where executions are remembered.
#[derive(Clone)]
pub enum Memory {
    InProcess(Executed),
    /// One line per execution, `<command id> <operation>`, written before it returns: outlives the process.
    File(Arc<std::fs::File>),
}

pub struct NoopProvider {
    spec: ProviderSpec,
    memory: Memory,
}

impl NoopProvider {
    pub fn new(memory: Memory) -> Self {
        Self { spec: spec(), memory }
    }
}

/// What it can be asked to do.
pub fn spec() -> ProviderSpec {
    let operation =
        |id, effect| OperationSpec::new(id, effect, "does nothing").optional("note", ParamKind::Text, None, "any text");
    let calls = ParamKind::Integer { min: 0, max: 1_000_000 };
    ProviderSpec {
        id: "noop".into(),
        display_name: "No-op".into(),
        category: Category::Studio,
        summary: "does nothing, for tests and benches".into(),
        docs_url: None,
        maturity: None,
        checked_on: None,
        verify: None,
        instance: vec![],
        operations: vec![
            operation("noop.read", Effect::Read),
            operation("noop.set", Effect::Idempotent),
            operation("noop.fire", Effect::Once),
            operation("noop.paid", Effect::Idempotent).optional("calls", calls.clone(), None, "most calls").optional(
                "used",
                calls,
                None,
                "calls it uses; nobody knows if it is not given",
            ),
            operation("noop.unpriced", Effect::Idempotent),
        ],
    }
}

#[async_trait]
impl Provider for NoopProvider {
    fn spec(&self) -> &ProviderSpec {
        &self.spec
    }
    fn prices(&self) -> Prices {
        let mut prices = Prices::free(self.spec());
        let lines = vec![MeterLine { unit: Unit::Call, most: Quantity::Argument("calls".into()) }];
        let meter = Meter { sku: SkuName::Fixed("call".into()), lines };
        prices.operations.retain(|id, _| id.as_str() != "noop.unpriced");
        for (id, price) in &mut prices.operations {
            if id.as_str() == "noop.paid" {
                *price = Some(meter.clone());
            }
        }
        let rates = vec![Rate { unit: Unit::Call, amount_micros: CALL_MICROS, per: 1 }];
        let skus = [("call".to_string(), Sku { rates, limits: [(Unit::Call, CALLS_MAX)].into() })].into();
        Prices { table: Some(PriceTable { version: "noop-1".into(), currency: Currency::USD, skus }), ..prices }
    }
    fn adapter(&self, _: InstanceConfig) -> Result<Arc<dyn Adapter>, AdapterError> {
        Ok(Arc::new(Noop { memory: self.memory.clone(), live: Arc::default() }))
    }
}

struct Noop {
    memory: Memory,
    /// `executions`: how many there were; `last.<operation>`: the command that was the last of its kind.
    live: Arc<LiveState>,
}

fn peer() -> Peer {
    Peer { description: "no-op".into(), simulated: true }
}

#[async_trait]
impl Adapter for Noop {
    async fn connect(&self) -> Result<Peer, AdapterError> {
        self.live.set("executions", json!(0));
        self.live.set_fresh(true);
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
    fn live(&self) -> Option<Arc<LiveState>> {
        Some(self.live.clone())
    }
    async fn execute_command(&self, call: Call, _: ProgressSink) -> if_engine::Executed {
        let before = self.live.get("executions").and_then(|n| n.as_u64()).unwrap_or(0);
        self.live.set("executions", json!(before + 1));
        self.live.set(&format!("last.{}", segment(call.operation.as_str())), json!(call.command.to_string()));
        match &self.memory {
            Memory::InProcess(executed) => executed.lock().unwrap_or_else(PoisonError::into_inner).push(call.command),
            Memory::File(file) => {
                // One write of one short line to a file opened for appending: lines of concurrent executions do not mix.
                let line = format!("{} {}\n", call.command, call.operation);
                if let Err(e) = std::io::Write::write_all(&mut file.as_ref(), line.as_bytes()) {
                    return Execution::failed("provider_error", e.to_string(), None).into();
                }
            }
        }
        let metered = match call.integer("used").map(u64::try_from) {
            Some(Ok(used)) => Metered::Known([(Unit::Call, used)].into()),
            _ if call.operation.as_str() == "noop.paid" => Metered::Unknown,
            _ => Metered::Nothing,
        };
        if_engine::Executed { execution: Execution::Succeeded(json!({ "done": true })), metered }
    }
}
