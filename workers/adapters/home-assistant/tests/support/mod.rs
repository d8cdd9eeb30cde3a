//! What the tests of this adapter share.
#![allow(dead_code, reason = "every test binary uses its own part")]

pub mod fake;
pub mod home;
pub mod raw;

use if_adapter_home_assistant::{HomeAssistantProvider, Limits};
use if_engine::{Adapter, Call, Execution, InstanceConfig, ProgressSink, Provider, Secret};
use if_schemas::{CommandId, outcome::Failure};
use serde_json::{Map, Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// Long enough for a slow machine; every wait in these tests ends by an event long before.
pub const PATIENCE: Duration = Duration::from_secs(30);

pub const BOTH: [&str; 2] = ["event", "read_back"];

pub fn config(settings: Value, token: &str) -> InstanceConfig {
    let spec = if_manifest::native::ha::spec();
    let settings = spec.check_instance(settings.as_object().unwrap()).unwrap();
    let secrets = [("token".to_owned(), Secret::new(token.to_owned()))].into();
    InstanceConfig { provider: "ha".parse().unwrap(), name: "myhome".parse().unwrap(), settings, secrets }
}

pub fn adapter_for(settings: Value, token: &str, limits: Limits) -> Arc<dyn Adapter> {
    HomeAssistantProvider::with_limits(limits).adapter(config(settings, token)).unwrap()
}

pub fn adapter(port: u16, token: &str) -> Arc<dyn Adapter> {
    adapter_for(json!({"host": "127.0.0.1", "port": port}), token, Limits::default())
}

/// Arguments as the command line and the worker leave them: checked, with defaults.
pub fn call(operation: &str, args: Value, limit: Duration) -> Call {
    static COUNT: AtomicU8 = AtomicU8::new(0);
    let spec = if_manifest::native::ha::spec();
    let operation_spec = spec.operation(operation).unwrap_or_else(|| panic!("no operation {operation}"));
    let args = args.as_object().cloned().unwrap_or_else(Map::new);
    Call {
        command: CommandId::new(1, [COUNT.fetch_add(1, Ordering::Relaxed); 10]),
        operation: operation.parse().unwrap(),
        args: operation_spec.check(&args).unwrap(),
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

pub async fn failed(adapter: &Arc<dyn Adapter>, operation: &str, args: Value) -> Failure {
    failed_within(adapter, operation, args, PATIENCE).await
}

pub async fn failed_within(adapter: &Arc<dyn Adapter>, operation: &str, args: Value, limit: Duration) -> Failure {
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

/// Waits until `path` of the live state is `value`.
pub async fn live(adapter: &Arc<dyn Adapter>, path: &str, value: Value) {
    let live = adapter.live().unwrap();
    let mut changes = live.subscribe();
    let seen = tokio::time::timeout(PATIENCE, async {
        while live.get(path).as_ref() != Some(&value) {
            changes.changed().await.unwrap();
        }
    });
    assert!(seen.await.is_ok(), "{path} is {:?}, not {value}", live.get(path));
}
