//! What the tests share: an adapter for a simulator, and calls as the runtime makes them.
#![allow(dead_code)]

use if_adapter_vmix::VmixProvider;
use if_engine::{Adapter, AdapterError, Call, Execution, InstanceConfig, ProgressSink, Provider};
use if_harness::vmix::{SimOptions, VmixSim};
use if_schemas::{CommandId, outcome::Failure};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::time::Instant;

/// Longest time anything in these tests may take.
pub const LIMIT: Duration = Duration::from_secs(10);
/// Longest time `connect` and `health_check` may take with any peer.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(5);

pub fn sim(options: SimOptions) -> VmixSim {
    VmixSim::start(options).unwrap()
}

pub fn settings(host: &str, http_port: u16, tcp_port: u16) -> InstanceConfig {
    let settings = json!({"host": host, "port": http_port, "tcp_port": tcp_port});
    let settings = VmixProvider::new().spec().check_instance(settings.as_object().unwrap()).unwrap();
    InstanceConfig {
        provider: "vmix".parse().unwrap(),
        name: "myvmix".parse().unwrap(),
        settings,
        secrets: BTreeMap::new(),
    }
}

pub fn adapter_at(http_port: u16, tcp_port: u16) -> Arc<dyn Adapter> {
    VmixProvider::new().adapter(settings("127.0.0.1", http_port, tcp_port)).unwrap()
}

pub fn adapter(sim: &VmixSim) -> Arc<dyn Adapter> {
    adapter_at(sim.http_addr.port(), sim.tcp_addr.port())
}

pub async fn connected(sim: &VmixSim) -> Arc<dyn Adapter> {
    let adapter = adapter(sim);
    adapter.connect().await.unwrap();
    adapter
}

/// Connects, which must fail, and in bounded time.
pub async fn connect_error(adapter: &dyn Adapter) -> AdapterError {
    tokio::time::timeout(CONNECT_LIMIT, adapter.connect()).await.expect("connect must be bounded in time").unwrap_err()
}

/// A call with its arguments checked and defaults filled in, as the runtime does it.
pub fn call(operation: &str, args: Value, time: Duration) -> Call {
    let provider = VmixProvider::new();
    let args: Map<String, Value> =
        provider.spec().operation(operation).unwrap().check(args.as_object().unwrap()).unwrap();
    Call {
        command: CommandId::from_bytes([7; 16]),
        operation: operation.parse().unwrap(),
        args,
        deadline: Instant::now() + time,
    }
}

/// Executes within `time`; the adapter must keep the deadline by itself.
pub async fn execute(adapter: &dyn Adapter, operation: &str, args: Value, time: Duration) -> Execution {
    let call = call(operation, args, time);
    let deadline = call.deadline;
    let execution = adapter.execute_command(call, ProgressSink::none()).await.execution;
    assert!(Instant::now() <= deadline, "{operation} returned after its deadline: {execution:?}");
    execution
}

#[track_caller]
pub fn succeeded(execution: Execution) -> Value {
    match execution {
        Execution::Succeeded(document) => document,
        other => panic!("expected success, got {other:?}"),
    }
}

#[track_caller]
pub fn failed(execution: Execution, code: &str) -> Failure {
    match execution {
        Execution::Failed(failure) if failure.code == code => failure,
        other => panic!("expected failure {code}, got {other:?}"),
    }
}

#[track_caller]
pub fn indeterminate(execution: Execution, code: &str) -> Failure {
    match execution {
        Execution::Indeterminate(failure) if failure.code == code => failure,
        other => panic!("expected indeterminate {code}, got {other:?}"),
    }
}

/// Checks every case at the same time, since most of them wait for a limit.
pub async fn together<T>(cases: impl IntoIterator<Item = T>, check: impl AsyncFn(T)) {
    let mut running: Vec<_> = cases.into_iter().map(|case| Box::pin(check(case))).collect();
    std::future::poll_fn(|context| {
        running.retain_mut(|case| case.as_mut().poll(context).is_pending());
        if running.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}
