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

#[tokio::test]
async fn what_was_reported_before_the_end_is_passed_on_whole_and_in_order() {
    let (sink, mut reports) = ProgressSink::channel();
    let mut task = Box::pin(async move {
        sink.report("one", None);
        tokio::task::yield_now().await;
        sink.report("two", None);
        sink.report("three", None);
        "done"
    });
    let mut passed = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(60);
    let ended = watch(&mut task, deadline, &mut reports, |(message, _)| passed.push(message)).await;
    assert_eq!((ended, passed), (Some("done"), vec!["one".to_string(), "two".into(), "three".into()]));
}

#[tokio::test]
async fn what_was_reported_before_the_deadline_is_passed_on() {
    let (sink, mut reports) = ProgressSink::channel();
    sink.report("so far", None);
    let mut never = std::future::pending::<()>();
    let mut passed = Vec::new();
    let ended = watch(&mut never, Instant::now(), &mut reports, |(message, _)| passed.push(message)).await;
    assert_eq!((ended, passed), (None, vec!["so far".to_string()]));
}

#[test]
fn what_is_to_be_redacted_never_gets_into_a_result() {
    let shown = serde_json::json!({"server": "rtmp://live", "key": "geheim"});
    let ended = done(Execution::Succeeded(shown).into(), &["key".into()]);
    let Outcome::Result(document) = ended.outcome else { panic!("no result") };
    assert_eq!(document, serde_json::json!({"server": "rtmp://live", "key": "[redacted]"}));
}

fn has_come(turn: &mut Turn) -> bool {
    turn.before.as_mut().is_none_or(|before| matches!(before.try_recv(), Err(oneshot::error::TryRecvError::Closed)))
}

#[test]
fn a_command_in_two_lines_lets_both_go_on_once_it_has_begun() {
    let (mut one, mut two) = (None, None);
    let mut first = Turn::after(&mut one).with(Turn::after(&mut two));
    let mut next = [Turn::after(&mut one), Turn::after(&mut two)];
    assert_eq!(next.each_mut().map(has_come), [false, false]);
    first.begun();
    assert_eq!(next.each_mut().map(has_come), [true, true]);
}

#[test]
fn a_command_in_two_places_lets_the_next_one_go_on_once_it_has_begun_in_both() {
    let mut line = None;
    let mut first = Turn::after(&mut line);
    let mut second = first.share();
    let mut next = Turn::after(&mut line);
    first.begun();
    assert!(!has_come(&mut next));
    second.begun();
    assert!(has_come(&mut next));
}
