//! What the tests of this adapter share.
#![allow(dead_code, reason = "every test binary uses its own part")]

pub mod fake;
pub mod raw;
pub mod stage;

use if_adapter_obs::{Limits, ObsProvider};
use if_engine::{Adapter, Call, Execution, InstanceConfig, ProgressSink, Provider, Secret};
use if_schemas::{CommandId, outcome::Failure};
use serde_json::{Map, Value, json};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// Long enough for a slow machine; every wait in these tests ends by an event long before.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub fn config(host: &str, port: u16, password: Option<&str>) -> InstanceConfig {
    let settings = json!({"host": host, "port": port}).as_object().cloned().unwrap();
    let secrets = password.map(|p| ("password".to_owned(), Secret::new(p.to_owned()))).into_iter().collect();
    InstanceConfig { provider: "obs".parse().unwrap(), name: "myobs".parse().unwrap(), settings, secrets }
}

pub fn adapter(port: u16, password: Option<&str>, limits: Limits) -> Arc<dyn Adapter> {
    ObsProvider::with_limits(limits).adapter(config("127.0.0.1", port, password)).unwrap()
}

pub fn call(operation: &str, args: Value, limit: Duration) -> Call {
    Call {
        command: CommandId::new(1, [7; 10]),
        operation: operation.parse().unwrap(),
        args: args.as_object().cloned().unwrap_or_else(Map::new),
        deadline: Instant::now() + limit,
    }
}

/// Executes, and insists on the promise that an adapter returns by its deadline.
pub async fn execute(adapter: &Arc<dyn Adapter>, operation: &str, args: Value, limit: Duration) -> Execution {
    let call = call(operation, args, limit);
    let deadline = call.deadline;
    let execution = adapter.execute_command(call, ProgressSink::none()).await.execution;
    let now = Instant::now();
    assert!(now <= deadline, "{operation} returned {:?} after its deadline: {execution:?}", now - deadline);
    execution
}

pub async fn succeeded(adapter: &Arc<dyn Adapter>, operation: &str, args: Value) -> Value {
    match execute(adapter, operation, args, PATIENCE).await {
        Execution::Succeeded(document) => document,
        other => panic!("{operation}: {other:?}"),
    }
}

pub async fn failed(adapter: &Arc<dyn Adapter>, operation: &str, args: Value, limit: Duration) -> Failure {
    match execute(adapter, operation, args, limit).await {
        Execution::Failed(failure) => failure,
        other => panic!("{operation}: {other:?}"),
    }
}

pub async fn indeterminate(adapter: &Arc<dyn Adapter>, operation: &str, args: Value, limit: Duration) -> Failure {
    match execute(adapter, operation, args, limit).await {
        Execution::Indeterminate(failure) => failure,
        other => panic!("{operation}: {other:?}"),
    }
}
