use super::*;
use async_trait::async_trait;
use if_engine::{AdapterError, Discovered, Peer};
use serde_json::{Map, Value};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Notes that it was asked to execute; everything else is not asked of it here.
#[derive(Default)]
struct Asked(AtomicBool);

#[async_trait]
impl Adapter for Asked {
    async fn connect(&self) -> Result<Peer, AdapterError> {
        Err(AdapterError::new(InstanceState::Disconnected, "not asked"))
    }
    async fn disconnect(&self) {}
    async fn closed(&self) -> AdapterError {
        std::future::pending().await
    }
    async fn health_check(&self) -> Result<Peer, AdapterError> {
        self.connect().await
    }
    async fn discover_instances(&self) -> Result<Vec<Discovered>, AdapterError> {
        Ok(Vec::new())
    }
    async fn execute_command(&self, _: Call, _: ProgressSink) -> Executed {
        self.0.store(true, Ordering::SeqCst);
        Execution::Succeeded(Value::Null).into()
    }
}

async fn begun(deadline: Instant) -> (Option<Executed>, bool) {
    let adapter = Arc::new(Asked::default());
    let operation = "noop.set".parse().unwrap();
    let call = Call { command: if_schemas::CommandId::from_bytes([1; 16]), operation, args: Map::new(), deadline };
    let ended = begin_in_turn(adapter.clone(), call, ProgressSink::none(), Turn::default()).await;
    (ended, adapter.0.load(Ordering::SeqCst))
}

#[tokio::test]
async fn nothing_begins_at_or_after_its_deadline() {
    assert_eq!(begun(Instant::now()).await, (None, false));
    let in_time = begun(Instant::now() + Duration::from_secs(60)).await;
    assert_eq!(in_time, (Some(Execution::Succeeded(Value::Null).into()), true));
}
