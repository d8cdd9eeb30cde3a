//! `trait Adapter`: one connection to one instance. Logging to the witness, cost reporting, deadlines,
//! reconnecting and at-most-once execution are the runtime's, so no adapter can forget them.

use crate::{InstanceConfig, LiveState, Metered};
use async_trait::async_trait;
use if_manifest::ProviderSpec;
use if_schemas::{
    CommandId, OperationId,
    outcome::Failure,
    presence::InstanceState,
    price::{Meter, PriceTable},
    tariff::ArgumentDefaults,
};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::Instant};

/// A kind of instance: makes adapters.
#[async_trait]
pub trait Provider: Send + Sync {
    fn spec(&self) -> &ProviderSpec;
    /// What its operations cost. There is no default: a provider that is free says so with [`Prices::free`].
    fn prices(&self) -> Prices;
    /// What an instance gives for arguments that meters name and a command leaves out. `settings` hold no secrets.
    fn price_defaults(&self, settings: &Map<String, Value>) -> ArgumentDefaults {
        let defaults = |id: &OperationId, meter: Meter| -> Option<Map<String, Value>> {
            let params = &self.spec().operation(id.as_str())?.params;
            // What has no setting to come from is in every command already.
            let from = |name: &str| params.iter().find(|p| p.name == name && p.from.is_some())?.left_out(settings);
            let given = meter.arguments().filter_map(|name| Some((name.to_string(), from(name)?)));
            Some(given.collect())
        };
        let given = self.prices().operations.into_iter().filter_map(|(id, meter)| {
            let defaults = defaults(&id, meter?)?;
            Some((id, defaults))
        });
        given.filter(|(_, defaults)| !defaults.is_empty()).collect()
    }
    /// Makes an adapter, not yet connected. An error means the settings can never work (`bad_config`).
    fn adapter(&self, config: InstanceConfig) -> Result<Arc<dyn Adapter>, AdapterError>;
}

/// One instance. Methods may be called concurrently; the runtime calls `execute_command` only while connected.
#[async_trait]
pub trait Adapter: Send + Sync {
    /// Connects and authenticates. The runtime bounds it in time and calls it again, with back-off, after a failure.
    async fn connect(&self) -> Result<Peer, AdapterError>;

    /// Closes the connection. Idempotent.
    async fn disconnect(&self);

    /// Resolves once a connection made by `connect` is lost, with why.
    async fn closed(&self) -> AdapterError;

    /// A round trip that proves the peer answers.
    async fn health_check(&self) -> Result<Peer, AdapterError>;

    /// Instances this one can tell of (siblings, mixes, channels). Empty where there is no such thing.
    async fn discover_instances(&self) -> Result<Vec<Discovered>, AdapterError>;

    /// Executes one operation and confirms it by reading the effect back. Must return by `call.deadline`;
    /// `Succeeded` only if the effect was seen. A time-out is `Failed` where the effect was seen absent,
    /// `Indeterminate` where it could not be seen at all. Where the operation has a meter, says what was used.
    async fn execute_command(&self, call: Call, progress: ProgressSink) -> Executed;

    /// What its pushes say, kept over reconnects; none for a peer that pushes nothing. The adapter fills it at every connect
    /// before it calls it fresh, and calls it stale once the connection is lost.
    fn live(&self) -> Option<Arc<LiveState>> {
        None
    }
}

/// What the operations of a provider cost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prices {
    /// `None`: free. An operation that is not here has no known price and is refused until an operator sets one.
    pub operations: BTreeMap<OperationId, Option<Meter>>,
    pub table: Option<PriceTable>,
}

impl Prices {
    /// The operations of `spec` are measured as it says, at the prices of `table`.
    pub fn of(spec: &ProviderSpec, table: Option<PriceTable>) -> Self {
        let operations = spec.operations.iter();
        let operations = operations.filter_map(|o| Some((o.id.parse().ok()?, o.price.clone()))).collect();
        Self { operations, table }
    }

    /// Every operation of `spec` costs nothing.
    pub fn free(spec: &ProviderSpec) -> Self {
        let operations = spec.operations.iter().filter_map(|o| o.id.parse().ok()).map(|id| (id, None)).collect();
        Self { operations, table: None }
    }
}

/// What came of a call, and what it used.
#[derive(Debug, Clone, PartialEq)]
pub struct Executed {
    pub execution: Execution,
    pub metered: Metered,
}

impl From<Execution> for Executed {
    /// Of an operation without a meter.
    fn from(execution: Execution) -> Self {
        Self { execution, metered: Metered::Nothing }
    }
}

/// One checked call.
#[derive(Debug, Clone)]
pub struct Call {
    /// Base for idempotency keys of the provider.
    pub command: CommandId,
    pub operation: OperationId,
    /// Checked against the operation's parameters, defaults filled in.
    pub args: Map<String, Value>,
    pub deadline: Instant,
}

impl Call {
    pub fn text(&self, name: &str) -> Option<&str> {
        self.args.get(name).and_then(Value::as_str)
    }
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.args.get(name).and_then(Value::as_i64)
    }
    /// Time left; zero once past.
    pub fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Execution {
    /// Seen to have happened; the operation's result document.
    Succeeded(Value),
    /// Refused, or seen not to have happened.
    Failed(Failure),
    /// Nobody can know.
    Indeterminate(Failure),
}

impl Execution {
    pub fn failed(code: &str, message: impl Into<String>, hint: Option<&str>) -> Self {
        Self::Failed(failure(code, message, hint))
    }
    pub fn indeterminate(code: &str, message: impl Into<String>, hint: Option<&str>) -> Self {
        Self::Indeterminate(failure(code, message, hint))
    }
}

fn failure(code: &str, message: impl Into<String>, hint: Option<&str>) -> Failure {
    Failure { code: code.into(), message: message.into(), hint: hint.map(Into::into) }
}

/// Who answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// `OBS Studio 29.0.2, obs-websocket 5.1.0`
    pub description: String,
    /// The peer says it is a simulator; recorded with every result.
    pub simulated: bool,
}

/// An instance found, ready to be added.
#[derive(Debug, Clone, PartialEq)]
pub struct Discovered {
    pub suggested_name: String,
    pub settings: Map<String, Value>,
}

/// Why a connection is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AdapterError {
    /// The state the instance is in because of it; never `ok`.
    pub state: InstanceState,
    pub message: String,
    pub hint: Option<String>,
}

impl AdapterError {
    pub fn new(state: InstanceState, message: impl Into<String>) -> Self {
        Self { state, message: message.into(), hint: None }
    }
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Most progress reports waiting to be sent; more are dropped, the result never is.
pub const PROGRESS_QUEUE: usize = 64;

/// Where an adapter reports how far it is.
#[derive(Debug, Clone)]
pub struct ProgressSink(Option<mpsc::Sender<(String, Option<Value>)>>);

impl ProgressSink {
    /// A sink and the end the runtime reads from.
    pub fn channel() -> (Self, mpsc::Receiver<(String, Option<Value>)>) {
        let (sender, receiver) = mpsc::channel(PROGRESS_QUEUE);
        (Self(Some(sender)), receiver)
    }
    /// Discards reports.
    pub fn none() -> Self {
        Self(None)
    }
    /// Reports without waiting; dropped if the reader is behind.
    pub fn report(&self, message: impl Into<String>, data: Option<Value>) {
        if let Some(sender) = &self.0 {
            // Progress is a hint to people: losing one under load is right, blocking the operation is not.
            let _ = sender.try_send((message.into(), data));
        }
    }
}
